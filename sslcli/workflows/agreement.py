"""Do two models give the same numbers? Asked of every directory before it is handed out.

Letters: T rows of all sequences end to end, B sequences, P places of the longest sequence, D width, V vocabulary.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sslcli.core.inputs import Inputs
from sslcli.core.packing import Packing
from sslcli.core.settings import TransformerSettings
from sslcli.errors import CheckError, UsageError
from sslcli.workflows.weights import Pretrained

TOLERANCE = 1e-5
SAMPLE_LENGTHS = (48, 7, 1, 19)  # mixed, and long enough to leave small windows
SEED = 20_181_011
ORACLE = "transformers"


@dataclass(frozen=True)
class Numbers:
    """Hidden states of every layer, the first being the embeddings' output, and logits where there is a head; [T, ...]."""

    layers: Sequence[Tensor]
    logits_TV: Tensor | None


def sample_inputs(settings: TransformerSettings, avoid: int | None) -> Inputs:
    """The same random tokens for everyone, without the pad token `avoid`, which some models do not look at."""
    lengths = [min(length, settings.longest_tokens) for length in SAMPLE_LENGTHS]
    random = np.random.Generator(np.random.Philox(SEED))
    tokens_T = torch.from_numpy(random.integers(0, settings.vocabulary, sum(lengths)))
    if avoid is not None:
        tokens_T[tokens_T == avoid] = (avoid + 1) % settings.vocabulary
    return Inputs(Packing.of(lengths), torch.cat([torch.arange(length) for length in lengths]), tokens_T=tokens_T)


@torch.no_grad()
def own_numbers(pretrained: Pretrained, inputs: Inputs) -> Numbers:
    backbone, head = pretrained.network()
    hidden = backbone(inputs, keep=range(pretrained.settings.depth + 1))
    layers = [hidden.kept[layer] for layer in range(pretrained.settings.depth + 1)]
    return Numbers(layers, None if head is None else head(hidden.last_TD, backbone))


@torch.no_grad()
def oracle_numbers(folder: Path, pretrained: Pretrained, inputs: Inputs) -> Numbers:
    """What transformers computes from a directory. Raises UsageError where it is not installed, CheckError for missing keys."""
    try:
        library = importlib.import_module(ORACLE)
    except ImportError as error:
        raise UsageError("this check needs transformers, which is not installed", "pip install transformers, or leave it out") from error
    decodes = pretrained.settings.architecture == "decoder"
    kind = "AutoModel" if pretrained.head is None else "AutoModelForCausalLM" if decodes else "AutoModelForMaskedLM"
    model, loading = getattr(library, kind).from_pretrained(
        folder, output_loading_info=True, local_files_only=True, trust_remote_code=False, attn_implementation="eager"
    )
    missing = sorted(name for name in loading["missing_keys"] if "pooler" not in name)
    if missing:
        raise CheckError(f"{kind} does not find {missing[0]} in the export", "this is a fault of ours: please report it")
    tokens_BP, visible_BP = _padded(inputs)
    outputs = model.float().eval()(input_ids=tokens_BP, attention_mask=visible_BP.long(), output_hidden_states=True)
    return Numbers([layer[visible_BP] for layer in outputs.hidden_states], outputs.logits[visible_BP] if "logits" in outputs else None)


def refuse_difference(expected: Numbers, found: Numbers, who: str) -> float:
    """The largest difference, relative to the largest value where that is above 1. Raises CheckError beyond TOLERANCE."""
    pairs: dict[str, tuple[Tensor, Tensor]] = {
        f"hidden states of layer {layer}": pair for layer, pair in enumerate(zip(expected.layers, found.layers, strict=True))
    }
    if expected.logits_TV is not None and found.logits_TV is not None:
        pairs["logits"] = (expected.logits_TV, found.logits_TV)
    differences = {name: _difference(ours, theirs) for name, (ours, theirs) in pairs.items()}
    name, largest = max(differences.items(), key=lambda item: item[1])
    if not largest <= TOLERANCE:
        raise CheckError(
            f"{who} gives other numbers than the model: the {name} differ by {largest:.2g}", "nothing was written; please report it"
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
    tokens_BP[visible_BP] = inputs.tokens_T
    return tokens_BP, visible_BP
