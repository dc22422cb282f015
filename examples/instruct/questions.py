"""Questions on short passages as instructions.

    python questions.py SQUAD.json OUT.jsonl [COUNT] [CHARACTERS]

Writes COUNT (1,000) records {"instruction", "input", "output"}, evenly out of those whose passage
has at most CHARACTERS (600).
"""

import json
import sys
from collections.abc import Iterator


def records(path: str, longest: int) -> Iterator[dict[str, str]]:
    """Each answerable question with its passage and its first answer."""
    with open(path, encoding="utf-8") as file:
        articles = json.load(file)["data"]
    for article in articles:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"] if len(paragraph["context"]) <= longest else ():
                if asked["answers"]:
                    yield {
                        "instruction": asked["question"].strip(),
                        "input": paragraph["context"],
                        "output": asked["answers"][0]["text"],
                    }


def main() -> None:
    """Write the file, and say how many questions there were."""
    source, target, *more = sys.argv[1:]
    count, longest = [*map(int, more), *(1_000, 600)[len(more) :]]
    found = list(records(source, longest))
    count = min(count, len(found))
    with open(target, "w", encoding="utf-8") as file:
        for number in range(count):
            record = found[number * len(found) // count]
            file.write(f"{json.dumps(record, ensure_ascii=False)}\n")
    print(f"{count} of {len(found)} questions")


main()
