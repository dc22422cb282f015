#!/usr/bin/env bash
# transformers 5.24.0 (tokenizers 0.23.3): AutoTokenizer, on a directory whose config.json says
# model_type qwen2, takes Qwen2Tokenizer whatever class tokenizer_config.json names, and that class
# cuts by its own pattern and normal form instead of those in tokenizer.json.
#
# Why it surprises: tokenizer_config.json names PreTrainedTokenizerFast, the class that takes
# tokenizer.json as it is, and with the same two files every other model_type tried here does so
# (llama, gpt2, mistral, qwen3, bert). A model of qwen2's shape trained with another tokenizer gets
# other ids than it was trained on, and nothing is said.
#
# Seen:
#   tokenizer.json itself        ['i', 'n', 'Ġ', '2024']
#   qwen2    Qwen2Tokenizer      ['i', 'n', 'Ġ', '2', '0', '2', '4']
#   llama    TokenizersBackend   ['i', 'n', 'Ġ', '2024']      (gpt2, mistral, qwen3, bert: the same)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q transformers==5.24.0 tokenizers==0.23.3
cd "$work"
"$work/venv/bin/python" - 2>/dev/null <<'PY'
import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer

TEXT = "in 2024"
bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
vocabulary = {piece: number for number, piece in enumerate([*bytes_, "20", "202", "2024"])}
library = Tokenizer(models.BPE(vocabulary, [("2", "0"), ("20", "2"), ("202", "4")]))
library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
library.decoder = decoders.ByteLevel()
own = library.encode(TEXT).tokens
print("tokenizer.json itself", own)

found = {}
for model_type in ("qwen2", "llama", "gpt2", "mistral", "qwen3", "bert"):
    folder = Path(model_type)
    folder.mkdir()
    library.save(str(folder / "tokenizer.json"))
    named = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(named))
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found[model_type] = tokenizer.tokenize(TEXT)
    print(model_type, type(tokenizer).__name__, found[model_type])
differ = [model_type for model_type, pieces in found.items() if pieces != own]
print("other pieces than tokenizer.json gives:", differ)
raise SystemExit(0 if differ == ["qwen2"] else 1)
PY
