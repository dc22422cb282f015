#!/usr/bin/env bash
# datasets 5.2.0: Dataset.cast_column(name, ClassLabel(names)) refuses a label that has no name in a
# column of int32, and lets the same label pass in a column of int64.
#
# Why it surprises: ClassLabel.cast_storage checks the range of whole numbers, its documentation
# does not tell their widths apart, and int64 is what every reader gives. The check is not reached
# where the Arrow type is already the one that ClassLabel is stored in. The dataset then says
# ClassLabel of three names and holds a 3, which only int2str, or a loss on a GPU, finds out.
#
# Seen:
#   int32 ValueError: Class label 3 greater than configured num_classes 3
#   int64 [0, 3] {'label': ClassLabel(names=['negative', 'neutral', 'positive'])}
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HF_HOME="$work/home"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q datasets==5.2.0
"$work/venv/bin/python" - <<'PY'
import datasets
from datasets import ClassLabel, Dataset, Features, Value

datasets.disable_progress_bars()
label = ClassLabel(names=["negative", "neutral", "positive"])
passed = {}
for width in ("int32", "int64"):
    made = Dataset.from_dict({"label": [0, 3]}, features=Features({"label": Value(width)}))
    try:
        cast = made.cast_column("label", label)
        print(width, cast["label"][:], cast.features)
        passed[width] = True
    except ValueError as error:
        print(f"{width} ValueError: {error}")
        passed[width] = False
raise SystemExit(0 if passed == {"int32": False, "int64": True} else 1)
PY
