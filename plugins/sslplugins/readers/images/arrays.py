"""Images in arrays of numpy (npy, npz) and in idx files, one image a document.

Letters: N images, H and W pixels, C channels.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from typing import IO, Literal

import numpy as np

from sslcli.api import DataError, Document, Where, open_bytes, setting
from sslplugins.readers.images.cutting import (
    ImageOptions,
    ImageReader,
    document_of,
    resized,
    scaled,
    toned,
)

CHANNELS = (1, 3, 4)
LABELS = ("labels", "label", "y", "targets", "target")
# of an idx file, by the third byte of its beginning
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
MOST_AXES = 8
MOST_BYTES = 1 << 30  # of one image
ARRAY = ".npy"  # of an array's name in an archive
ARCHIVE = b"PK"


class ArrayOptions(ImageOptions):
    """Options of what has many images in a file."""

    array: str | None = setting(
        None, "name of the array of images in an npz file that holds several", "--array"
    )
    channels: Literal["auto", "first", "last"] = setting(
        "auto",
        "where the axis of the channels stands; auto: where it has 1, 3 or 4 of them",
        "--channels",
    )


@dataclass(frozen=True)
class Stored:
    """An array in a stream, of which one entry after the other is read: [N, ...]."""

    shape: tuple[int, ...]
    kind: np.dtype
    stream: IO[bytes] | BufferedIOBase

    @classmethod
    def of_numpy(cls, stream: IO[bytes] | BufferedIOBase, where: Where) -> "Stored":
        """The array of numpy that begins here. Raises DataError for objects, which would be
        unpickled.
        """
        shape, is_fortran, kind = _header(stream)
        if kind.hasobject:
            raise DataError(
                f"{where} holds objects of Python, which are not unpacked",
                "save it again as numbers, labels as numbers or texts",
            )
        if is_fortran and len(shape) > 1:
            raise DataError(
                f"{where} lies column by column", "save it again with numpy.ascontiguousarray"
            )
        if not shape:
            raise ValueError("it holds a single number")
        return cls(shape, kind, stream)

    @classmethod
    def of_idx(cls, stream: IO[bytes] | BufferedIOBase) -> "Stored":
        """The array of an idx file. Raises ValueError for what is none."""
        begins = stream.read(4)
        if len(begins) < 4 or begins[:2] != b"\0\0" or begins[2] not in IDX_TYPES:
            raise ValueError("it does not begin as an idx file does")
        if not 1 <= begins[3] <= MOST_AXES:
            raise ValueError(f"it says that it has {begins[3]} axes")
        shape = struct.unpack(f">{begins[3]}I", stream.read(4 * begins[3]))
        return cls(shape, np.dtype(IDX_TYPES[begins[2]]), stream)

    def __iter__(self) -> Iterator[np.ndarray]:
        each = self.shape[1:]
        size = self.kind.itemsize
        for side in each:
            size *= side
        if size > MOST_BYTES:
            raise ValueError(f"it says that one image has {size:,} bytes")
        for number in range(self.shape[0]):
            read = self.stream.read(size)
            if len(read) < size:
                raise EOFError(f"it ends in record {number + 1} of {self.shape[0]}")
            yield np.frombuffer(read, dtype=self.kind).reshape(each)


class _ArrayReader(ImageReader["_ArrayReader.Options"]):
    """Images out of one array."""

    class Options(ArrayOptions):
        pass

    def _images(
        self, stored: Stored, where: Where, labels: np.ndarray | None = None
    ) -> Iterator[Document]:
        options = self.options
        arrange = _arranged(stored.shape, options.channels, where)
        for number, image in enumerate(stored):
            at = Where(where.file, number + 1, where.field)
            pixels_HWC = toned(arrange(scaled(image, at)), options.colours)
            label = None if labels is None else str(labels[number])
            yield document_of(resized(pixels_HWC, options.resize), at, options.patch, label)


class NumpyReader(_ArrayReader):
    """One array of a file of numpy: of npy the only one, of npz that of images."""

    summary = "images in arrays of numpy: [N, H, W] or [N, H, W, C], uint8 or from 0 to 1"

    def documents(self, reference: str) -> Iterator[Document]:
        """Yield the images. Raises DataError where it is not sure which array holds them, or how.

        Nothing is unpickled.
        """
        where = Where(reference)
        with _refused(where):
            with open_bytes(reference) as file:
                is_archive = file.read(len(ARCHIVE)) == ARCHIVE
            with open_bytes(reference) as file:
                if not is_archive:
                    yield from self._images(Stored.of_numpy(file, where), where)
                    return
                with zipfile.ZipFile(file) as archive:
                    yield from self._out_of(archive, reference)

    def _out_of(self, archive: zipfile.ZipFile, reference: str) -> Iterator[Document]:
        held = [name.removesuffix(ARRAY) for name in archive.namelist() if name.endswith(ARRAY)]
        shapes = {name: _header(archive.open(name + ARRAY))[0] for name in held}
        name = self._chosen(shapes, reference)
        count = next(iter(shapes[name]), 0)
        of_labels = next((each for each in LABELS if shapes.get(each) == (count,)), None)
        others = [each for each in LABELS if each != name and len(shapes.get(each, ())) == 1]
        if of_labels is None and others:
            raise DataError(
                f"{reference}, {others[0]}: there are {shapes[others[0]][0]:,} labels for "
                f"{count:,} images",
                "give each image one, or name the array otherwise",
            )
        labels = None
        if of_labels is not None:
            stored = _opened(archive, of_labels + ARRAY, reference)
            labels = np.asarray([entry[()] for entry in stored])
        stored = _opened(archive, name + ARRAY, reference)
        yield from self._images(stored, Where(reference, field=name), labels)

    def _chosen(self, shapes: Mapping[str, tuple[int, ...]], reference: str) -> str:
        """The name of the array of images."""
        found = [name for name, shape in shapes.items() if len(shape) in (3, 4)]
        held = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items()) or "nothing"
        if (asked := self.options.array) is not None:
            if asked not in shapes:
                raise DataError(f"{reference} has no array '{asked}'", f"it holds: {held}"[:300])
            return asked
        if len(found) != 1:
            what = f"{len(found)} arrays that may be images" if found else "no array of images"
            raise DataError(
                f"{reference} holds {what}", f"say which with --array; it holds: {held}"[:300]
            )
        return found[0]


class IdxReader(_ArrayReader):
    """An idx file, as MNIST is given in: big-endian, without names."""

    summary = "images in an idx file, as those of MNIST"

    def documents(self, reference: str) -> Iterator[Document]:
        """Yield the images. Raises DataError for what is no idx file, or one of labels."""
        where = Where(reference)
        with _refused(where), open_bytes(reference) as file:
            yield from self._images(Stored.of_idx(file), where)


def _header(stream: IO[bytes] | BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether it lies column by column, and type of the array of numpy that begins here."""
    major, _ = np.lib.format.read_magic(stream)
    read = np.lib.format
    header = read.read_array_header_1_0 if major == 1 else read.read_array_header_2_0
    return header(stream)


def _opened(archive: zipfile.ZipFile, name: str, reference: str) -> Stored:
    """An entry of an archive; its stream goes with what reads it."""
    where = Where(reference, field=name.removesuffix(ARRAY))
    return Stored.of_numpy(archive.open(name), where)


@contextmanager
def _refused(where: Where) -> Generator[None]:
    """What a damaged or strange file raises, in a sentence."""
    try:
        yield
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(
            f"{where} cannot be read as images: {' '.join(str(error).split())[:120]}",
            "it may be cut off, or be something else; leave it out",
        ) from error
    except (zlib.error, struct.error, RuntimeError, MemoryError, OverflowError) as error:
        raise DataError(
            f"{where} is damaged: {' '.join(str(error).split())[:120]}", "get it once more"
        ) from error


def _arranged(
    shape: tuple[int, ...], channels: str, where: Where
) -> Callable[[np.ndarray], np.ndarray]:
    """What makes [H, W, C] of one image. Raises DataError where it cannot be told for sure."""
    if len(shape) == 3:
        return lambda image_HW: image_HW[:, :, None]
    if len(shape) != 4:
        raise DataError(
            f"{where} has the shape {list(shape)}",
            "images are [N, H, W] (grey) or [N, H, W, C]; one image is an array of one",
        )
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    if channels == "auto" and first == last:
        which = "two axes may" if first else "no axis can"
        raise DataError(
            f"{where} has the shape {list(shape)}, of which {which} be the channels",
            "say where they are: --channels first, or --channels last",
        )
    is_first = first if channels == "auto" else channels == "first"
    return (lambda image: image.transpose(1, 2, 0)) if is_first else (lambda image: image)
