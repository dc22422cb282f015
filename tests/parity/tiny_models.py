"""Tiny models of every family with random weights, and one way to ask both sides for their numbers.

Letters: B sequences, P padded places, T rows of all sequences end to end.
"""

from dataclasses import dataclass, field

import pytest
import torch

from sslcli.core.inputs import Inputs
from sslcli.core.packing import Packing

transformers = pytest.importorskip("transformers")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

VOCABULARY, LONGEST = 60, 32
LENGTHS = (24, 3, 32, 1, 11)
TOLERANCE = 1e-5
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": LONGEST,
}
IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
GPT2_SIZES = {
    "vocab_size": VOCABULARY,
    "n_embd": 32,
    "n_layer": 3,
    "n_head": 4,
    "n_positions": LONGEST,
    **IDS,
}


@dataclass(frozen=True)
class Kind:
    """A family member: names in transformers, and its configuration."""

    config: str
    model: str
    values: dict = field(default_factory=dict)

    @property
    def is_decoder(self):
        return "CausalLM" in self.model or "LMHead" in self.model

    def build(self, **changes):
        """A model whose every weight was drawn, norms and biases too: one that is left out cannot
        hide.
        """
        config = getattr(transformers, self.config)(**{**self.values, **changes})
        config._attn_implementation = "eager"
        model = getattr(transformers, self.model)(config)
        return drawn(model)


def drawn(model):
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.empty(parameter.shape).normal_(0.1, 0.3, generator=generator))
    model.tie_weights()
    return model.eval()


KINDS = {
    "bert": Kind("BertConfig", "BertForMaskedLM", {**SIZES, **IDS}),
    "bert relu": Kind(
        "BertConfig",
        "BertForMaskedLM",
        {**SIZES, **IDS, "hidden_act": "relu", "layer_norm_eps": 1e-3},
    ),
    "bert untied": Kind(
        "BertConfig", "BertForMaskedLM", {**SIZES, **IDS, "tie_word_embeddings": False}
    ),
    "bert nsp": Kind("BertConfig", "BertForPreTraining", {**SIZES, **IDS}),
    "roberta": Kind(
        "RobertaConfig",
        "RobertaForMaskedLM",
        {**SIZES, "pad_token_id": 1, "max_position_embeddings": LONGEST + 2, "type_vocab_size": 1},
    ),
    "xlm-roberta": Kind(
        "XLMRobertaConfig",
        "XLMRobertaForMaskedLM",
        {**SIZES, "pad_token_id": 1, "max_position_embeddings": LONGEST + 2, "type_vocab_size": 1},
    ),
    "camembert": Kind(
        "CamembertConfig",
        "CamembertForMaskedLM",
        {**SIZES, "pad_token_id": 1, "max_position_embeddings": LONGEST + 2},
    ),
    "roberta untied": Kind(
        "RobertaConfig",
        "RobertaForMaskedLM",
        {
            **SIZES,
            "pad_token_id": 3,
            "max_position_embeddings": LONGEST + 4,
            "tie_word_embeddings": False,
        },
    ),
    "albert": Kind("AlbertConfig", "AlbertForMaskedLM", {**SIZES, **IDS, "embedding_size": 16}),
    "albert sop": Kind(
        "AlbertConfig",
        "AlbertForPreTraining",
        {**SIZES, **IDS, "embedding_size": 16, "hidden_act": "gelu"},
    ),
    "modernbert": Kind(
        "ModernBertConfig", "ModernBertForMaskedLM", {**SIZES, **IDS, "local_attention": 6}
    ),
    "modernbert all global": Kind(
        "ModernBertConfig",
        "ModernBertForMaskedLM",
        {**SIZES, **IDS, "layer_types": ["full_attention"] * 5, "tie_word_embeddings": False},
    ),
    "modernbert every other": Kind(
        "ModernBertConfig",
        "ModernBertForMaskedLM",
        {
            **SIZES,
            **IDS,
            "local_attention": 8,
            "layer_types": [("full_attention", "sliding_attention")[i % 2] for i in range(5)],
        },
    ),
    "gpt2": Kind("GPT2Config", "GPT2LMHeadModel", GPT2_SIZES),
    "gpt2 untied": Kind(
        "GPT2Config", "GPT2LMHeadModel", {**GPT2_SIZES, "tie_word_embeddings": False, "n_inner": 80}
    ),
    "llama": Kind("LlamaConfig", "LlamaForCausalLM", {**SIZES, **IDS, "num_key_value_heads": 2}),
    "llama tied": Kind(
        "LlamaConfig",
        "LlamaForCausalLM",
        {
            **SIZES,
            **IDS,
            "head_dim": 16,
            "tie_word_embeddings": True,
            "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
        },
    ),
    "mistral": Kind(
        "MistralConfig",
        "MistralForCausalLM",
        {**SIZES, **IDS, "num_key_value_heads": 2, "sliding_window": 5},
    ),
    "mistral unwindowed": Kind(
        "MistralConfig",
        "MistralForCausalLM",
        {**SIZES, **IDS, "num_key_value_heads": 1, "sliding_window": None},
    ),
    "qwen2": Kind("Qwen2Config", "Qwen2ForCausalLM", {**SIZES, **IDS, "num_key_value_heads": 2}),
    "qwen2 windowed": Kind(
        "Qwen2Config",
        "Qwen2ForCausalLM",
        {
            **SIZES,
            **IDS,
            "num_key_value_heads": 4,
            "use_sliding_window": True,
            "sliding_window": 6,
            "max_window_layers": 0,
        },
    ),
}


def tokens_of(lengths=LENGTHS):
    """Random sequences without special tokens: [T] for us, and [B, P] with its mask for them."""
    generator = torch.Generator().manual_seed(7)
    tokens_T = torch.randint(5, VOCABULARY, (sum(lengths),), generator=generator)
    visible_BP = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return tokens_T, visible_BP


def packed(tokens_T, lengths=LENGTHS, segments_T=None):
    positions_T = torch.cat([torch.arange(length) for length in lengths])
    return Inputs(Packing.of(lengths), positions_T, tokens_T=tokens_T, segments_T=segments_T)


@torch.no_grad()
def their_numbers(model, tokens_T, visible_BP, segments_T=None):
    """Hidden states of every layer and logits at the visible places, [T, ...], and the whole
    output.
    """
    pad = model.config.pad_token_id or 0
    tokens_BP = torch.full(visible_BP.shape, pad)
    tokens_BP[visible_BP] = tokens_T
    more = {}
    if segments_T is not None:
        more["token_type_ids"] = torch.zeros(visible_BP.shape, dtype=torch.int64)
        more["token_type_ids"][visible_BP] = segments_T
    output = model(
        input_ids=tokens_BP, attention_mask=visible_BP.long(), output_hidden_states=True, **more
    )
    logits = output.get("logits", output.get("prediction_logits"))
    return (
        [layer[visible_BP] for layer in output.hidden_states],
        None if logits is None else logits[visible_BP],
        output,
    )


@torch.no_grad()
def our_numbers(pretrained, inputs):
    backbone, head = pretrained.network()
    depth = pretrained.settings.depth
    hidden = backbone(inputs, keep=range(depth + 1))
    return (
        [hidden.kept[layer] for layer in range(depth + 1)],
        None if head is None else head(hidden.last_TD, backbone),
        hidden,
    )


def assert_equal_numbers(ours, theirs, relative=False):
    """Every layer and the logits, within TOLERANCE; `relative` for real models, whose values may be
    in the thousands.
    """
    layers, logits = ours[:2]
    their_layers, their_logits = theirs[:2]
    assert len(layers) == len(their_layers)
    for number, (mine, other) in enumerate(
        zip([*layers, logits], [*their_layers, their_logits], strict=True)
    ):
        if mine is None or other is None:
            assert mine is None
            assert other is None
            continue
        scale = max(1.0, float(other.abs().max())) if relative else 1.0
        assert float((mine - other).abs().max()) <= TOLERANCE * scale, (
            f"layer {number} of {len(layers)}"
        )
