#!/usr/bin/env bash
# transformers 5.24.0: BartForConditionalGeneration of a config with tie_word_embeddings=False has
# four token matrices of its own, and its get_input_embeddings() gives one that no pass reads.
#
# Why it surprises: of BERT, GPT-2 or Llama the flag says whether the head has a matrix of its own.
# Here it also parts encoder.embed_tokens and decoder.embed_tokens from model.shared, which BART's
# paper and its published weights share. The model then trains two input matrices, and `shared` is
# left at its first values: zeroing what get_input_embeddings() returns changes no number, where it
# changes all of them in a tied model. A directory that holds model.shared.weight alone leaves both
# halves at random. mBART does the same.
#
# Seen:
#   BartForConditionalGeneration tied True: encoder True, decoder True, head True; zeroed shared changes the output True
#   BartForConditionalGeneration tied False: encoder False, decoder False, head False; zeroed shared changes the output False
#   MBartForConditionalGeneration tied True: encoder True, decoder True, head True; zeroed shared changes the output True
#   MBartForConditionalGeneration tied False: encoder False, decoder False, head False; zeroed shared changes the output False
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HF_HOME="$work/home" TRANSFORMERS_VERBOSITY=error
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 transformers==5.24.0
"$work/venv/bin/python" - <<'PY'
import torch
import transformers

found = []
for kind in ("Bart", "MBart"):
    for tied in (True, False):
        torch.manual_seed(0)
        config = getattr(transformers, f"{kind}Config")(
            vocab_size=20, d_model=8, encoder_layers=1, decoder_layers=1,
            encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=8,
            decoder_ffn_dim=8, max_position_embeddings=8, tie_word_embeddings=tied,
        )
        model = getattr(transformers, f"{kind}ForConditionalGeneration")(config).eval()
        shared = model.get_input_embeddings().weight
        matrices = (
            model.model.encoder.embed_tokens.weight,
            model.model.decoder.embed_tokens.weight,
            model.lm_head.weight,
        )
        same = [matrix is shared for matrix in matrices]
        tokens = torch.tensor([[4, 5, 6]])
        with torch.no_grad():
            before = model(input_ids=tokens, decoder_input_ids=tokens).logits
            shared.zero_()
            after = model(input_ids=tokens, decoder_input_ids=tokens).logits
        changes = not torch.equal(before, after)
        print(
            f"{kind}ForConditionalGeneration tied {tied}: encoder {same[0]}, decoder {same[1]}, "
            f"head {same[2]}; zeroed shared changes the output {changes}"
        )
        found.append((tied, *same, changes))
tied, untied = (True,) * 5, (False,) * 5
raise SystemExit(0 if found == [tied, untied, tied, untied] else 1)
PY
