#!/usr/bin/env bash
# seqeval 1.2.2 on BMES tags (Chinese word segmentation and names): the default mode warns that a
# tag "seems not to be NE tag", counts it all the same, and where M follows E it takes two spans that
# overlap, the second of which begins at the first one's start.
#
# Why it surprises: M is what the other schemes call I, and the same tags with I for M give two spans
# beside each other. A sequence of tags names no place twice in any scheme, and a model's predictions
# hold such sequences often, so precision, recall and F1 differ from those of the renamed tags.
# The warning reads as if the tag were left out.
#
# Seen:
#   BMES   ['B-PER', 'E-PER', 'M-PER', 'E-PER'] -> [('PER', 0, 1), ('PER', 0, 3)]
#   IOBES  ['B-PER', 'E-PER', 'I-PER', 'E-PER'] -> [('PER', 0, 1), ('PER', 2, 3)]
#   F1 against two names beside each other: BMES 0.5, IOBES 1.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q seqeval==1.2.2
"$work/venv/bin/python" -W ignore - <<'PY'
from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities

truth = ["B-PER", "E-PER", "B-PER", "E-PER"]
bmes = ["B-PER", "E-PER", "M-PER", "E-PER"]
iobes = [tag.replace("M-", "I-") for tag in bmes]
spans = {"BMES": get_entities(bmes), "IOBES": get_entities(iobes)}
scores = {"BMES": f1_score([truth], [bmes]), "IOBES": f1_score([truth], [iobes])}
for scheme, tags in (("BMES", bmes), ("IOBES", iobes)):
    print(scheme, tags, "->", spans[scheme], "F1", float(scores[scheme]))
overlap = spans["BMES"] == [("PER", 0, 1), ("PER", 0, 3)]
beside = spans["IOBES"] == [("PER", 0, 1), ("PER", 2, 3)]
raise SystemExit(0 if overlap and beside and scores == {"BMES": 0.5, "IOBES": 1.0} else 1)
PY
