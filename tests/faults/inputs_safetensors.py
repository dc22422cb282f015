"""Weight files with a damaged header, a damaged layout, or numbers that are none.

    python tests/faults/inputs_safetensors.py --cases 100000

What is read must be what a slow reader of the published format (a length in 8 bytes, a JSON header,
one buffer without holes) finds in the file; a file that it calls unsound must be refused, and no
case may take more than twice the memory of its file.
"""

import json
import math
import random
import struct
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from inputs_models import write_tiny_model
from inputs_trying import PeakMemory, Trial, by_hand
from tallies import Tally

from sslcli.models.file_names import SINGLE
from sslcli.models.hf_directory import families, read_directory
from sslcli.models.hf_tensors import Read, find_tensors, read_tensors
from sslcli.models.weights import expected_shapes

SPARE_BYTES = 128_000_000  # the first use of a library, and a kilobyte for each of 100000 tensors
ITEM_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
    "F8_E4M3": 1,
    "U64": 8,
}
Header = dict[str, Any]


def split(data: bytes) -> tuple[Header, bytes]:
    end = 8 + struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:end]), data[end:]


def joined(header: Header | str | bytes, buffer: bytes) -> bytes:
    text = json.dumps(header) if isinstance(header, dict) else header
    encoded = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return struct.pack("<Q", len(encoded)) + encoded + buffer


def unsound(data: bytes) -> str:
    """Why a file is not of the format; by the letter of its specification, with no care for
    speed.
    """
    if len(data) < 8 or 8 + (length := struct.unpack("<Q", data[:8])[0]) > len(data):
        return "the header is longer than the file"
    try:
        header = json.loads(data[8 : 8 + length].decode("utf-8"), object_pairs_hook=_told_once)
        entries = [entry for name, entry in header.items() if name != "__metadata__"]
        spans = sorted(
            (*entry["data_offsets"], entry["dtype"], entry["shape"]) for entry in entries
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return f"the header is none: {error}"
    place = 0
    for begin, end, dtype, shape in spans:
        if (
            not all(type(size) is int and size >= 0 for size in (begin, end, *shape))
            or dtype not in ITEM_BYTES
        ):
            return "an entry is none"
        if begin != place or end - begin != ITEM_BYTES[dtype] * math.prod(shape):
            return "an entry does not begin where the last one ends, or is not as long as its shape"
        place = end
    return "" if place == len(data) - 8 - length else "the buffer has another length"


def _told_once(pairs: list[tuple[str, Any]]) -> Header:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)


def _first(change: Callable[[Header], object]) -> Callable[[Header, bytes], bytes]:
    """Change the entry of the tensor that lies first in the buffer."""

    def damage(header: Header, buffer: bytes) -> bytes:
        change(_by_place(header)[0])
        return joined(header, buffer)

    return damage


def _by_place(header: Header) -> list[Header]:
    return sorted(
        (entry for name, entry in header.items() if name != "__metadata__"),
        key=lambda entry: entry["data_offsets"],
    )


def _whole_entries(header: Header) -> list[Header]:
    return [
        entry
        for entry in header.values()
        if isinstance(entry, dict) and {"dtype", "shape", "data_offsets"} <= set(entry)
    ]


def _length(number: int) -> Callable[[Header, bytes], bytes]:
    return lambda header, buffer: struct.pack("<Q", number) + joined(header, buffer)[8:]


def _text(change: Callable[[str], str | bytes]) -> Callable[[Header, bytes], bytes]:
    return lambda header, buffer: joined(change(json.dumps(header)), buffer)


def _more(entries: Callable[[int], Header]) -> Callable[[Header, bytes], bytes]:
    """Entries in front of the others, given the length of the buffer."""
    return lambda header, buffer: joined({**entries(len(buffer)), **header}, buffer)


def _numbers(value: float, item: str) -> Callable[[Header, bytes], bytes]:
    return lambda header, buffer: joined(
        header, struct.pack(item, value) + buffer[struct.calcsize(item) :]
    )


def _entry(begin: int, end: int, shape: Sequence[int] = (0,), dtype: str = "F32") -> Header:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


OVERFLOWING = [4194305, 4194305, 211106198978564]  # whose product is 4 in 64 bits
NAMED: Mapping[str, Callable[[Header, bytes], bytes]] = {
    "nothing": lambda header, buffer: b"",
    "seven bytes": lambda header, buffer: bytes(7),
    "zeros": lambda header, buffer: bytes(4096),
    **{
        f"a header of {number} bytes": _length(number)
        for number in (0, 1, 2, 2**20, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
    },
    "a header of 100 MB": _text(lambda text: text + " " * (100_000_000 - len(text))),
    "a header of more than 100 MB": _text(lambda text: text + " " * 100_000_001),
    "a header that is a list": _text(lambda text: f"[{text}]"),
    "a header that is empty": _text(lambda text: "{}"),
    "a header of great depth": _text(lambda text: "[" * 100_000),
    "a header of great depth in an entry": _text(
        lambda text: text[:-1] + ', "x": ' + "[" * 100_000 + "]" * 100_000 + "}"
    ),
    "a header that is no UTF-8": _text(
        lambda text: text.encode().replace(b"bert", b"\xff\xfe\xfd\xfc", 1)
    ),
    "a header in UTF-16": _text(lambda text: text.encode("utf-16")),
    "a header after a space": _text(lambda text: f" {text}"),
    "a header before a NUL": _text(lambda text: f"{text}\0"),
    "100000 tensors": _more(lambda size: {f"t{number}": _entry(0, 0) for number in range(100_000)}),
    "100000 tensors on one place": _more(
        lambda size: {f"t{number}": _entry(0, size) for number in range(100_000)}
    ),
    "a name of a megabyte": _more(lambda size: {"n" * 1_000_000: _entry(0, 0)}),
    "names that command terminals": _more(
        lambda size: {"a\n\x1b[2Jb": _entry(0, 0), "\u202e": _entry(0, 0), "": _entry(0, 0)}
    ),
    "half a character in a name": _more(lambda size: {"\ud800": _entry(0, 0)}),
    "metadata that are numbers": _more(lambda size: {"__metadata__": {"format": 3}}),
    "an overlap": _first(
        lambda entry: entry["data_offsets"].__setitem__(1, entry["data_offsets"][1] + 4)
    ),
    "a hole": lambda header, buffer: joined(
        _by_place(header)[0].update(data_offsets=[4, 4], shape=[0]) or header, buffer
    ),
    "trailing bytes": lambda header, buffer: joined(header, buffer + b"more"),
    "missing bytes": lambda header, buffer: joined(header, buffer[:-1]),
    "an unknown dtype": _first(lambda entry: entry.update(dtype="F31")),
    "a dtype that is a number": _first(lambda entry: entry.update(dtype=3)),
    "a dtype of half the size": _first(lambda entry: entry.update(dtype="F16")),
    "whole numbers": _first(lambda entry: entry.update(dtype="I32")),
    "a shape that overflows": _first(lambda entry: entry.update(shape=OVERFLOWING)),
    "an overflowing shape of its own": _more(lambda size: {"x": _entry(0, 16, OVERFLOWING)}),
    "a huge shape": _first(lambda entry: entry.update(shape=[2**40, 2**20])),
    "a huge shape with a 0 in it": _more(lambda size: {"x": _entry(0, 0, [2**62, 2**62, 0])}),
    "a negative shape": _first(lambda entry: entry.update(shape=[-1, -80])),
    "a shape of fractions": _first(lambda entry: entry.update(shape=[0.5, 160])),
    "a shape that is text": _first(lambda entry: entry.update(shape="8, 8")),
    "a shape of a million dimensions": _first(lambda entry: entry.update(shape=[1] * 1_000_000)),
    "offsets turned round": _first(lambda entry: entry["data_offsets"].reverse()),
    "offsets beyond the file": _first(lambda entry: entry.update(data_offsets=[2**40, 2**40 + 4])),
    "offsets beyond 64 bits": _first(lambda entry: entry.update(data_offsets=[0, 2**70])),
    "negative offsets": _first(lambda entry: entry.update(data_offsets=[-4, 0])),
    "three offsets": _first(lambda entry: entry["data_offsets"].append(8)),
    "no offsets": _first(lambda entry: entry.pop("data_offsets")),
    "an unknown key in an entry": _first(lambda entry: entry.update(stride=[1])),
    "one name twice": _text(lambda text: text[:-1] + "," + text[1:]),
    "one name twice, the first a lie": _text(
        lambda text: text.replace("{", '{"bert.embeddings.word_embeddings.weight": {}, ', 1)
    ),
    "not a number": _numbers(math.nan, "<f"),
    "infinite": _numbers(math.inf, "<f"),
    "infinite below": _numbers(-math.inf, "<f"),
}
EDITS: Sequence[Callable[[random.Random, Header, Header], object]] = (
    lambda draw, header, entry: entry.update(dtype=draw.choice([*ITEM_BYTES, "F4", "", None])),
    lambda draw, header, entry: entry.update(
        shape=[draw.choice((0, 1, 2, 8, 16, 80, 2**31, 2**63)) for _ in range(draw.randint(0, 4))]
    ),
    lambda draw, header, entry: entry["shape"].append(draw.choice((0, 1, 2, -1, 2**63))),
    lambda draw, header, entry: entry["data_offsets"].__setitem__(
        draw.randint(0, 1), draw.choice((0, 4, 64, 1024, -4, 2**63, 2**64))
    ),
    lambda draw, header, entry: entry.pop(draw.choice(("dtype", "shape", "data_offsets"))),
    lambda draw, header, entry: entry.update(draw.choice(_whole_entries(header))),
    lambda draw, header, entry: header.pop(draw.choice(list(header))),
    lambda draw, header, entry: header.update(
        {draw.choice(("x", "", "bert", "__metadata__")): draw.choice((entry, {}, [], 3, None))}
    ),
)


def damaged(draw: random.Random, whole: bytes) -> bytes:
    """Entries of the header edited, or bytes flipped, put in, taken out and moved."""
    if draw.random() < 0.4:
        header, buffer = split(whole)
        for _ in range(draw.randint(1, 3)):
            draw.choice(EDITS)(draw, header, draw.choice(_whole_entries(header)))
        return joined(header, buffer)
    data = bytearray(whole)
    end = 8 + struct.unpack("<Q", whole[:8])[0]
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(draw.choice((8, end, len(data))))
        kind, size = draw.randrange(4), draw.choice((1, 1, 4, 40))
        if kind == 0:
            data[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[place:place] = draw.randbytes(size)
        elif kind == 2:
            del data[place : place + size]
        else:
            source = draw.randrange(len(data))
            data[place : place + size] = data[source : source + size]
        if len(data) < end:
            break
    return bytes(data)


class Reader:
    """Reads one folder over and over, by the steps that loading a model directory takes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / SINGLE
        self.settings = read_directory(folder).settings
        self.keys = next(family for family in families() if family.summary == "BERT").keys(
            self.settings
        )
        self.shapes = expected_shapes(self.settings)

    def read(self) -> Read:
        stored = find_tensors(self.folder)
        return read_tensors(
            stored, self.keys, self.shapes, depth=self.settings.depth, spare=("head.weight",)
        )

    def attempt(self, trial: Trial, case: str, data: bytes) -> None:
        self.path.write_bytes(data)
        with PeakMemory() as peak:
            trial.attempt(
                case, self.read, wrong=lambda read: unsound(data) or self._differs(read, data)
            )
        if peak.bytes > 2 * len(data) + SPARE_BYTES:
            trial.fault(
                case, f"took {peak.bytes / 1e6:.0f} MB for a file of {len(data) / 1e6:.1f} MB"
            )

    def _differs(self, read: Read, data: bytes) -> str:
        """What of ours is not what the file says, read as plain bytes."""
        header, buffer = split(data)
        stacked = {
            name: array
            for name, entry in header.items()
            if (array := _array(entry, buffer)) is not None
        }
        held = [array.tobytes() for array in stacked.values()]
        for name, tensor in read.tensors.items():
            if tuple(tensor.shape) != self.shapes[name]:
                return f"{name} has another shape"
            if tensor.numpy().tobytes() not in held:
                return f"{name} is not in the file"
        return ""


def _array(entry: Any, buffer: bytes) -> np.ndarray | None:
    """The float32 values of an entry; None of metadata and of what is not floating point."""
    if not isinstance(entry, dict) or entry.get("dtype") not in ("F64", "F32", "F16", "BF16"):
        return None
    raw = buffer[slice(*entry["data_offsets"])]
    if entry["dtype"] == "BF16":
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(raw, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[entry["dtype"]]).astype(
        "<f4"
    )


def sweep(cases: int) -> Tally:
    """Every named damage, then random ones."""
    trial, draw = Trial("safetensors"), random.Random(5)
    with tempfile.TemporaryDirectory() as name:
        write_tiny_model(Path(name))
        reader = Reader(Path(name))
        whole = reader.path.read_bytes()
        for case, damage in islice(NAMED.items(), cases):
            reader.attempt(trial, case, damage(*split(whole)))
        for number in range(cases - trial.tried):
            reader.attempt(trial, f"random {number}", damaged(draw, whole))
    return trial.tally


if __name__ == "__main__":
    by_hand(sweep, 100_000)
