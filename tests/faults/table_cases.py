"""Tables and questions about anomalies that are wrong in every way, and some that only look so.

A case is a file `t.csv` (or what it is called) and a line: of a training of one step, or of `ssl
probe anomaly` on a model of the columns a, b, c and city.
"""

import gzip
import pickle
import struct
import zlib
from dataclasses import dataclass

import numpy as np

HEAD = "a,b,c,city\n"
ROWS = [f"{n % 7}.5,{n * 3 % 11},{n * n % 13},{('Rome', 'Oslo')[n % 2]}\n" for n in range(60)]
SOUND = HEAD + "".join(ROWS)


@dataclass(frozen=True)
class Case:
    """`way`: "train" or "probe"; `says`: what the sentence holds; `code`: of the exit."""

    name: str
    content: bytes
    says: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    way: str = "train"
    file: str = "t.csv"
    code: int = 2

    def __str__(self) -> str:
        return self.name


def with_line(number: int, line: str) -> bytes:
    """The sound table with another line in the place of one; 1 is the header."""
    lines = SOUND.splitlines(keepends=True)
    lines[number - 1] = line
    return "".join(lines).encode()


def refused(name: str, text: str | bytes, *says: str, words: tuple[str, ...] = (), **more) -> Case:
    content = text if isinstance(text, bytes) else text.encode()
    return Case(name, content, says, words, **more)


def taken(name: str, text: str | bytes, *words: str, **more) -> Case:
    content = text if isinstance(text, bytes) else text.encode()
    return Case(name, content, (), words, code=0, **more)


def cells() -> list[Case]:
    """One cell of a column of numbers that is none."""
    found = []
    for name, cell, said in (
        ("text", "abc", "holds the text 'abc'"),
        ("decimal comma", '"1,5"', "with a decimal comma"),
        ("thousands", '"1,500"', "with commas between the digits"),
        ("both marks", '"1.500,25"', "with a decimal comma"),
        ("infinity", "inf", "no finite number"),
        ("minus infinity", "-Infinity", "no finite number"),
        ("too large", "1e39", "no finite number"),
        ("overflow", "1e999", "no finite number"),
        ("percent", "5%", "holds the text '5%'"),
        ("currency", "$5", "holds the text '$5'"),
        ("unit", "5 km", "holds the text '5 km'"),
        ("hexadecimal", "0x1F", "holds the text '0x1F'"),
        ("underscore", "1_000", "holds the text '1_000'"),
        ("two points", "1.2.3", "holds the text '1.2.3'"),
        ("date", "2024-01-05", "holds the text '2024-01-05'"),
        ("true", "true", "holds the text 'true'"),
        ("arabic digits", "٣", "holds the text"),
        ("full width", "５", "holds the text"),
        ("fraction", "½", "holds the text"),
        ("expression", "=1+1", "holds the text '=1+1'"),
        ("long", "x" * 5_000, "holds the text 'xxx"),
        ("control character", "\x1b[2J", "holds the text"),
    ):
        line = f"{cell},3,4,Rome\n"
        found.append(refused(f"cell: {name}", with_line(9, line), "t.csv, line 9", "'a'", said))
    for missing in ("", "NA", "nan", "NaN", "null", "None", "?", "N/A", "-", " "):
        found.append(taken(f"missing: {missing!r}", with_line(9, f"{missing},3,4,Rome\n")))
    return found


def structures() -> list[Case]:
    """What is no table, or one whose lines do not fit."""
    many = "".join(f"k{n % 15_000},{n}\n" for n in range(15_000))
    return [
        refused("empty", "", "t.csv is empty"),
        refused("blank lines", "\n\n\n", "t.csv is empty"),
        refused("header alone", HEAD, "no record"),
        refused("no header", "".join(ROWS).replace("Rome", "1").replace("Oslo", "2"),
                "line 1", "holds values where the names"),
        refused("two of a name", SOUND.replace("a,b", "a,a", 1), "names two columns 'a'"),
        refused("no name", SOUND.replace("a,b,", "a,,", 1), "column 2 has no name"),
        refused("short line", with_line(9, "1,2,3\n"), "line 9", "3 values", "4 columns"),
        refused("long line", with_line(9, "1,2,3,Rome,5\n"), "line 9", "5 values", "4 columns"),
        refused("open quotation mark", with_line(9, '"1,2,3,Rome\n'), "line 9", "quotation mark"),
        refused("text behind a mark", with_line(9, '"1"x,2,3,Rome\n'), "line 9", "quotation mark"),
        refused("all alike", HEAD + "1,2,3,Rome\n" * 60, "no column", "differs"),
        refused("all missing", HEAD + ",,,\n" * 60, "no column that can be read"),
        refused("first text in the last line", SOUND + "1,2,abc,Rome\n", "line 62", "'c'"),
        refused("two texts", with_line(9, "x,y,3,Rome\n"), "line 9", "'a'"),
        refused("only names", "id\n" + "\n".join(f"r{n}" for n in range(50)), "no column"),
        refused("label alone", "label\n" + "0\n1\n" * 30, "no column"),
        refused("not UTF-8", with_line(9, "1,2,3,Rome\n").replace(b"Rome", b"R\xf6m", 1), "UTF-8"),
        refused("zero bytes", with_line(9, "1,\0,3,Rome\n"), "t.csv"),
        refused("a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 60, "t.csv"),
        refused("a pickle", pickle.dumps({"a": [1, 2]}), "t.csv"),
        refused("an archive", b"PK\x03\x04" + b"\0" * 60, "t.csv"),
        refused("packed without saying so", gzip.compress(SOUND.encode()), "t.csv"),
        refused("no gzip", SOUND, "t.csv.gz", file="t.csv.gz"),
        refused("gzip cut off", gzip.compress(SOUND.encode())[:-20], "t.csv.gz", file="t.csv.gz"),
        refused("damaged gzip", _damaged(), "t.csv.gz", file="t.csv.gz"),
        refused("too many categories", "k,n\n" + many, "10,000 categories", words=_named("k")),
        refused("decimal commas all over", _semicolons(), "line 2", "decimal comma"),
        refused("sentences", _sentences(), "no column that can be read"),
        taken("tabs", SOUND.replace(",", "\t"), file="t.tsv"),
        taken("semicolons", SOUND.replace(",", ";")),
        taken("bars", SOUND.replace(",", "|")),
        taken("carriage returns", SOUND.replace("\n", "\r\n")),
        taken("byte order mark", "\ufeff" + SOUND),
        taken("UTF-16", SOUND.encode("utf-16")),
        taken("blank lines between", SOUND.replace("\n", "\n\n")),
        taken("no line end at the end", SOUND.rstrip("\n")),
        taken("quoted", SOUND.replace("Rome", '"Rome, Italy"')),
        taken("a line end in a value", SOUND.replace("Rome", '"Ro\nme"')),
        taken("white space", SOUND.replace(",", " , ")),
        taken("names of other scripts", SOUND.replace("a,b", "größe,城市", 1)),
        taken("packed", gzip.compress(SOUND.encode()), file="t.csv.gz"),
        taken("texts among categories", SOUND.replace("Oslo", "12")),
        taken("large whole numbers", SOUND.replace(".5,", "0000000001,")),
        taken("a constant column", SOUND.replace("a,b", "a,k,b", 1).replace(".5,", ".5,7,")),
        taken("an empty column", SOUND.replace("a,b", "a,k,b", 1).replace(".5,", ".5,,")),
    ]  # fmt: skip


def options() -> list[Case]:
    """Flags that do not fit the table."""
    return [
        refused("no such label", SOUND, "no column 'town'", words=("--label", "town")),
        refused("no such column", SOUND, "no column 'x'", words=("--columns", "a,x")),
        refused("no such column left out", SOUND, "'cities'", words=("--leave-out", "cities")),
        refused("no such category", SOUND, "no column 'x'", words=("--categories", "x")),
        refused("strange separator", SOUND, "separator", words=("--separator", "colon")),
        refused("other separator", SOUND, "no column", words=("--separator", "tab")),
        refused("nothing left", SOUND, "no column", words=("--leave-out", "a,b,c,city")),
        refused("only without labels", SOUND, "has no label", words=("--only", "x")),
        refused("only another", SOUND, "no row of x", words=("--only", "x", "--label", "city")),
        refused("a code as large", SOUND, "leaves nothing to learn", words=("--code", "10")),
        refused("salt", SOUND, "pixels", words=("--corrupt", "salt")),
        refused("with images", SOUND, "holds tables", words=("--eval-data", "images.npy")),
        refused("eval lacks a column", SOUND, "lacks column 'a'", words=("--eval-data", "few.csv")),
        refused("eval of other kind", SOUND, "line", "'a'", words=("--eval-data", "odd.csv")),
        taken("eval in another order", SOUND, "--eval-data", "turned.csv"),
        taken("only", SOUND, "--label", "city", "--only", "Rome"),
    ]  # fmt: skip


def questions() -> list[Case]:
    """What a model of anomalies is asked with."""
    labelled = HEAD.replace("\n", ",label\n") + "".join(
        row.replace("\n", f",{('0', '1')[n > 50]}\n") for n, row in enumerate(ROWS)
    )
    half = labelled.replace("Rome,0\n", "Rome,\n", 1)
    return [
        refused("probe: absent", "", "there is no file", way="probe", file="u.csv"),
        refused("probe: lacks a column", SOUND.replace("a,", "z,", 1), "lacks column 'a'",
                way="probe"),
        refused("probe: lacks all", "x,y\n1,2\n3,4\n", "lacks columns 'a', 'b', 'c', 'city'",
                way="probe"),
        refused("probe: text", with_line(9, "abc,3,4,Rome\n"), "line 9", "'a'", "a number belongs",
                way="probe"),
        refused("probe: decimal comma", with_line(9, '"1,5",3,4,Rome\n'), "decimal comma",
                way="probe"),
        refused("probe: no such label", labelled, "no item has the label 'good'", way="probe",
                words=("--normal", "good")),
        refused("probe: normal without labels", SOUND, "the items have none", way="probe",
                words=("--normal", "0")),
        refused("probe: half labelled", half, "has no label", way="probe"),
        refused("probe: false alarms", labelled, "--false-alarms", way="probe",
                words=("--false-alarms", "1")),
        refused("probe: no neighbors", labelled, "neighbors", way="probe",
                words=("--neighbors", "0")),
        refused("probe: images", SOUND, "holds images", way="probe", file="images.npy"),
        refused("probe: header alone", HEAD, "no record", way="probe"),
        taken("probe: labelled", labelled, way="probe"),
        taken("probe: all normal", labelled, "--normal", "0", "--normal", "1", way="probe"),
        taken("probe: bare", SOUND, way="probe"),
        taken("probe: other order", _turned(), way="probe"),
        taken("probe: unseen category", SOUND.replace("Oslo", "Lima"), way="probe"),
        taken("probe: missing", with_line(9, ",,,\n"), way="probe"),
    ]  # fmt: skip


def _named(column: str) -> tuple[str, ...]:
    return ("--categories", column)


def _turned() -> str:
    return "\n".join(",".join(line.split(",")[::-1]) for line in SOUND.splitlines())


def _semicolons() -> str:
    return SOUND.replace(",", ";").replace(".5", ",5")


def _sentences() -> str:
    words = "".join(f"the cat number {n} sits here\n" for n in range(60))
    return f"text\n{words}"


def _damaged() -> bytes:
    packed = bytearray(gzip.compress(SOUND.encode()))
    packed[len(packed) // 2] ^= 0xFF
    packed[-8:-4] = struct.pack("<I", zlib.crc32(b"another"))
    return bytes(packed)


def beside() -> dict[str, bytes]:
    """Files that lines name."""
    images = np.zeros((30, 8, 8), np.uint8)
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {images.shape}, }}"
    header = header.ljust(117) + "\n"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    few = "\n".join(line.split(",", 1)[1] for line in SOUND.splitlines())
    return {
        "images.npy": npy + images.tobytes(),
        "few.csv": few.encode(),
        "odd.csv": with_line(5, "x,1,2,Rome\n"),
        "turned.csv": _turned().encode(),
    }


CASES = [*cells(), *structures(), *options(), *questions()]
