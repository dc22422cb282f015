#!/usr/bin/env bash
# transformers 5.24.0: generate(min_length=12, min_new_tokens=0) has no least length at all.
#
# Why it surprises: 0 is the least new tokens that a text can have, so it reads as "no rule", as 0 does
# for min_length itself and for no_repeat_ngram_size. But min_new_tokens that is not None takes the
# place of min_length, whatever its value: the prompt's length plus 0 becomes the least length, and
# the text may end at once. Whoever fills in neutral values for all fields, or keeps them in
# generation_config.json, loses the rule; min_new_tokens=1 loses it as well.
#
# Seen (a model that wants to end at once; the prompt has 3 tokens):
#   {}: 4 tokens
#   {'min_length': 12}: 13 tokens
#   {'min_length': 12, 'min_new_tokens': None}: 13 tokens
#   {'min_length': 12, 'min_new_tokens': 0}: 4 tokens
#   {'min_length': 12, 'min_new_tokens': 1}: 5 tokens
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HF_HOME="$work/home" TRANSFORMERS_VERBOSITY=error
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 transformers==5.24.0
"$work/venv/bin/python" - <<'PY'
import torch
import transformers

torch.manual_seed(0)
config = transformers.GPT2Config(
    vocab_size=30, n_embd=16, n_layer=1, n_head=2, n_positions=64,
    bos_token_id=1, eos_token_id=2, pad_token_id=0,
)
model = transformers.GPT2LMHeadModel(config).eval()
prompt = torch.tensor([[5, 6, 7]])
with torch.no_grad():  # the end is the likeliest token from the first step on
    model.lm_head.weight[2] = 10 * model.transformer(prompt).last_hidden_state[0, -1]
found = {}
for rules in (
    {},
    {"min_length": 12},
    {"min_length": 12, "min_new_tokens": None},
    {"min_length": 12, "min_new_tokens": 0},
    {"min_length": 12, "min_new_tokens": 1},
):
    written = model.generate(prompt, do_sample=False, max_length=20, **rules)
    found[str(rules)] = written.shape[1]
    print(f"{rules}: {written.shape[1]} tokens")
print("transformers", transformers.__version__)
assert list(found.values()) == [4, 13, 13, 4, 5], found
PY
