"""Write documents of demo:world, of which one sentence says who lives where, and short texts that
say such a thing of other documents.

    python examples/text-autoencoder/documents.py FOLDER

train.jsonl: `text`, 12,000 documents, then 6,000 sentences of documents that are not among them, so
that none is the summary of any; test.txt: 500 documents, one a line, and summaries.txt theirs;
others.txt: all sentences of 6,000 yet other documents, one a line, for a language model to judge
with.
TEXTS=40 in the environment makes so few of all.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from sslplugins.readers.world.generated import World
from sslplugins.readers.world.summaries import summaries

ASKED = int(os.environ.get("TEXTS", "12000"))
DOCUMENTS, SHORT, TEST = ASKED, ASKED // 2, min(ASKED, 500)
SENTENCES = 2_000_000  # more than are read


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    world = World()
    told = list(summaries(world, ["en"], SENTENCES, "train", DOCUMENTS + 2 * SHORT))
    documents = [row["document"] for row in told[:DOCUMENTS]]
    short = [row["summary"] for row in told[DOCUMENTS : DOCUMENTS + SHORT]]
    texts = [*documents, *short]
    _write(folder / "train.jsonl", (json.dumps({"text": text}) for text in texts))
    others = (sentence for row in told[DOCUMENTS + SHORT :] for sentence in sentences(row))
    _write(folder / "others.txt", others)
    known = {row["document"] for row in told}
    test = summaries(world, ["en"], SENTENCES, "test", TEST * 2)
    unseen = [row for row in test if row["document"] not in known][:TEST]
    _write(folder / "test.txt", [row["document"] for row in unseen])
    _write(folder / "summaries.txt", [row["summary"] for row in unseen])


def sentences(row: Mapping[str, str]) -> list[str]:
    return [f"{part}." for part in row["document"].rstrip(".").split(". ")]


def _write(file: Path, lines: Iterable[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
