#!/usr/bin/env bash
# transformers 5.24.0, tokenizers 0.23.3
#
# Where tokenizer_config.json names a class of its own (GPT2Tokenizer, BertTokenizer, LlamaTokenizer,
# RobertaTokenizer, ...), from_pretrained takes the vocabulary, the merges and the post-processor out
# of tokenizer.json, and builds normalizer and pre-tokenizer anew from the class's defaults and the
# options in tokenizer_config.json. What tokenizer.json says of them is dropped without a warning.
#
# Why it surprises: tokenizer.json is the whole description of a fast tokenizer, and until version 4
# it decided. A directory laid out as that of SmolLM2-Instruct (a Llama whose tokenizer_class is
# GPT2Tokenizer, and whose tokenizer.json parts numbers into digits first) keeps its numbers whole.
#
# Seen:
#   tokenizer.json                 ['in', 'Ġ', '2', '0', '2', '4']
#   class PreTrainedTokenizerFast  ['in', 'Ġ', '2', '0', '2', '4']
#   class GPT2Tokenizer            ['in', 'Ġ2024']
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv venv && venv/bin/pip install -q --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3
HF_HUB_OFFLINE=1 venv/bin/python - <<'PY' 2>/dev/null
import json, os
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer

library = Tokenizer(models.BPE())
library.pre_tokenizer, library.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
library.train_from_iterator(["in 2024"] * 9, trainers.BpeTrainer(vocab_size=300, show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
digits = pre_tokenizers.Digits(individual_digits=True)
library.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
own, found = library.encode("in 2024").tokens, {}
print("tokenizer.json                ", own)
for name in ("PreTrainedTokenizerFast", "GPT2Tokenizer"):
    os.mkdir(name)
    library.save(f"{name}/tokenizer.json")
    json.dump({"tokenizer_class": name}, open(f"{name}/tokenizer_config.json", "w"))
    json.dump({"model_type": "llama"}, open(f"{name}/config.json", "w"))
    found[name] = AutoTokenizer.from_pretrained(name).tokenize("in 2024")
    print(f"class {name:24}", found[name])
changed = found["PreTrainedTokenizerFast"] != own or found["GPT2Tokenizer"] == own
raise SystemExit("the behaviour changed" if changed else 0)
PY
