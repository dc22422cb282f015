#!/usr/bin/env bash
# safetensors 0.8.0: the same tensors with the same metadata are other bytes at each save, where the
# metadata has two names or more.
#
# Why it surprises: the tensors of a file are written in a fixed order, and with one name of metadata
# the file is the same each time, so files are compared by their hash. With two, the map of the
# metadata is written as it is iterated, which differs within one process. torch's
# HuggingFaceStorageWriter writes three names, so two equal sharded checkpoints differ.
#
# Seen (how many different files of 20 saves, by names of metadata; the last two differ by chance):
#   1 1
#   2 2
#   3 6
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q safetensors==0.8.0 numpy
"$work/venv/bin/python" - <<'PY'
import numpy
from safetensors.numpy import save

tensors = {"weight": numpy.zeros(4, dtype=numpy.float32)}
different = {}
for count in (1, 2, 3):
    metadata = {f"name {number}": "value" for number in range(count)}
    different[count] = len({save(tensors, metadata=metadata) for _ in range(20)})
    print(count, different[count])
assert different[1] == 1 < different[3]
PY
