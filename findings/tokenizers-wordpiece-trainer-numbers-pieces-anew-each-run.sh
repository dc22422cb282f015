#!/usr/bin/env bash
# tokenizers 0.23.3: WordPieceTrainer, given the same texts in the same order, numbers the pieces
# otherwise in every process, and sometimes learns a few other pieces, as ties go by number.
#
# Why it surprises: nothing about it is random to the eye, there is no seed to set, and BpeTrainer,
# which WordPieceTrainer is a thin layer over, gives the same ids every time, as does
# WordLevelTrainer. Whoever trains a tokenizer twice from one corpus and keeps the weights has a
# model whose embeddings belong to other pieces.
#
# Seen, five processes each (how many different tables of ids, how many different sets of pieces):
#   wordpiece 5 3
#   bpe       1 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q tokenizers==0.23.3
cat >"$work/train.py" <<'PY'
import json
import random
import sys

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

letters = random.Random(0)
words = ["".join(letters.choices("abcdefghij", k=letters.randint(2, 7))) for _ in range(300)]
texts = [" ".join(letters.choices(words, k=20)) for _ in range(200)]
if sys.argv[1] == "wordpiece":
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]"], show_progress=False)
else:
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=["[UNK]"], show_progress=False)
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.train_from_iterator(texts, trainer)
print(json.dumps(sorted(tokenizer.get_vocab().items())))
PY
"$work/venv/bin/python" - "$work/train.py" <<'PY'
import json
import subprocess
import sys

counts = {}
for kind in ("wordpiece", "bpe"):
    command = [sys.executable, sys.argv[1], kind]
    tables = [subprocess.run(command, capture_output=True, check=True).stdout for _ in range(5)]
    pieces = {tuple(sorted(piece for piece, _ in json.loads(table))) for table in tables}
    counts[kind] = (len(set(tables)), len(pieces))
    print(kind, *counts[kind])
raise SystemExit(0 if counts["wordpiece"][0] > 1 and counts["bpe"] == (1, 1) else 1)
PY
