#!/usr/bin/env bash
# transformers 5.24.0, tokenizers 0.23.3
#
# AlbertTokenizer and PreTrainedTokenizerFast give no token_type_ids for a pair, though the template in
# tokenizer.json says 1 for the second text: their default for model_input_names leaves them out.
# BertTokenizer gives them. With return_token_type_ids=True they are what the template says.
#
# Why it surprises: ALBERT and BERT were trained with two kinds of segments, and version 4 gave their
# type ids for the same directories. Without them the second text of a pair is embedded as the first
# is, and every score over pairs changes without a warning.
#
# Seen:
#   BertTokenizer            [0, 0, 0, 1, 1]
#   PreTrainedTokenizerFast  None, asked for: [0, 0, 0, 1, 1]
#   AlbertTokenizer          None, asked for: [0, 0, 0, 1, 1]
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv venv && venv/bin/pip install -q --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3
HF_HUB_OFFLINE=1 venv/bin/python - <<'PY' 2>/dev/null
import json, os
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer

names = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "a", "b", "\u2581a", "\u2581b"]
pieces = Tokenizer(models.Unigram([(name, -1.0) for name in names], unk_id=1))
pieces.pre_tokenizer = pre_tokenizers.Metaspace()
words = Tokenizer(models.WordPiece({name: number for number, name in enumerate(names)}, unk_token="[UNK]"))
words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
found = {}
for name, library in (("BertTokenizer", words), ("PreTrainedTokenizerFast", words), ("AlbertTokenizer", pieces)):
    library.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    os.mkdir(name)
    library.save(f"{name}/tokenizer.json")
    json.dump({"tokenizer_class": name}, open(f"{name}/tokenizer_config.json", "w"))
    theirs = AutoTokenizer.from_pretrained(name)
    given, asked = theirs("a", "b").get("token_type_ids"), theirs("a", "b", return_token_type_ids=True)["token_type_ids"]
    found[name] = given, asked
    print(f"{name:24}", given if given is not None else f"None, asked for: {asked}")
told = [0, 0, 0, 1, 1]
expected = {"BertTokenizer": (told, told), "PreTrainedTokenizerFast": (None, told), "AlbertTokenizer": (None, told)}
raise SystemExit(0 if found == expected else "the behaviour changed")
PY
