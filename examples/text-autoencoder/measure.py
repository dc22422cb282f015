"""How codes of documents compare with what the world itself would say of them.

    python examples/text-autoencoder/measure.py FOLDER

FOLDER holds what documents.py wrote, and codes.json, which `ssl generate --data FOLDER/test.txt
--json` wrote. For codes, for as many of a document's first words, for its first sentence, for a
random one and for random words: ROUGE (F1) with the world's own summary, the share that is this
summary, that the document holds word for word, and that the world's grammar accepts as a sentence.
Writes each to FOLDER/NAME.txt, one a line, for a language model to read.
"""

import json
import random
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from sslplugins.readers.world.generated import World
from sslplugins.readers.world.grammar import Phrase

from sslcli.metrics.rouge import rouge_f1


def main() -> None:
    folder = Path(sys.argv[1])
    documents, summaries = (
        (folder / name).read_text(encoding="utf-8").splitlines()
        for name in ("test.txt", "summaries.txt")
    )
    answers = json.loads((folder / "codes.json").read_text(encoding="utf-8"))
    codes = [answer["text"] for answer in answers["artifacts"]]
    chance, grammar = random.Random(0), _sentence()
    texts = {"codes": codes, "lead": [], "first-sentence": [], "any-sentence": [], "words": []}
    for document, code in zip(documents, codes, strict=True):
        words, count = _words(document), len(_words(code))
        sentences = [f"{part}." for part in document.rstrip(".").split(". ")]
        some = sorted(chance.sample(range(len(words)), min(count, len(words))))
        texts["lead"].append(_text(words[:count]))
        texts["first-sentence"].append(sentences[0])
        texts["any-sentence"].append(chance.choice(sentences))
        texts["words"].append(_text([words[place] for place in some]))
    texts["summary"] = summaries
    print("text,ROUGE-1,ROUGE-2,ROUGE-L,is the summary,in the document,a sentence of the world")
    for name, own in texts.items():
        scores = [rouge_f1(text, [wanted]) for text, wanted in zip(own, summaries, strict=True)]
        means = [100 * sum(column) / len(column) for column in zip(*scores, strict=True)]
        shares = (
            [text == wanted for text, wanted in zip(own, summaries, strict=True)],
            [f" {text}" in f" {document}" for text, document in zip(own, documents, strict=True)],
            [grammar.fullmatch(text) is not None for text in own],
        )
        figures = [f"{mean:.1f}" for mean in means]
        figures += [f"{sum(share) / len(share):.3f}" for share in shares]
        print(",".join([name, *figures]))
        (folder / f"{name}.txt").write_text("".join(f"{text}\n" for text in own), encoding="utf-8")


def _words(text: str) -> list[str]:
    return re.findall(r"[^\s.,?]+|[.,?]", text)


def _text(words: list[str]) -> str:
    return re.sub(r" ([.,?])", r"\1", " ".join(words))


def _sentence() -> re.Pattern[str]:
    """A sentence of demo:world in English: a subject, and clauses of its kind of paragraph."""
    world, kinds = World(), []
    words = {
        kind: "|".join(re.escape(concept.english) for concept in concepts)
        for kind, concepts in world.lexicon.types.items()
    }
    for kind in world.kinds:
        subject = _phrase(kind.subject, words)
        clause = "|".join(_phrase(phrase, words) for phrase in kind.tells)
        kinds.append(rf"{subject}(?: (?:{clause}))(?:, (?:{clause})){{0,{kind.clauses[1] - 1}}}\.")
    return re.compile("|".join(kinds))


def _phrase(phrase: Phrase, words: dict[str, str]) -> str:
    """The pattern of a phrase; what may be left out stands with the space before it."""
    found = list[str]()
    for optional, group in groupby(phrase.english, key=lambda part: part.optional):
        own = " ".join(
            f"(?:{words[part.slot]})" if part.slot else "an?" if part.word == "a" else part.word
            for part in group
        )
        found.append(own if optional is None else f"({own})?")
    return _joined(iter(found))


def _joined(parts: Iterator[str]) -> str:
    """Parts with a space between; one that may be left out takes the space with it."""
    pattern = next(parts)
    for part in parts:
        pattern += f"(?: {part[1:-2]})?" if part.endswith(")?") and part[0] == "(" else f" {part}"
    return pattern


if __name__ == "__main__":
    main()
