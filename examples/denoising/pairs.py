"""Pairs of the built-in world as files: pairs.py FOLDER [SIZE ...]

FOLDER gets train-SIZE.tsv for every SIZE, each the beginning of the next larger one, dev.tsv with
200 others and test.tsv with the rest of the world's test pairs: a Chinese sentence, a tab, its
translation into English. No pair of dev.tsv and test.tsv is in a train file.
"""

import sys
from pathlib import Path

from sslplugins.readers.demo import DemoReader

CHOOSES = 200


def pairs(split: str) -> list[str]:
    """Lines, without those that have come before."""
    records = DemoReader(DemoReader.Options()).records("demo:world", "parallel", split)
    return list(dict.fromkeys(f"{each.values['zh']}\t{each.values['en']}" for each in records))


def main(folder: Path, sizes: list[int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    known = pairs("train")
    trained = set(known[: max(sizes)])
    held_out = [pair for pair in pairs("test") if pair not in trained]
    files = {f"train-{size}": known[:size] for size in sizes}
    files |= {"dev": held_out[:CHOOSES], "test": held_out[CHOOSES:]}
    for name, lines in files.items():
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{len(lines):>6,} pairs in {folder / name}.tsv")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(size) for size in sys.argv[2:]] or [50, 200, 1_000])
