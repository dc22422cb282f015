#!/usr/bin/env bash
# transformers 5.24.0: a new ViTMAEForPreTraining has position tables of zeros, which never change.
#
# Why it surprises: the paper's fixed sines and cosines are computed in initialize_weights, and copied
# into the encoder's table and the decoder's. But the encoder's method returns at once where the patch
# projection is initialised already, as it is by then, and the decoder's is called in __init__, before
# _init_weights sets table and mask token back to zero. Both tables are frozen, so a model that is
# trained from scratch never learns where a patch lies: given its patches in another order (without a
# mask) the encoder gives the same rows in that order, to the last digits. Nothing warns. Files from a
# hub hold good tables and are not affected.
#
# Seen:
#   largest number in the encoder's table: 0.0, it learns: False
#   largest number in the decoder's table: 0.0, it learns: False
#   largest number of the mask token: 0.0, of the class token: 0.0
#   patches turned around, rows turned back: they differ by at most 1e-06: True
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
config = transformers.ViTMAEConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
    image_size=16, patch_size=4, decoder_hidden_size=16, decoder_num_hidden_layers=1,
    decoder_num_attention_heads=2, decoder_intermediate_size=32, mask_ratio=0.0,
)
model = transformers.ViTMAEForPreTraining(config).eval()
encoder, decoder = model.vit.embeddings.position_embeddings, model.decoder.decoder_pos_embed
for name, table in (("encoder", encoder), ("decoder", decoder)):
    most = float(table.abs().max())
    print(f"largest number in the {name}'s table: {most}, it learns: {table.requires_grad}")
of_mask, of_class = (
    float(each.detach().abs().max())
    for each in (model.decoder.mask_token, model.vit.embeddings.cls_token)
)
print(f"largest number of the mask token: {of_mask}, of the class token: {of_class}")
pixels = torch.rand(1, 3, 16, 16)
patches = pixels.unfold(2, 4, 4).unfold(3, 4, 4)  # [1, 3, down, across, 4, 4]
turned = patches.flip(2, 3).permute(0, 1, 2, 4, 3, 5).reshape(1, 3, 16, 16)
order = torch.arange(16.0)[None]
with torch.no_grad():
    rows, other = (
        model.vit(each, noise=order).last_hidden_state[0, 1:] for each in (pixels, turned)
    )
same = bool((rows - other.flip(0)).abs().max() < 1e-6)
print(f"patches turned around, rows turned back: they differ by at most 1e-06: {same}")
print("transformers", transformers.__version__)
assert not encoder.any() and not decoder.any() and not encoder.requires_grad and same
PY
