"""Files of images that are wrong in every way, and some that only look so."""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from item_cases import Case
from PIL import Image

COUNT, SIDE = 30, 8
GREY = np.random.default_rng(0).integers(0, 256, (COUNT, SIDE, SIDE), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (COUNT, SIDE, SIDE, 3), dtype=np.uint8)
SHARES = (GREY / 255).astype(np.float32)
Make = Callable[[Path], None]


def make_sound(folder: Path) -> None:
    """What the model is trained on, and files that lines name beside a case's own."""
    np.savez(folder / "grey.npz", images=GREY, labels=np.arange(COUNT) % 2)
    np.save(folder / "colour.npy", COLOUR)
    np.save(folder / "wide.npy", np.zeros((COUNT, 8, 12), np.uint8))
    (folder / "t.csv").write_text("a,b\n" + "".join(f"{n},{n % 3}\n" for n in range(40)))
    (folder / "words.txt").write_text("the cat sat\n" * 40)


def stored(array: np.ndarray, **kept) -> bytes:
    """As numpy.save writes it."""
    packed = io.BytesIO()
    np.save(packed, array, **kept)
    return packed.getvalue()


def archived(**arrays: np.ndarray) -> bytes:
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return packed.getvalue()


def headed(descr: str, shape: str, content: bytes = b"", *, version: bytes = b"\x01\x00") -> bytes:
    """An array of numpy with this header, whatever it says."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust((-len(header) - 11) % 64 + len(header)) + "\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode() + content


def idx(array: np.ndarray, kind: int = 8, axes: int | None = None) -> bytes:
    axes = array.ndim if axes is None else axes
    return (
        bytes([0, 0, kind, axes]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    )


def picture(pixels: np.ndarray | Image.Image, kind: str = "PNG", **kept) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    packed = io.BytesIO()
    image.save(packed, kind, **kept)
    return packed.getvalue()


def file(name: str, content: bytes) -> Make:
    def make(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return make


def of_array(name: str, array: np.ndarray, *says: str, **more) -> Case:
    return Case(f"npy: {name}", file("t.npy", stored(array, **more.pop("kept", {}))), "t.npy",
                ("c/t.npy", *says), **more)  # fmt: skip


def of_bytes(name: str, content: bytes, *says: str, at: str = "t.npy", **more) -> Case:
    return Case(f"{at}: {name}", file(at, content), at, (f"c/{at}", *says), **more)


def taken(name: str, make: Make, data: str = "t.npy", *words: str, **more) -> Case:
    return Case(f"taken: {name}", make, data, words=words, code=0, **more)


def second_version(array: np.ndarray) -> bytes:
    packed = io.BytesIO()
    np.lib.format.write_array(packed, array, version=(2, 0))
    return packed.getvalue()


def changed(array: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    array = array.copy()
    array[place] = value
    return array


def arrays() -> list[Case]:
    """Of one array in a file."""
    whole, objects = stored(GREY), np.asarray([None] * COUNT, dtype=object)
    structured = np.zeros((COUNT, 8, 8), dtype=[("r", "u1"), ("g", "u1")])
    cannot = "cannot be read as images"
    return [
        of_bytes("empty", b"", cannot),
        of_bytes("random bytes", bytes(range(256)), cannot),
        of_bytes("magic alone", whole[:6], cannot),
        of_bytes("header cut off", whole[:40], cannot),
        of_bytes("no image", whole[:128], cannot, "ends in record 1 of 30"),
        of_bytes("cut off", whole[:-100], "ends in record 29 of 30"),
        of_bytes("cut off by a byte", whole[:-1], "ends in record 30 of 30"),
        of_bytes("another version", headed("'|u1'", "(2, 8, 8)", version=b"\x09\x00"), cannot),
        of_bytes("a program in the header", headed("__import__('os')", "(2, 8, 8)"), cannot),
        of_bytes("no shape", headed("'|u1'", "None"), cannot),
        of_bytes("a negative shape", headed("'|u1'", "(-2, 8, 8)", b"\0" * 128)),
        of_bytes("a shape of texts", headed("'|u1'", "('a', 8, 8)"), cannot),
        of_bytes("no such type", headed("'<q9'", "(2, 8, 8)"), cannot),
        of_bytes("says a million million", headed("'|u1'", "(1000000000000, 8, 8)", b"\0" * 999),
                 "ends in record 16"),
        of_bytes("says a giant image", headed("'|u1'", "(1, 99999, 99999)"), "one image has"),
        of_bytes("text", b"pixel 1, pixel 2", cannot),
        of_bytes("a table", b"a,b\n1,2\n", cannot),
        of_bytes("a picture", picture(GREY[0]), cannot),
        of_array("objects", objects, "objects of Python", kept={"allow_pickle": True}),
        of_array("a structure", structured, "numbers of type"),
        of_array("complex", GREY.astype(complex), "numbers of type complex128"),
        of_array("int8", GREY.astype(np.int8), "numbers of type int8"),
        of_array("int32", GREY.astype(np.int32), "numbers of type int32"),
        of_array("int64", GREY.astype(np.int64), "numbers of type int64"),
        of_array("uint32", GREY.astype(np.uint32), "numbers of type uint32"),
        of_array("texts", GREY.astype(str), "numbers of type <U"),
        of_array("bytes", GREY.astype("S3"), "numbers of type |S3"),
        of_array("dates", GREY.astype("M8[s]"), "numbers of type datetime64[s]"),
        of_array("bytes as decimals", GREY.astype(np.float32), "record 1", "pixels from"),
        of_array("too bright", changed(SHARES, (4, 3, 3), 1.5), "record 5", "to 1.5"),
        of_array("below black", changed(SHARES, (6, 0, 0), -0.25), "record 7", "from -0.25"),
        of_array("NaN", changed(SHARES, (2, 1, 1), np.nan), "record 3", "nan"),
        of_array("infinite", changed(SHARES, (29, 7, 7), np.inf), "record 30", "inf"),
        of_array("minus infinite", changed(SHARES, (0, 0, 0), -np.inf), "record 1", "-inf"),
        of_array("halves of NaN", changed(SHARES.astype(np.float16), (1, 1, 1), np.nan),
                 "record 2"),
        of_array("a single number", np.float32(1), cannot, "single number"),
        of_array("one axis", GREY.reshape(-1), "shape [1920]"),
        of_array("one image", GREY[0], "shape [8, 8]"),
        of_array("five axes", GREY.reshape(COUNT, 1, 8, 8, 1), "shape [30, 1, 8, 8, 1]"),
        of_array("no images", GREY[:0], "there is no row"),
        of_array("images of no pixels", GREY[:, :0], "0 x 8 pixels"),
        of_array("of no columns", GREY[:, :, :0], "8 x 0 pixels"),
        of_array("by columns", np.asfortranarray(GREY), "column by column"),
        of_array("channels at either end", np.zeros((COUNT, 3, 8, 4), np.uint8), "two axes may"),
        of_array("no channels", np.zeros((COUNT, 8, 8, 5), np.uint8), "no axis can"),
        of_array("channels first, which are not", COLOUR, "8 x 3 pixels",
                 words=("--channels", "first")),
        of_array("channels last, which are not", COLOUR.transpose(0, 3, 1, 2), "3 x 8 pixels",
                 words=("--channels", "last")),
        of_array("an odd size", np.zeros((COUNT, 9, 8), np.uint8), "record 1", "9 x 8 pixels"),
        of_array("a prime size", np.zeros((COUNT, 7, 7), np.uint8), "7 x 7 pixels"),
        of_array("smaller than a patch", np.zeros((COUNT, 2, 2), np.uint8), "2 x 2 pixels"),
        of_array("pixels", GREY[:, :1, :1], "1 x 1 pixels"),
        taken("uint16", file("t.npy", stored(GREY.astype(np.uint16) * 257))),
        taken("big-endian uint16", file("t.npy", stored((GREY.astype(np.uint16) * 257).astype(">u2")))),
        taken("big-endian shares", file("t.npy", stored(SHARES.astype(">f4")))),
        taken("shares of 64 bits", file("t.npy", stored(SHARES.astype(np.float64)))),
        taken("halves", file("t.npy", stored(SHARES.astype(np.float16)))),
        taken("black and white", file("t.npy", stored(GREY > 99))),
        taken("channels first", file("t.npy", stored(np.moveaxis(COLOUR, 3, 1)))),
        taken("four channels", file("t.npy", stored(COLOUR.repeat(4, 3)[..., :4]))),
        taken("a header of version 2", file("t.npy", second_version(GREY))),
    ]  # fmt: skip


def of_archive(name: str, content: bytes, *says: str, **more) -> Case:
    return Case(f"npz: {name}", file("t.npz", content), "t.npz", ("c/t.npz", *says), **more)


def rewritten(names: dict[str, bytes], **kept) -> bytes:
    """An archive of these entries."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", **kept) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return packed.getvalue()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def archives() -> list[Case]:
    """Of several arrays in a file, and idx files."""
    labels = np.arange(COUNT) % 2
    whole = archived(images=GREY, labels=labels)
    objects = np.asarray(["a"] * COUNT, dtype=object)
    encrypted = bytearray(rewritten({"images.npy": stored(GREY)}))
    for begins in (b"PK\x03\x04", b"PK\x01\x02"):
        encrypted[encrypted.index(begins) + (6 if begins[2] == 3 else 8)] |= 1
    strange = rewritten({"images.npy": stored(GREY)}).replace(b"PK\x01\x02", b"PK\x01\x02", 1)
    method = bytearray(strange)
    for begins in (b"PK\x03\x04", b"PK\x01\x02"):
        place = method.index(begins) + (8 if begins[2] == 3 else 10)
        method[place : place + 2] = struct.pack("<H", 99)
    return [
        of_archive("empty", b"", "cannot be read"),
        of_archive("cut off", whole[:-30], "cannot be read"),
        of_archive("its beginning", whole[:200], "cannot be read"),
        of_archive("nothing in it", rewritten({}), "no array of images", ),
        of_archive("texts in it", rewritten({"readme.txt": b"hello"}), "no array of images"),
        of_archive("labels alone", archived(labels=labels), "no array of images"),
        of_archive("two arrays", archived(x=GREY, z=GREY), "2 arrays that may be images"),
        of_archive("no such array", whole, "no array 'pixels'", words=("--array", "pixels")),
        of_archive("labels for images", whole, "labels", "shape [30]", words=("--array", "labels")),
        of_archive("objects", archived(images=np.asarray([GREY] * 2 + [None], dtype=object)),
                   "no array of images"),
        of_archive("labels that are objects", archived(images=GREY, labels=objects),
                   "labels", "objects of Python"),
        of_archive("labels too few", archived(images=GREY, labels=labels[:-1]),
                   "labels", "29 labels for 30 images"),
        of_archive("labels too many", archived(images=GREY, y=np.arange(31)),
                   "y", "31 labels for 30 images"),
        of_archive("no labels in them", archived(images=GREY, targets=labels[:0]),
                   "0 labels for 30 images"),
        of_archive("NaN", archived(images=changed(SHARES, (8, 0, 0), np.nan)),
                   "images", "record 9"),
        of_archive("int64", archived(images=GREY.astype(np.int64)), "images", "int64"),
        of_archive("by columns", archived(images=np.asfortranarray(GREY)), "images", "column"),
        of_archive("no images in it", archived(images=GREY[:0]), "there is no row"),
        of_archive("an entry cut off", rewritten({"images.npy": stored(GREY)[:-50]}),
                   "ends in record 30"),
        of_archive("an entry that is none", rewritten({"images.npy": b"hello"}), "cannot be read"),
        of_archive("a damaged entry", flipped(whole, 400), "cannot be read"),
        of_archive("locked", bytes(encrypted), "damaged"),
        of_archive("packed in no known way", bytes(method), "cannot be read"),
        of_archive("a pickle", b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94.", "cannot be"),
        of_archive("a document of an office", rewritten({"[Content_Types].xml": b"<x/>"}),
                   "no array of images"),
        taken("packed tightly", file("t.npz", rewritten({"images.npy": stored(GREY)},
                                                        compression=zipfile.ZIP_DEFLATED)), "t.npz"),
        taken("packed by bzip2", file("t.npz", rewritten({"images.npy": stored(GREY)},
                                                         compression=zipfile.ZIP_BZIP2)), "t.npz"),
        taken("named archive, one array", file("t.npz", stored(GREY)), "t.npz"),
        taken("named array, an archive", file("t.npy", whole)),
        taken("labels as texts", file("t.npz", archived(images=GREY, y=labels.astype(str))),
              "t.npz"),
        *(
            of_bytes(name, content, *says, at="t.idx")
            for name, content, *says in (
                ("empty", b"", "does not begin as an idx file"),
                ("text", b"hello world", "does not begin as an idx file"),
                ("packed", b"\x1f\x8b\x08" + b"\0" * 40, "c/t.idx"),
                ("no such type", idx(GREY, kind=10), "does not begin as an idx file"),
                ("no axes", bytes([0, 0, 8, 0]), "0 axes"),
                ("nine axes", bytes([0, 0, 8, 9]) + b"\0" * 36, "9 axes"),
                ("labels", idx(labels.astype(np.uint8)), "shape [30]"),
                ("shape cut off", idx(GREY)[:9], "c/t.idx"),
                ("cut off", idx(GREY)[:-9], "ends in record 30"),
                ("no images", idx(GREY[:0]), "there is no row"),
                ("signed", idx(GREY.astype(">i1"), kind=9), "numbers of type int8"),
                ("whole numbers of 32 bits", idx(GREY.astype(">i4"), kind=12), "numbers of type"),
                ("decimal numbers", idx(GREY.astype(">f4"), kind=13), "pixels from"),
                ("of no pixels", idx(GREY[:, :0]), "0 x 8 pixels"),
            )
        ),
        taken("an idx file", file("t.idx", idx(GREY)), "t.idx"),
        taken("decimal numbers in idx", file("t.idx", idx(SHARES.astype(">f4"), kind=13)), "t.idx"),
        Case("idx: of another reader", file("t.png", picture(GREY[0])), "t.png",
             ("c/t.png", "does not begin"), ("--reader", "idx")),
    ]  # fmt: skip


def folder_of(*names: str, **others: bytes) -> Make:
    """Grey pictures of these names, and other files, `__` standing for a dot."""

    def make(folder: Path) -> None:
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(picture(GREY[number % COUNT]))
        for name, content in others.items():
            (folder / name.replace("__", ".")).write_bytes(content)

    return make


MANY = tuple(f"p{number:02}.png" for number in range(COUNT))


def one_among(name: str, content: bytes, *says: str, at: str = "x.png", **more) -> Case:
    """A picture among sound ones that comes after them."""

    def make(folder: Path) -> None:
        folder_of(*MANY)(folder)
        (folder / at).write_bytes(content)

    return Case(f"{at}: {name}", make, ".", (f"c/{at}", *says), **more)


def taken_among(name: str, content: bytes, at: str = "x.png", *words: str) -> Case:
    return Case(
        f"taken: {at}: {name}", one_among("", content, at=at).make, ".", words=words, code=0
    )


def bomb() -> bytes:
    """A picture that says that it is 100,000 pixels wide and high."""
    content = picture(GREY[0])
    place = content.index(b"IHDR")
    header = b"IHDR" + struct.pack(">II", 100_000, 100_000) + content[place + 12 : place + 17]
    check = struct.pack(">I", zlib.crc32(header))
    return content[:place] + header + check + content[place + 21 :]


def jpeg(**kept) -> bytes:
    return picture(COLOUR[0], "JPEG", **kept)


def pictures() -> list[Case]:
    """Files of one image."""
    png, still = picture(GREY[0]), "is no image that can be read"
    rgba = np.dstack([COLOUR[0], np.full((8, 8), 255, np.uint8)])
    glassy = rgba.copy()
    glassy[0, 0, 3] = 7
    frames = [Image.fromarray(each) for each in GREY[:3]]
    palette = Image.fromarray(COLOUR[0]).quantize(8)
    glassy_palette = palette.copy()
    glassy_palette.info["transparency"] = 0
    deep = Image.fromarray(SHARES[0])
    turned = Image.Exif()
    turned[0x0112] = 6
    large = GREY[:6].reshape(16, 24)
    return [
        one_among("empty", b"", still),
        one_among("text", b"a picture of a cat", still),
        one_among("random bytes", bytes(range(256)), still),
        one_among("magic alone", png[:8], still),
        one_among("cut off", png[:-30], still),
        one_among("its first half", png[: len(png) // 2], still),
        one_among("damaged pixels", flipped(png, len(png) - 25), still),
        one_among("a damaged header", flipped(png, 18), still),
        one_among("zeros behind a header", png[:40] + bytes(60), still),
        one_among("a drawing", b"<svg xmlns='http://www.w3.org/2000/svg'/>", still),
        one_among("a page of the web", b"<!DOCTYPE html><p>404", still),
        one_among("a document", b"%PDF-1.7 ...", still),
        one_among("an array", stored(GREY), still),
        one_among("a table", b"a,b\n1,2\n", still),
        one_among("more than is safe", bomb(), "more pixels than is safe"),
        one_among("moving", picture(frames[0], "PNG", save_all=True, append_images=frames[1:]),
                  "holds 3 pictures"),
        one_among("moving", picture(frames[0], "GIF", save_all=True, append_images=frames[1:]),
                  "holds 3 pictures", at="x.gif"),
        one_among("moving", picture(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
                  "holds 3 pictures", at="x.webp"),
        one_among("pages", picture(frames[0], "TIFF", save_all=True, append_images=frames[1:]),
                  "holds 3 pictures"),
        one_among("transparent", picture(glassy), "transparent pixels"),
        one_among("transparent palette", picture(glassy_palette), "transparent pixels"),
        one_among("pixels of 32 bits", picture(deep, "TIFF"), "pixels of 32 bits"),
        one_among("colour among grey", picture(COLOUR[0]), "colour", "grey"),
        one_among("of another size", picture(large), "16 x 24 pixels", "8 x 8 pixels"),
        one_among("an odd size", picture(GREY[0][:7]), "7 x 8 pixels"),
        one_among("a pixel", picture(GREY[0][:1, :1]), "1 x 1 pixels"),
        one_among("cut off", jpeg()[:-60], still, at="x.jpg"),
        one_among("its beginning", jpeg()[:20], still, at="x.jpeg"),
        one_among("empty", b"", still, at="x.jpg"),
        one_among("cut off", picture(GREY[0], "WEBP")[:-20], still, at="x.webp"),
        one_among("text", b"RIFF....WEBPnothing", still, at="x.webp"),
        one_among("cut off", picture(GREY[0], "BMP")[:-30], still, at="x.bmp"),
        one_among("its beginning", picture(GREY[0], "BMP")[:20], still, at="x.bmp"),
        one_among("cut off", picture(GREY[0], "GIF")[:-30], still, at="x.gif"),
        one_among("text", b"GIF89a", still, at="x.gif"),
        taken_among("16 bits", picture(GREY[0].astype(np.uint16) * 257)),
        taken_among("a palette", picture(palette), "x.png", "--colours", "grey"),
        taken_among("black and white", picture(Image.fromarray(GREY[0] > 99))),
        taken_among("opaque", picture(rgba), "x.png", "--colours", "grey"),
        taken_among("four inks", picture(Image.fromarray(COLOUR[0]).convert("CMYK"), "JPEG"),
                    "x.jpg", "--colours", "grey"),
        taken_among("turned", picture(Image.fromarray(GREY[0]), "JPEG", exif=turned), "x.jpg"),
        taken_among("another suffix", picture(GREY[0], "JPEG")),
        taken_among("in steps", picture(Image.fromarray(GREY[0]), "JPEG", progressive=True), "x.jpg"),
        taken_among("of another size, resized", picture(large), "x.png", "--resize", "8"),
        taken_among("a still GIF", picture(GREY[0], "GIF"), "x.gif", "--colours", "grey"),
    ]  # fmt: skip


def linked(target: str, name: str = "x.png") -> Make:
    def make(folder: Path) -> None:
        folder_of(*MANY)(folder)
        (folder / name).symlink_to(target)

    return make


def piped(folder: Path) -> None:
    folder_of(*MANY)(folder)
    os.mkfifo(folder / "x.png")


def nested(folder: Path) -> None:
    """A folder that is called as a picture is, with pictures in it."""
    folder_of(*MANY[:-2], "x.png/a.png", "x.png/b.png")(folder)


def said(name: str, make: Make, what: str) -> Case:
    """A folder that is read, but for what is said aloud."""
    says = ("not read, of what lies in c", what)
    return Case(f"folder, said: {name}", make, ".", says, ("--colours", "grey"), code=0)


def folders() -> list[Case]:
    """What lies in a folder."""

    def empty(folder: Path) -> None:
        pass

    def empty_inside(folder: Path) -> None:
        (folder / "cats").mkdir()
        (folder / "dogs").mkdir()

    return [
        Case("folder: empty", empty, ".", ("c",)),
        Case("folder: empty ones in it", empty_inside, ".", ("c",)),
        Case("folder: texts alone", folder_of(readme__md=b"hello"), ".", ("readme.md",)),
        Case("folder: hidden files alone", folder_of(".a.png", ".b.png"), ".", ("c",)),
        said("an unknown file", folder_of(*MANY, x__heic=b"ftypheic"), "x.heic"),
        Case("folder: pictures and an array", folder_of(*MANY, x__npy=stored(COLOUR)), ".",
             ("x.npy", "colour")),
        Case("folder: pictures and recordings", folder_of(*MANY, x__wav=b"RIFF"), ".", ("holds",)),
        said("a link to nothing", linked("nowhere.png"), "x.png"),
        said("a link to itself", linked("x.png"), "x.png"),
        said("a link to a device", linked("/dev/zero"), "x.png"),
        said("a pipe", piped, "x.png"),
        Case("folder: one picture", folder_of("a.png"), ".", ("too small",)),
        Case("folder: absent", empty, "nowhere", ("c/nowhere",)),
        Case("folder: no pattern fits", empty, "*.png", ("c/*.png",)),
        taken("a folder called as a picture", nested, "."),
        taken("hidden files beside", folder_of(*MANY, ".hidden.png", ".DS_Store"), "."),
        said("a list of labels", folder_of(*MANY, labels__csv=b"name,label\np00.png,a\n"),
             "labels.csv"),
    ]  # fmt: skip


def plain(folder: Path) -> None:
    (folder / "t.npz").write_bytes(archived(images=GREY, labels=np.arange(COUNT) % 2))


def option(name: str, words: str, *says: str, data: str = "t.npz", **more) -> Case:
    return Case(f"option: {name}", plain, data, says, tuple(words.split()), **more)


def options() -> list[Case]:
    """Flags that do not fit the images."""
    return [
        option("no patch", "--patch 0", "--patch"),
        option("a patch below nothing", "--patch -4", "--patch"),
        option("a patch that does not fill", "--patch 3", "8 x 8 pixels"),
        option("a patch larger than the image", "--patch 16", "8 x 8 pixels"),
        option("half a patch", "--patch 2.5", "--patch"),
        option("no size", "--resize 0", "--resize"),
        option("a size that patches do not fill", "--resize 10", "10 x 10 pixels"),
        option("no such colours", "--colours sepia", "--colours"),
        option("no such channels", "--channels middle", "--channels"),
        option("no such label", "--only 7", "no row of 7"),
        option("a code as large", "--code 64", "leaves nothing to learn"),
        option("no code", "--code 0", "--code"),
        option("no such corruption", "--corrupt blur", "--corrupt"),
        option("too much of it", "--corrupt mask --corrupt-rate 2", "--corrupt-rate"),
        option("tokens", "--seq-len 64", "--seq-len is for text"),
        option("a tokenizer", "--tokenizer bpe", "--tokenizer is for text"),
        option("held out: another size", "--eval-data sound/wide.npy", "wide.npy", "8 x 12"),
        option("held out: colour", "--eval-data sound/colour.npy", "colour.npy", "colour"),
        option("held out: a table", "--eval-data sound/t.csv", "holds tables"),
        option("held out: text", "--eval-data sound/words.txt", "holds text"),
        option("held out: absent", "--eval-data c/u.npz", "c/u.npz"),
        option("twice", "--data c/t.npz", "given twice"),
        option("with a table", "--data sound/t.csv", "holds tables"),
        option("with another size", "--data sound/wide.npy", "8 x 12"),
        option("nothing held out", "--limit 1", "too small"),
        option("probe: another size", "", "8 x 12", data="", way="probe_wide"),
        option("probe: colour", "", "colour", data="", way="probe_colour"),
        option("probe: a table", "", "holds tables", data="", way="probe_table"),
        option("probe: text", "", "holds text", data="", way="probe_text"),
        option("probe: no such label", "--normal cat", "no item has the label 'cat'", way="probe"),
        option("probe: absent", "", "c/u.npz", data="u.npz", way="probe"),
        option("tuning: another size", "", "8 x 12", data="", way="tune_wide"),
        option("tuning: colour", "", "colour", "grey", data="", way="tune_colour"),
        option("tuning: text", "", "holds text", data="", way="tune_text"),
        option("tuning: a column", "--label-field a", "a column of a table", way="tune"),
        option("tuning: tokens", "--seq-len 8", "--seq-len is for texts", way="tune"),
        taken("a probe", plain, "t.npz", "--normal", "0", way="probe"),
        taken("a tuning", plain, "t.npz", way="tune"),
    ]  # fmt: skip


CASES = [*arrays(), *archives(), *pictures(), *folders(), *options()]
