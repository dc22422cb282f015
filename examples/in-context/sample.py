"""Take records evenly out of a file: sample.py FILE COUNT OUT [OTHERS]; OTHERS gets the rest.

FILE holds a record a line, packed by gzip or not, or questions as SQuAD has them.
"""

import copy
import gzip
import json
import sys
from pathlib import Path
from typing import Any


def places(records: int, count: int) -> set[int]:
    """As many of the records as asked for, at equal distances."""
    return {(2 * number + 1) * records // (2 * count) for number in range(min(count, records))}


def sampled_lines(text: str, count: int) -> tuple[str, str]:
    """The lines that are taken, and the others."""
    lines = [line for line in text.splitlines(keepends=True) if line.strip()]
    taken = places(len(lines), count)
    return tuple(
        "".join(line for place, line in enumerate(lines) if (place in taken) == is_taken)
        for is_taken in (True, False)
    )


def sampled_questions(whole: Any, count: int) -> Any:
    """The questions that are taken, in their paragraphs."""
    found = copy.deepcopy(whole)
    paragraphs = [each for article in found["data"] for each in article["paragraphs"]]
    taken = places(sum(len(each["qas"]) for each in paragraphs), count)
    number = 0
    for paragraph in paragraphs:
        own = enumerate(paragraph["qas"], number)
        number += len(paragraph["qas"])
        paragraph["qas"] = [asked for place, asked in own if place in taken]
    for article in found["data"]:
        article["paragraphs"] = [each for each in article["paragraphs"] if each["qas"]]
    found["data"] = [article for article in found["data"] if article["paragraphs"]]
    return found


def main(file: str, count: int, out: str, others: str = "") -> None:
    path = Path(file)
    packed = path.read_bytes()
    text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8")
    if path.suffix == ".json":
        own = sampled_questions(json.loads(text), count)
        Path(out).write_text(json.dumps(own, ensure_ascii=False), encoding="utf-8")
        return
    own, rest = sampled_lines(text, count)
    Path(out).write_text(own, encoding="utf-8")
    if others:
        Path(others).write_text(rest, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:5])
