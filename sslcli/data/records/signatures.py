"""Signatures of files that are not text, by their first bytes, and what to do about them."""

from pathlib import Path

from sslcli.errors import DataError

_PACKED = "unpack it, and give what is in it"
_TABLE = "write it as .csv, .tsv or .jsonl with the tool that made it"
_SPREADSHEET = "save it as CSV (UTF-8) in the spreadsheet program"
_SIGNATURES = (  # the bytes, what has them, what to do
    (b"\x1f\x8b\x08", "packed with gzip", f"{_PACKED}; or call it by a name that says so: {{}}.gz"),
    (
        b"\x28\xb5\x2f\xfd",
        "packed with zstd",
        f"{_PACKED}; or call it by a name that says so: {{}}.zst",
    ),
    (b"BZh91AY&SY", "packed with bzip2", _PACKED),
    (b"\xfd7zXZ\0", "packed with xz", _PACKED),
    (b"7z\xbc\xaf\x27\x1c", "packed with 7-Zip", _PACKED),
    (b"PK\x03\x04", "a zip archive", _PACKED),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a file of an older Office (.xls, .doc)", _SPREADSHEET),
    (b"PAR1\x15", "a table of Parquet", "call it by a name that says so: {}.parquet"),
    (b"ARROW1\0\0", "a table of Arrow", "call it by a name that says so: {}.arrow"),
    (b"SQLite format 3\0", "a database of SQLite", _TABLE),
    (b"\x89HDF\r\n\x1a\n", "a file of HDF5", _TABLE),
    (b"%PDF-", "a PDF", "copy its text into a file of text"),
)
_IN_ARCHIVE = (  # names and marks in the beginning of a zip archive
    (b"xl/", "a spreadsheet of Excel (.xlsx)", _SPREADSHEET),
    (b"opendocument.spreadsheet", "a spreadsheet (.ods)", _SPREADSHEET),
    (b"word/", "a document of Word (.docx)", "save it as plain text (UTF-8)"),
)


def refuse_no_text(beginning: bytes, reference: str) -> None:
    """Raises DataError where the beginning of a file is that of a known format that is no text."""
    found = next((each for each in _SIGNATURES if beginning.startswith(each[0])), None)
    if found is None:
        return
    mark, what, hint = found
    if mark == b"PK\x03\x04":
        _, what, hint = next((each for each in _IN_ARCHIVE if each[0] in beginning), found)
    if Path(reference).suffix.lower() in (".gz", ".zst"):
        raise DataError(f"{reference}: what is packed in it is {what}, and no text", _PACKED)
    raise DataError(f"{reference} is {what}, and no text", hint.replace("{}", Path(reference).name))
