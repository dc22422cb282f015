"""Readers of images: the pixels of Pillow and numpy, cut into patches; and what is refused, with a
sentence that says where.

Letters: N images, H and W pixels, C channels.
"""

import gzip
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from sslplugins.readers.images.arrays import IdxReader, NumpyReader
from sslplugins.readers.images.pictures import PictureReader

from sslcli.api import DataError, Grid
from sslcli.cli.app import run
from sslcli.data.corpus import Corpus

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (8, 12, 3), dtype=np.uint8)
GREY = RANDOM.integers(0, 256, (8, 12), dtype=np.uint8)
MANY = RANDOM.integers(0, 256, (5, 8, 8), dtype=np.uint8)


def slowly_cut(image_HWC, patch):
    """Patch by patch, number by number."""
    height, width, channels = image_HWC.shape
    return np.asarray(
        [
            [
                image_HWC[top + row, left + column, channel]
                for row in range(patch)
                for column in range(patch)
                for channel in range(channels)
            ]
            for top in range(0, height, patch)
            for left in range(0, width, patch)
        ]
    )


def images_of(reader, path, **options):
    documents = list(reader(reader.Options(**options)).documents(str(path)))
    return [document.grid.joined(document.array) for document in documents], documents


def refusal(reader, path, **options):
    with pytest.raises(DataError) as raised:
        images_of(reader, path, **options)
    assert raised.value.hint
    assert str(path) in raised.value.message
    return f"{raised.value.message} | {raised.value.hint}"


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_patches_are_cut_row_by_row_and_joined_again(patch):
    image, grid = COLOUR / 255, Grid(8, 12, 3, patch)
    rows = grid.cut(image)
    assert np.array_equal(rows, slowly_cut(image, patch))
    assert rows.shape == (grid.rows, grid.features)
    assert np.array_equal(grid.joined(rows), image)


@pytest.mark.parametrize("kind", ["png", "bmp", "gif", "webp"])
def test_a_picture_has_the_pixels_that_pillow_reads_and_its_folders_label(kind, tmp_path):
    (tmp_path / "cat").mkdir()
    path = tmp_path / "cat" / f"1.{kind}"
    Image.fromarray(COLOUR).save(path, **({"lossless": True} if kind == "webp" else {}))
    expected = np.asarray(Image.open(path).convert("RGB"))
    (image,), (document,) = images_of(PictureReader, path)
    assert np.array_equal(image, expected.astype(np.float32) / np.float32(255))
    assert document.label == "cat"
    if kind in ("png", "webp"):
        assert np.array_equal(expected, COLOUR)


def test_grey_16_bit_and_turned_pictures(tmp_path):
    deep = RANDOM.integers(0, 1 << 16, (4, 8), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    (image,), _ = images_of(PictureReader, tmp_path / "deep.png")
    np.testing.assert_allclose(image[:, :, 0], deep / 65535, atol=1e-7)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    Image.fromarray(GREY).save(tmp_path / "turned.png", exif=exif)
    (image,), _ = images_of(PictureReader, tmp_path / "turned.png")
    assert np.array_equal(image[:, :, 0], np.rot90(GREY, -1).astype(np.float32) / 255)


@pytest.mark.parametrize("colours", ["auto", "grey", "colour"])
def test_colours_are_as_they_are_or_as_asked(colours, tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "c.png")
    Image.fromarray(GREY).save(tmp_path / "g.png")
    (colour,), _ = images_of(PictureReader, tmp_path / "c.png", colours=colours)
    (grey,), _ = images_of(PictureReader, tmp_path / "g.png", colours=colours)
    assert colour.shape[2] == (1 if colours == "grey" else 3)
    assert grey.shape[2] == (3 if colours == "colour" else 1)
    if colours == "grey":
        by_pillow = np.asarray(Image.fromarray(COLOUR).convert("L"))
        np.testing.assert_allclose(colour[:, :, 0] * 255, by_pillow, atol=1)
    if colours == "colour":
        assert (grey == grey[:, :, :1]).all()


def test_a_resized_picture_holds_the_means_of_what_it_stood_for(tmp_path):
    Image.fromarray(np.kron(MANY[0], np.ones((2, 2), np.uint8))).save(tmp_path / "big.png")
    (image,), _ = images_of(PictureReader, tmp_path / "big.png", resize=8)
    np.testing.assert_allclose(image[:, :, 0], MANY[0] / 255, atol=1e-6)


ARRAYS = {
    "grey": (MANY, MANY[..., None] / 255),
    "colour, channels last": (COLOUR[None], COLOUR[None] / 255),
    "colour, channels first": (COLOUR.transpose(2, 0, 1)[None], COLOUR[None] / 255),
    "shares": ((MANY / 255).astype(np.float64), MANY[..., None] / 255),
    "half": ((MANY / 255).astype(np.float16), (MANY / 255).astype(np.float16)[..., None]),
    "black and white": (MANY > 100, (MANY > 100)[..., None]),
    "big-endian": (MANY.astype(">u2") * 257, MANY[..., None] / 255),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("kind", ["npy", "npz", "npz, packed", "npy.gz"])
def test_arrays_of_numpy_are_read_as_they_are(name, kind, tmp_path):
    array, expected = ARRAYS[name]
    path = tmp_path / f"images.{kind.partition(',')[0]}"
    if kind == "npy":
        np.save(path, array)
    elif kind == "npy.gz":
        np.save(tmp_path / "plain.npy", array)
        path.write_bytes(gzip.compress((tmp_path / "plain.npy").read_bytes()))
    else:
        save = np.savez_compressed if "packed" in kind else np.savez
        save(path, pictures=array, y=np.arange(len(array)), other=np.zeros(3))
    found, documents = images_of(NumpyReader, path)
    np.testing.assert_allclose(np.stack(found), expected, atol=1e-6)
    labels = [document.label for document in documents]
    assert labels == [str(n) if "npz" in kind else None for n in range(len(array))]


def test_a_fresh_array_can_be_named_among_several(tmp_path):
    np.savez(tmp_path / "two.npz", left=MANY, right=MANY[::-1])
    said = refusal(NumpyReader, tmp_path / "two.npz")
    assert "2 arrays that may be images" in said
    assert "--array" in said
    assert "left [5, 8, 8]" in said
    found, _ = images_of(NumpyReader, tmp_path / "two.npz", array="right")
    assert np.array_equal(found[0][:, :, 0], MANY[-1].astype(np.float32) / 255)
    assert "has no array 'middle'" in refusal(NumpyReader, tmp_path / "two.npz", array="middle")


def test_what_else_an_archive_holds_is_no_matter(tmp_path):
    others = {
        "version": np.asarray(1),
        "means": np.asfortranarray(np.ones((4, 5))),
        "names": np.asarray([Anything()] * 3),
    }
    np.savez(tmp_path / "x.npz", images=MANY, **others)
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("README.txt", "images of nothing")
    found, _ = images_of(NumpyReader, tmp_path / "x.npz")
    assert np.array_equal(np.stack(found)[..., 0], MANY.astype(np.float32) / 255)
    np.savez(tmp_path / "y.npz", images=MANY, labels=np.asarray([Anything()] * 5))
    assert "y.npz, field 'labels' holds objects" in refusal(NumpyReader, tmp_path / "y.npz")


def test_which_axis_holds_channels_is_asked_about_where_two_may(tmp_path):
    strange = RANDOM.integers(0, 256, (2, 3, 8, 3), dtype=np.uint8)
    np.save(tmp_path / "strange.npy", strange)
    assert "two axes may be the channels" in refusal(NumpyReader, tmp_path / "strange.npy")
    (first, *_), _ = images_of(NumpyReader, tmp_path / "strange.npy", channels="first", patch=1)
    assert np.array_equal(first, strange[0].transpose(1, 2, 0).astype(np.float32) / 255)
    (last, *_), _ = images_of(NumpyReader, tmp_path / "strange.npy", channels="last", patch=1)
    assert np.array_equal(last, strange[0].astype(np.float32) / 255)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_idx_file_is_read(suffix, tmp_path):
    path = tmp_path / f"train.idx3-ubyte{suffix}"
    content = struct.pack(">BBBB3I", 0, 0, 8, 3, *MANY.shape) + MANY.tobytes()
    path.write_bytes(gzip.compress(content) if suffix else content)
    found, _ = images_of(IdxReader, path)
    assert np.array_equal(np.stack(found)[..., 0], MANY.astype(np.float32) / 255)


def saved(kind):
    def save(path, pixels, **more):
        Image.fromarray(pixels, **more).save(path, kind)

    return save


def bomb(path):
    """A small file of one colour that claims more pixels than Pillow holds for safe."""
    Image.new("1", (20_000, 20_000)).save(path, "png")


def animated(path):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    frames[0].save(path, "gif", save_all=True, append_images=frames[1:])


def transparent(path):
    Image.fromarray(np.dstack([COLOUR, np.full((8, 12), 128, np.uint8)])).save(path, "png")


def deep_float(path):
    Image.fromarray(GREY.astype(np.float32)).save(path, "tiff")


def cut_off(path):
    Image.fromarray(np.tile(COLOUR, (40, 40, 1))).save(path, "png")
    path.write_bytes(path.read_bytes()[:-2_000])


PICTURES = {
    "text": (lambda path: path.write_text("a picture"), "can be read: it begins as none does"),
    "empty": (lambda path: path.write_bytes(b""), "is no image that can be read"),
    "cut off": (cut_off, "is no image that can be read"),
    "too many pixels": (bomb, "more pixels than is safe"),
    "animated": (animated, "holds 2 pictures"),
    "transparent": (transparent, "transparent pixels"),
    "32 bits": (deep_float, "nothing says which is the brightest"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_that_are_refused(name, tmp_path):
    make, words = PICTURES[name]
    path = tmp_path / "picture.png"
    make(path)
    assert words in refusal(PictureReader, path)


def test_opaque_alpha_is_no_matter(tmp_path):
    opaque = np.dstack([COLOUR, np.full((8, 12), 255, np.uint8)])
    info = PngImagePlugin.PngInfo()
    Image.fromarray(opaque).save(tmp_path / "opaque.png", pnginfo=info)
    (image,), _ = images_of(PictureReader, tmp_path / "opaque.png")
    assert np.array_equal(image, COLOUR.astype(np.float32) / 255)


class Anything:
    """An object, which a file of numpy can hold only as a pickle."""


def archive_of(path, content):
    np.savez(path, images=MANY)
    path.write_bytes(content(path.read_bytes()))


NUMPY = {
    "objects": ("x.npy", lambda p: np.save(p, np.asarray([Anything()] * 3)), "objects of Python"),
    "objects in an archive": ("x.npz", lambda p: np.savez(p, a=np.asarray([[[Anything()]]])), "objects"),
    "text": ("x.npy", lambda p: p.write_text("no array"), "cannot be read as images"),
    "empty": ("x.npy", lambda p: p.write_bytes(b""), "cannot be read as images"),
    "cut off": ("x.npy", lambda p: (np.save(p, MANY), p.write_bytes(p.read_bytes()[:-9])), "it ends in record 5 of 5"),
    "an archive cut off": ("x.npz", lambda p: archive_of(p, lambda c: c[:-30]), "cannot be read"),
    "an archive of something else": ("x.npz", lambda p: archive_of(p, lambda c: c[:4] + b"x" * 400), "cannot be read"),
    "above 1": ("x.npy", lambda p: np.save(p, MANY * 1.0), "holds pixels from"),
    "below 0": ("x.npy", lambda p: np.save(p, MANY / -255), "holds pixels from -0.99"),
    "no number": ("x.npy", lambda p: np.save(p, MANY * np.nan), "holds pixels from"),
    "large whole numbers": ("x.npy", lambda p: np.save(p, MANY.astype(np.int64)), "numbers of type int64"),
    "complex": ("x.npy", lambda p: np.save(p, MANY * 1j), "numbers of type complex128"),
    "flat": ("x.npy", lambda p: np.save(p, MANY.reshape(5, -1)), "has the shape [5, 64]"),
    "five axes": ("x.npy", lambda p: np.save(p, MANY[:, :, :, None, None]), "has the shape"),
    "one number": ("x.npy", lambda p: np.save(p, np.float32(1)), "a single number"),
    "no channels": ("x.npy", lambda p: np.save(p, np.zeros((2, 8, 8, 7), np.uint8)), "no axis can be the channels"),
    "column by column": ("x.npy", lambda p: np.save(p, np.asfortranarray(MANY)), "lies column by column"),
    "no images in it": ("x.npz", lambda p: np.savez(p, labels=np.arange(3)), "no array of images"),
    "nothing in it": ("x.npz", lambda p: np.savez(p), "no array of images"),
    "patches that do not fit": ("x.npy", lambda p: np.save(p, MANY[:, :7]), "7 x 8 pixels, which patches of 4 x 4"),
    "no pixel": ("x.npy", lambda p: np.save(p, MANY[:, :0]), "0 x 8 pixels"),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMPY)
def test_arrays_that_are_refused(name, tmp_path):
    file, make, words = NUMPY[name]
    make(tmp_path / file)
    assert words in refusal(NumpyReader, tmp_path / file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "does not begin as an idx file does"),
        (b"\x00\x00\x08\x01" + struct.pack(">I", 3) + b"abc", "has the shape [3]"),
        (b"\x00\x00\x07\x03", "does not begin as an idx file does"),
        (b"\x00\x00\x08\x20", "32 axes"),
        (b"\x00\x00\x08\x03\x00\x00", "is damaged"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 2, 4, 4) + b"a" * 20, "it ends in record 2 of 2"),
        (
            struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**31, 2**31),
            "one image has 4,611,686,018,427,387,904 bytes",
        ),
    ],
)
def test_idx_files_that_are_refused(content, words, tmp_path):
    (tmp_path / "x.idx").write_bytes(content)
    assert words in refusal(IdxReader, tmp_path / "x.idx")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Five pictures by label, and a larger one elsewhere."""
    monkeypatch.chdir(tmp_path)
    for number, image in enumerate(MANY):
        place = tmp_path / "pictures" / ("cat" if number % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    (tmp_path / "other").mkdir()
    Image.fromarray(np.zeros((12, 12), np.uint8)).save(tmp_path / "other" / "large.png")
    return tmp_path


def test_a_folder_becomes_shards_that_know_their_grid(folder):
    """The flags of its reader need no --reader."""
    assert run(["tokenize", "--data", "pictures", "--out", "shards", "--patch", "2"]) == 0
    corpus = Corpus.open(folder / "shards", 64)
    assert corpus.grid == Grid(8, 8, 1, 2)
    order = [0, 2, 4, 1, 3]  # names sorted: cat before dog, and theirs within
    files = sorted((folder / "pictures").rglob("*.png"))
    assert [int(file.stem) for file in files] == order[3:] + order[:3]
    found = [corpus.grid.joined(corpus.array(number))[:, :, 0] for number in range(5)]
    expected = [np.asarray(Image.open(file), dtype=np.float32) / 255 for file in files]
    np.testing.assert_allclose(np.stack(found), np.stack(expected), atol=1e-7)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--data pictures --data other", ("12 x 12 pixels", "8 x 8 pixels", "--resize")),
        ("--data pictures --patch 3", ("8 x 8 pixels, which patches of 3 x 3", "--patch 2 or 4")),
        ("--data pictures --patch 0", ("--patch", "must be greater than 0")),
        ("--data pictures --colours red", ("--colours", "must be 'auto', 'grey'")),
    ],
)
def test_what_does_not_go_together_is_refused(line, said, folder, capsys):
    assert run(["tokenize", *line.split(), "--out", "shards"]) == 2
    told = capsys.readouterr().err
    assert all(words in told for words in said), told
    assert not (folder / "shards").exists()


def test_images_of_two_sizes_come_to_one(folder):
    words = ["--data", "pictures", "--data", "other", "--out", "shards", "--resize", "4"]
    assert run(["tokenize", *words]) == 0
    assert Corpus.open(folder / "shards", 64).grid == Grid(4, 4, 1, 4)


def test_an_objective_of_texts_says_that_it_reads_none(folder, capsys):
    assert run(["pretrain", "--objective", "mlm", "--data", "pictures"]) == 2
    assert "'mlm' reads text, and pictures holds images" in capsys.readouterr().err
