"""What is said of tokenized text: the pieces of one text, and the facts about a corpus."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sslcli.data.text.guard import as_remark
from sslcli.data.text.normalization import characters_in
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.data.text.unknowns import Unknowns
from sslcli.reports import Passage, Report, Score, Span, Table, mebibytes

SEVERE_DUPLICATES, SEVERE_UNKNOWN = 0.3, 0.005
SHOWN_UNKNOWN = 8  # words of a text that is shown


def show_pieces(text: str, tokenizer: Tokenizer) -> Report:
    """Show the pieces of a text, their ids, and which characters no piece covers."""
    ((ids, places),) = tokenizer.encode_with_places([text])
    pieces = tokenizer.pieces(ids)
    spans = [
        Span(f"{'' if place == 0 else ' '}{piece}", "target" if place % 2 else "plain")
        for place, piece in enumerate(pieces)
    ]
    rows = [
        (place, piece, int(token))
        for place, (piece, token) in enumerate(zip(pieces, ids, strict=True))
    ]
    return Report(
        f"{len(ids)} tokens",
        passages=[Passage("pieces", spans)],
        tables=[Table("pieces", ("place", "piece", "id"), rows)],
        notes=[*_losses(text, ids, places, tokenizer), *tokenizer.notes, *tokenizer.remarks()],
    )


def _losses(text: str, ids: np.ndarray, places: np.ndarray, tokenizer: Tokenizer) -> Iterator[str]:
    """What is changed before the text is cut, and what stands where a token is unknown."""
    if changed := tokenizer.changes(characters_in(text), len(text)):
        yield _changes_said(changed)
    unknowns = Unknowns.of(tokenizer, [ids])
    if unknowns.unknown:
        strange = [text[start:stop] for start, stop in places[ids == tokenizer.unknown].tolist()]
        found = list(dict.fromkeys(strange))
        shown = ", ".join(found[:SHOWN_UNKNOWN]) + (", ..." if len(found) > SHOWN_UNKNOWN else "")
        yield f"{unknowns} are unknown to the tokenizer: {shown}"


def _changes_said(changes: Sequence[str]) -> str:
    return f"the tokenizer {'; '.join(changes)}"


def report_of_shards(facts: dict[str, Any], folder: Path, is_text: bool) -> Report:
    """The counts of a tokenized corpus, and what it takes on disk."""
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    tokens = facts.get("tokens", 0)
    if not is_text:
        counted = [
            ("documents", f"{facts.get('documents', 0):,}"),
            ("rows", f"{tokens:,}"),
            ("on disk", f"{mebibytes(size)} in {folder}"),
        ]
        return Report(
            "rows",
            scores=[Score("rows", float(tokens))],
            tables=[Table("corpus", ("what", "figure"), counted)],
        )
    rows: list[tuple[str, str]] = [
        (name, f"{facts.get(name, 0):,}") for name in ("documents", "sentences", "tokens")
    ]
    rows += [
        ("bytes per token", f"{facts.get('bytes', 0) / max(tokens, 1):.2f}"),
        ("unknown tokens", f"{facts.get('unknown_share', 0):.3%}"),
        ("duplicate lines", f"{facts.get('duplicate_line_share', 0):.2%}"),
        (
            "languages",
            ", ".join(
                f"{name} {share:.1%}" for name, share in facts.get("language_shares", {}).items()
            ),
        ),
        *([("changes to the text", "; ".join(facts["changes"]))] if facts.get("changes") else []),
        ("on disk", f"{mebibytes(size)} in {folder}"),
    ]
    return Report(
        "tokenized",
        scores=[Score("tokens", float(tokens))],
        tables=[Table("corpus", ("what", "figure"), rows)],
    )


def notes_on_shards(facts: dict[str, Any]) -> list[str]:
    """What a user should read before training: changes, repeated lines, unknown tokens."""
    notes = [_changes_said(facts["changes"])] if facts.get("changes") else []
    notes += facts.get("remarks", ())
    if facts.get("columns"):
        notes.append(facts["columns"])
    if facts.get("rounded"):
        notes.append(facts["rounded"])
    if facts.get("special_spellings"):
        notes.append(as_remark(facts["special_spellings"]))
    if facts.get("duplicate_line_share", 0) > SEVERE_DUPLICATES:
        notes.append(
            f"{facts['duplicate_line_share']:.0%} of the lines repeat an "
            f"earlier line, for example: {facts['duplicate_line_example']!r}"
        )
    if facts.get("unknown_share", 0) > SEVERE_UNKNOWN:
        notes.append(
            f"{facts['unknown_share']:.1%} of the tokens are "
            "unknown to the tokenizer; learn one from this data"
            " with a larger --vocabulary, use --tokenizer "
            "bpe, or go on from a model that knows the language"
        )
    return notes
