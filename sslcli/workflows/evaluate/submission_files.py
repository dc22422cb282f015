"""Files for official scorers, which identify examples by id alone."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sslcli.contracts.examples import Example, Prediction
from sslcli.contracts.scorer import Scorer


def official_files(
    scorer: Scorer, examples: Sequence[Example], predictions: Sequence[Prediction]
) -> tuple[Mapping[str, str], Sequence[str]]:
    """Return the files for official scorers, which identify examples by id alone.

    Data files that share ids, as translations of one set do, have files of their own, with a
    sentence about it.
    """
    pairs = list(zip(examples, predictions, strict=True))
    if not share_ids(examples):
        return scorer.submission_files(
            {example.id: prediction for example, prediction in pairs}
        ), ()
    files: dict[str, str] = {}
    for file, short in _short_names([example.where.file for example in examples]).items():
        own = {
            example.id: prediction for example, prediction in pairs if example.where.file == file
        }
        for name, content in scorer.submission_files(own).items():
            stem, dot, suffix = name.rpartition(".")
            files[f"{stem}.{short}{dot}{suffix}"] = content
    said = f"data files have the same ids, so each has files of its own: {', '.join(files)}"
    return files, (said,) if files else ()


def share_ids(examples: Sequence[Example]) -> bool:
    """Tell whether several examples have the same id."""
    return len({example.id for example in examples}) < len(examples)


def _short_names(files: Sequence[str]) -> Mapping[str, str]:
    """Different names for different files: as much of the end of each path as tells them apart,
    without endings.
    """
    different = list(dict.fromkeys(files))
    parts = {
        file: [re.sub(r"[^\w.-]+", "-", part) for part in Path(file).parts] for file in different
    }
    for count in range(1, max(map(len, parts.values())) + 1):
        names = {file: "-".join(own[-count:]) for file, own in parts.items()}
        names = {
            file: re.sub(r"(\.(json|jsonl|ndjson|csv|tsv|gz|zst))+$", "", name)
            for file, name in names.items()
        }
        if len(set(names.values())) == len(different):
            return names
    return {file: str(number) for number, file in enumerate(different, start=1)}
