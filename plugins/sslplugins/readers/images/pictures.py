"""Image files: PNG, JPEG, WebP, BMP and GIF, each one document, labelled by its folder."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sslcli.api import DataError, Document, Where, open_bytes
from sslplugins.readers.images.cutting import (
    ImageOptions,
    ImageReader,
    document_of,
    resized,
    scaled,
    toned,
)

SIXTEEN_BITS = ("I;16", "I;16B", "I;16L")


class PictureReader(ImageReader["PictureReader.Options"]):
    """One image a file, of whatever type Pillow finds it to be; its folder's name is its label."""

    summary = "image files (PNG, JPEG, WebP, BMP, GIF), labelled by their folders"

    class Options(ImageOptions):
        pass

    def documents(self, reference: str) -> Iterator[Document]:
        """Yield the image. Raises DataError for what is none, or none that can be told for sure."""
        where, options = Where(reference), self.options
        pixels_HWC = resized(toned(_pixels(reference, where), options.colours), options.resize)
        label = Path(reference).resolve().parent.name or None
        yield document_of(pixels_HWC, where, options.patch, label)


def _pixels(reference: str, where: Where) -> np.ndarray:
    """float32 [H, W, 1 or 3] in [0, 1], upright."""
    try:
        with warnings.catch_warnings(), open_bytes(reference) as file:
            packed = io.BytesIO(file.read())
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(packed) as image:
                if (frames := getattr(image, "n_frames", 1)) > 1:
                    raise DataError(f"{where} holds {frames} pictures", "give a file of one")
                image.load()
                image = ImageOps.exif_transpose(image)
                _refuse_transparent(image, where)
                return _numbers(image, where)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(
            f"{where} says that it has more pixels than is safe to unpack",
            "make it smaller, or leave it out",
        ) from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{where} is no image that can be read: it begins as none does",
            "its name may be wrong; leave it out",
        ) from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise DataError(
            f"{where} is no image that can be read: {' '.join(str(error).split())[:120]}",
            "it may be cut off, or be something else; leave it out",
        ) from error


def _refuse_transparent(image: Image.Image, where: Where) -> None:
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        alpha = np.asarray(image.convert("RGBA"))[:, :, 3]
        if (alpha < 255).any():
            raise DataError(
                f"{where} has transparent pixels, whose colour nobody says",
                "lay it on a background first",
            )


def _numbers(image: Image.Image, where: Where) -> np.ndarray:
    if image.mode in SIXTEEN_BITS:
        return scaled(np.asarray(image).astype(np.uint16), where)[:, :, None]
    if image.mode in ("I", "F"):
        raise DataError(
            f"{where} has pixels of 32 bits, and nothing says which is the brightest",
            "save it with 8 or 16 bits",
        )
    is_grey = image.mode in ("1", "L", "LA", "La")
    pixels = np.asarray(image.convert("L" if is_grey else "RGB"))
    return scaled(pixels[:, :, None] if is_grey else pixels, where)
