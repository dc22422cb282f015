#!/bin/bash
# seqeval 1.2.2 (with scikit-learn 1.7.2 and numpy 2.3.5): in its default mode, neighbouring spans of one kind in BILOU are one span.
#
# Behaviour: f1_score, precision_score, recall_score and get_entities accept tags of BILOU (U: a span of one word, L: the last
# word) and know nothing of U and L there: two U-LOC side by side, or a U-LOC behind B-LOC L-LOC, come out as one span. The F1
# of a sentence is then another than that of the same spans written in BIOES.
# Why it surprises: the package lists BILOU among the schemes that it supports, and the figures look
# like any others; only the mode "strict" with scheme=BILOU, which has to be asked for, reads them.
# What follows: turn U into S and L into E first, then the default mode and the strict one agree on valid tags.
# Output seen:
#   spans in BILOU: [('LOC', 0, 1), ('PER', 3, 4)]
#   spans in BIOES: [('LOC', 0, 0), ('LOC', 1, 1), ('PER', 3, 4)]
#   f1 in BILOU by default: 0.5, strict: 0.8; in BIOES: 0.8
set -eu
folder="$(mktemp -d)"; trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'setuptools==80.9.0' 'wheel==0.45.1' 'numpy==2.3.5' 'scikit-learn==1.7.2'
"$folder/venv/bin/pip" install --quiet --no-build-isolation 'seqeval==1.2.2'
"$folder/venv/bin/python" - <<'P'
import warnings

from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU

warnings.simplefilter("ignore")  # it warns that U and L "seem not to be NE tags", and scores them
gold, given = [["U-LOC", "U-LOC", "O", "B-PER", "L-PER"]], [["U-LOC", "O", "O", "B-PER", "L-PER"]]
bioes = [[[tag.replace("U-", "S-").replace("L-", "E-") for tag in tags] for tags in each] for each in (gold, given)]
spans, same = get_entities(gold[0]), get_entities(bioes[0][0])
default, strict, right = f1_score(gold, given), f1_score(gold, given, mode="strict", scheme=BILOU), f1_score(*bioes)
print(f"spans in BILOU: {spans}\nspans in BIOES: {same}")
print(f"f1 in BILOU by default: {default:.2g}, strict: {strict:.2g}; in BIOES: {right:.2g}")
assert len(spans) == 2 and len(same) == 3 and default < strict == right
P
