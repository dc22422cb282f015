"""Images and recordings of a report as the bytes of files that every browser shows and plays."""

import wave
from io import BytesIO

from sslcli.deferred import Deferred
from sslcli.reports import Gallery, Sound

images = Deferred("PIL.Image")


def png_of(gallery: Gallery, image: str) -> bytes:
    """One image of a gallery, each pixel as it is; of two channels, or more than three, the mean of
    all in grey.
    """
    height, width, channels = gallery.size
    pixels = bytes.fromhex(image)
    if channels not in (1, 3):
        pixels = bytes(
            sum(pixels[start : start + channels]) // channels
            for start in range(0, len(pixels), channels)
        )
    written = BytesIO()
    mode = "RGB" if channels == 3 else "L"
    images.frombytes(mode, (width, height), pixels).save(written, "png", optimize=True)
    return written.getvalue()


def wav_of(sound: Sound) -> bytes:
    """A file of one channel of 16 bits."""
    written = BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.rate)
        file.writeframes(bytes.fromhex(sound.samples))
    return written.getvalue()
