#!/usr/bin/env bash
# transformers 5.24.0, tokenizers 0.23.3
#
# "add_bos_token" and "add_eos_token" in tokenizer_config.json do nothing where there is a
# tokenizer.json: from_pretrained drops them, and only the post-processor in tokenizer.json decides.
# Given to from_pretrained as arguments they do count.
#
# Why it surprises: they are what the documentation of the tokenizers names for it, they stand in the
# tokenizer_config.json of Llama and Mistral directories, and other fields of that file (do_lower_case,
# add_prefix_space) do win against tokenizer.json.
#
# Seen:
#   "add_bos_token": true in the file   ['a', 'b']
#   add_bos_token=True as an argument   ['<s>', 'a', 'b']
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv venv && venv/bin/pip install -q --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3
HF_HUB_OFFLINE=1 venv/bin/python - <<'PY' 2>/dev/null
import json, os
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

library = Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "a": 2, "b": 3}, unk_token="<unk>"))
library.pre_tokenizer = pre_tokenizers.Whitespace()
os.mkdir("model")
library.save("model/tokenizer.json")
config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "add_bos_token": True}
json.dump(config, open("model/tokenizer_config.json", "w"))
in_file = AutoTokenizer.from_pretrained("model")
argument = AutoTokenizer.from_pretrained("model", add_bos_token=True)
found = [theirs.convert_ids_to_tokens(theirs("a b")["input_ids"]) for theirs in (in_file, argument)]
print('"add_bos_token": true in the file  ', found[0])
print("add_bos_token=True as an argument  ", found[1])
raise SystemExit(0 if found == [["a", "b"], ["<s>", "a", "b"]] else "the behaviour changed")
PY
