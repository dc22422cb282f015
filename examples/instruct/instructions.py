"""Instructions of the built-in world as files: instructions.py FOLDER

FOLDER gets train.jsonl, dev.jsonl and test.jsonl, of the kinds of instruction that training has,
and new.jsonl, of kinds that it never has. What dev.jsonl and test.jsonl ask for is asked for
nowhere in train.jsonl.
"""

import json
import sys
from pathlib import Path

from sslplugins.readers.demo import DemoReader

CHOOSES = 200  # of the held-out conversations choose the checkpoint


def lines(kinds: str, split: str) -> list[str]:
    """Records as lines of JSON."""
    records = DemoReader(DemoReader.Options(kinds=kinds)).records(
        "demo:world", "instructions", split
    )
    return [json.dumps(each.values, ensure_ascii=False) for each in records]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    held_out = lines("known", "test")
    files = {
        "train": lines("known", "train"),
        "dev": held_out[:CHOOSES],
        "test": held_out[CHOOSES:],
        "new": lines("new", "test"),
    }
    for name, own in files.items():
        (folder / f"{name}.jsonl").write_text("\n".join(own) + "\n", encoding="utf-8")
        print(f"{len(own):>6,} conversations in {folder / name}.jsonl")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
