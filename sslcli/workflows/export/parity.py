"""Numerical parity of an exported directory with our model, checked before every export.

Letters: T rows of all sequences end to end, B sequences, P positions of the longest sequence, D
width, V vocabulary, C classes.
"""

import importlib
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sslcli.core.inputs import Inputs
from sslcli.core.settings import TransformerSettings
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import CheckError, UsageError
from sslcli.models.answer_heads import POOLED
from sslcli.models.finite import watched
from sslcli.models.hf_config import ANSWERS
from sslcli.models.weights import Pretrained
from sslcli.workflows.export.image_parity import image_inputs, oracle_of_images
from sslcli.workflows.export.numbers import Numbers

TOLERANCE = 1e-5
SAMPLE_LENGTHS = (48, 7, 1, 19)  # mixed, and long enough to leave small windows
SEED = 20_181_011
ORACLE = "transformers"


def sample_inputs(settings: TransformerSettings, tokenizer: Tokenizer | None) -> Inputs:
    """Return fixed random tokens without the pad token, which some models ignore; of a model of
    images a few random ones.

    Of an encoder-decoder every sequence ends with the separator, and has no other: transformers
    looks for the last one to read the class of a text.
    """
    lengths = [min(length, settings.longest_tokens) for length in SAMPLE_LENGTHS]
    random = np.random.Generator(np.random.Philox(SEED))
    if tokenizer is None:
        return image_inputs(settings, random)
    tokens_T = torch.from_numpy(random.integers(0, settings.vocabulary, sum(lengths)))
    avoided = {tokenizer.pad, tokenizer.separate} if settings.has_memory else {tokenizer.pad}
    free = next(token for token in count() if token not in avoided)
    for token in avoided - {None}:
        tokens_T[tokens_T == token] = free
    if settings.has_memory and tokenizer.separate is not None:
        tokens_T[np.cumsum(lengths) - 1] = tokenizer.separate
    return Inputs.pack(tokens_T.split(lengths))


def decoder_inputs(pretrained: Pretrained, inputs: Inputs) -> Inputs:
    """What an encoder-decoder's decoder reads: of a task the same text, else other tokens and
    lengths.
    """
    if pretrained.answers is not None:
        return inputs.shifted(pretrained.tokenizer().start_of_decoder())
    return Inputs.pack(inputs.ids_T.split(inputs.packing.lengths[::-1]))


@torch.no_grad()
def own_numbers(pretrained: Pretrained, inputs: Inputs) -> Numbers:
    """Return hidden states of all layers, and the head's logits, of our model."""
    backbone, head = pretrained.network()
    watched(backbone)
    hidden = backbone(inputs, keep=range(backbone.depth + 1))
    layers = [hidden.kept[layer] for layer in range(backbone.depth + 1)]
    layers += [hidden.class_kept[layer] for layer in sorted(hidden.class_kept)]
    if backbone.decoder is not None:
        hidden = backbone.decode(
            decoder_inputs(pretrained, inputs), hidden, keep=range(backbone.decoder.depth + 1)
        )
        layers += [hidden.kept[layer] for layer in range(backbone.decoder.depth + 1)]
    if pretrained.answers is None:
        return Numbers(layers, None if head is None else head(hidden.last_TD, backbone))
    network = pretrained.answers.network(pretrained.settings)
    return Numbers(layers, network(hidden if pretrained.answers.kind in POOLED else hidden.last_TD))


@torch.no_grad()
def oracle_numbers(folder: Path, pretrained: Pretrained, inputs: Inputs) -> Numbers:
    """Return what transformers computes from a directory.

    Raises UsageError if it is not installed, CheckError for missing keys.
    """
    try:
        library = importlib.import_module(ORACLE)
    except ImportError as error:
        raise UsageError(
            "this check needs transformers, which is not installed",
            "pip install transformers, or leave it out",
        ) from error
    kind = loader_of(pretrained)
    model, loading = getattr(library, kind).from_pretrained(
        folder,
        output_loading_info=True,
        local_files_only=True,
        trust_remote_code=False,
        attn_implementation="eager",
    )
    missing = sorted(name for name in loading["missing_keys"] if "pooler" not in name)
    if missing:
        raise CheckError(
            f"{kind} does not find {missing[0]} in the export",
            "this is a fault of ours: please report it",
        )
    model = model.float().eval()
    if pretrained.settings.grid is not None:
        return oracle_of_images(model, inputs, pretrained.settings.grid)
    tokens_BP, visible_BP = _padded(inputs)
    seen = {"input_ids": tokens_BP, "attention_mask": visible_BP.long()}
    if not pretrained.settings.has_memory:
        outputs = model(**seen, output_hidden_states=True)
        layers = [layer[visible_BP] for layer in outputs.hidden_states]
        return Numbers(layers, _logits(outputs, visible_BP))
    decoder_BP, decoder_visible_BP = _padded(decoder_inputs(pretrained, inputs))
    of_decoder = {
        "decoder_input_ids": decoder_BP,
        "decoder_attention_mask": decoder_visible_BP.long(),
    }
    if pretrained.answers is not None:
        of_decoder = {}  # they shift the text themselves
    outputs = model(**seen, **of_decoder, output_hidden_states=True)
    layers = [layer[visible_BP] for layer in outputs.encoder_hidden_states]
    layers += [layer[decoder_visible_BP] for layer in outputs.decoder_hidden_states]
    return Numbers(layers, _logits(outputs, decoder_visible_BP))


def loader_of(pretrained: Pretrained) -> str:
    """The class of transformers that loads a directory with all that it computes."""
    if pretrained.answers is not None:
        return f"AutoModel{ANSWERS[pretrained.answers.kind]}"
    if pretrained.head is None:
        return "AutoModel"
    if pretrained.settings.has_memory:
        return "AutoModelForSeq2SeqLM"
    return "AutoModelForCausalLM" if pretrained.settings.causal else "AutoModelForMaskedLM"


def _logits(outputs: Mapping[str, Tensor], visible_BP: Tensor) -> Tensor | None:
    """Of sequences [B, C], or of the visible tokens [T, ...]; of spans their starts and ends."""
    if "start_logits" in outputs:
        return torch.stack(
            [outputs["start_logits"][visible_BP], outputs["end_logits"][visible_BP]], dim=-1
        )
    logits = outputs.get("logits")
    return logits if logits is None or logits.ndim == 2 else logits[visible_BP]


def refuse_difference(expected: Numbers, found: Numbers, who: str) -> float:
    """The largest difference, relative to the largest value where that is above 1. Raises
    CheckError beyond TOLERANCE.
    """
    pairs: dict[str, tuple[Tensor, Tensor]] = {
        f"hidden states of layer {layer}": pair
        for layer, pair in enumerate(zip(expected.layers, found.layers, strict=True))
    }
    if expected.logits is not None and found.logits is not None:
        pairs["logits"] = (expected.logits, found.logits)
    differences = {name: _difference(ours, theirs) for name, (ours, theirs) in pairs.items()}
    name, largest = max(differences.items(), key=lambda item: item[1])
    if not largest <= TOLERANCE:
        raise CheckError(
            f"{who} gives other numbers than the model: the {name} differ by {largest:.2g}",
            "nothing was written; please report it",
        )
    return largest


def _difference(ours: Tensor, theirs: Tensor) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    scale = max(1.0, float(ours.abs().max()))
    return float((ours - theirs).abs().max()) / scale


def _padded(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Tokens [B, P] with zeros on the right, and which places hold a token."""
    lengths_B = torch.tensor(inputs.packing.lengths)
    visible_BP = torch.arange(inputs.packing.longest) < lengths_B[:, None]
    tokens_BP = torch.zeros(visible_BP.shape, dtype=torch.int64)
    tokens_BP[visible_BP] = inputs.ids_T
    return tokens_BP, visible_BP
