"""JSON Lines: one object per line, a document in one of its fields; .jsonl, compressed or not."""

import json
from collections.abc import Iterator
from typing import Any, Literal

from sslcli.api import Config, DataError, Document, Reader, Where, read_lines, setting


class JsonLinesReader(Reader["JsonLinesReader.Options"]):
    """Documents out of one field of each line's JSON object; empty texts are skipped."""

    summary = "JSON Lines, a document in one field of every object"

    class Options(Config):
        text_field: str = setting("text", "field that holds the text", "--text-field")
        language_field: str = setting("language", "field of the language, where there is one")
        language: str = setting(
            "", "language of all documents (en, zh, ...), where no field gives it", "--language"
        )
        errors: Literal["strict", "replace"] = setting(
            "strict", "what to do with bytes that are not UTF-8"
        )

    def documents(self, reference: str) -> Iterator[Document]:
        """Yield the documents of one file.

        Raises DataError naming file, line and field where a text is missing or no text.
        """
        options = self.options
        for number, line in read_lines(reference, options.errors):
            if not line.strip():
                continue
            record = _record(line, Where(reference, number))
            where = Where(reference, number, options.text_field)
            if options.text_field not in record:
                fields = ", ".join(sorted(record)) or "none"
                raise DataError(
                    f"{where} is missing",
                    f"say which field holds the text with --text-field; this record has: {fields}"[
                        :300
                    ],
                )
            text = record[options.text_field]
            if not isinstance(text, str):
                kind = "null" if text is None else type(text).__name__
                raise DataError(
                    f"{where} must be a text, not {kind}",
                    "every record needs a text; leave the others out",
                )
            language = record.get(options.language_field)
            if text.strip():
                text = whole_characters(text, where, options.errors)
                language = language if isinstance(language, str) else options.language
                language = whole_characters(
                    language, Where(reference, number, options.language_field), options.errors
                )
                yield Document(where, text=text, language=language)


def whole_characters(text: str, where: Where, errors: str) -> str:
    """Refuse or replace characters that JSON can spell but no tokenizer takes.

    These are lone surrogates ("\\ud800"), which no UTF-8 text holds, and NUL.
    """
    if "\0" in text:
        if errors == "replace":
            return whole_characters(text.replace("\0", "\ufffd"), where, errors)
        problem = f"{where}: character {text.index(chr(0)) + 1} is NUL, which no text has"
        raise DataError(problem, "mend the file, or --set data.reader_options.errors=replace")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        if errors == "replace":
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        raise DataError(
            f"{where}: character {error.start + 1} is half a surrogate pair",
            "mend the file, or --set data.reader_options.errors=replace",
        ) from error
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object. Raises ValueError for a repeated name, whose value would be ambiguous."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"'{next(name for name in names if names.count(name) > 1)}' stands twice in one object"
        )
    return found


def _record(line: str, where: Where) -> dict[str, Any]:
    try:
        record = json.loads(line, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where} is not JSON: {' '.join(str(error).split())[:120]}",
            "JSON Lines has one whole object on every line",
        ) from error
    if not isinstance(record, dict):
        raise DataError(
            f"{where} is not an object but {type(record).__name__}",
            'write {"text": "..."} on every line',
        )
    return record
