"""A pretrained model in memory, whatever it was read from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from sslcli.core.heads import LanguageModelHead, PooledClassifier
from sslcli.core.initialize import initialize
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.rng import mix, name_key
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import ModelError
from sslcli.models.answer_heads import AnswerHead
from sslcli.models.file_names import OLDER_TOKENIZERS
from sslcli.runs.hub_cache import pinned_name
from sslcli.settings import FinetuneSettings, PretrainSettings

State = Mapping[str, Tensor]
KEPT, NEW = "kept from the model", "new, at random"  # what a run says of its head
L = TypeVar("L", bound=nn.Module)


@dataclass(frozen=True)
class Trained:
    """A run of ours: folder, settings, learnable state, and the backbone with its adapters
    apart.
    """

    folder: Path
    settings: PretrainSettings | FinetuneSettings
    learnable: State
    adapted: State


@dataclass(frozen=True)
class KeptObjective:
    """What a model directory has beside the backbone: the learnable of an objective, whole."""

    name: str
    options: Mapping[str, Any]
    state: State

    def filled(self, state: State) -> "KeptObjective | None":
        """The same with these weights; None where there are none."""
        return replace(self, state=state) if state else None


@dataclass(frozen=True)
class Pretrained:
    """Weights on the host, under our names.

    `folder`: where the weights are. `head`: state of a LanguageModelHead, None without one (a
    decoder's tied head exists and is empty). `pooled`: state of a PooledClassifier of two
    sentences, maybe the pooler alone. `answers`: the head of the task that the model was fine-tuned
    for. `unread_head`: the class in config.json whose head is none of ours. `task_said`: the task
    and its options, from a directory of ours. `notes`: sentences for the user. `loaded`: the
    tokenizer, if it was read with the weights. `objective`: of a directory that has one.
    """

    settings: TransformerSettings
    folder: Path
    backbone: State
    head: State | None = None
    pooled: State | None = None
    tokenizer_folder: Path | None = None
    notes: Sequence[str] = ()
    trained: Trained | None = None
    answers: AnswerHead | None = None
    unread_head: str = ""
    task_said: tuple[str, Mapping[str, Any]] = ("", {})
    loaded: Tokenizer | None = None
    objective: KeptObjective | None = None

    @property
    def recorded(self) -> str:
        """What a run that starts from it records: its folder, of the cache of a hub its commit."""
        return pinned_name(self.folder.resolve()) or str(self.folder.resolve())

    @property
    def labels(self) -> Sequence[str]:
        """Names of the task's classes; () without a task or classes."""
        return () if self.answers is None else self.answers.labels

    @property
    def heads(self) -> frozenset[str]:
        """Which of "head", "pooler" and "classifier" there are; of a fine-tuned model the kind of
        its answers alone.
        """
        if self.answers is not None:
            return frozenset({self.answers.kind})
        return frozenset(name.partition(".")[0] for name in self.pooled or {}) | (
            {"head"} if self.head is not None else set()
        )

    def tokenizer(self) -> Tokenizer:
        """Load the tokenizer once. Raises ModelError without one, or with more tokens than the
        model has.
        """
        return self._tokenizer

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        if not self.settings.vocabulary:
            raise ModelError(
                f"{self.folder} reads rows of {self.settings.row_features} numbers and no text",
                "name a model of text",
            )
        if self.tokenizer_folder is None:
            hint = "save its tokenizer there: tokenizer.save_pretrained(folder)"
            older = next(
                (name for name in OLDER_TOKENIZERS if (self.folder / name).is_file()), None
            )
            if older is not None:
                hint = (
                    f"it has {older} alone: "
                    "AutoTokenizer.from_pretrained(folder).save_pretrained(folder) makes one"
                )
            raise ModelError(f"{self.folder} has no tokenizer.json", hint)
        tokenizer = self.loaded or Tokenizer.load(self.tokenizer_folder)
        if tokenizer.size > self.settings.vocabulary:
            raise ModelError(
                (
                    f"the tokenizer in {self.tokenizer_folder} has {tokenizer.size} "
                    f"tokens, and the model knows {self.settings.vocabulary}"
                ),
                (
                    "they do not belong together; resize the "
                    "model's embeddings, or give it its own tokenizer"
                ),
            )
        if 1 < self.settings.segments <= tokenizer.template.largest_type:
            raise ModelError(
                f"the tokenizer in {self.tokenizer_folder} gives "
                f"type id {tokenizer.template.largest_type},"
                f" and the model knows {self.settings.segments} type ids",
                "they do not belong together; give the model its own tokenizer",
            )
        return tokenizer

    def network(self) -> tuple[Transformer, LanguageModelHead | None]:
        """Backbone and head with these weights, not in training."""
        with torch.device("meta"):
            backbone, head = Transformer(self.settings), LanguageModelHead(self.settings)
        backbone.load_state_dict(dict(self.backbone), assign=True)
        if self.head is None:
            return backbone.eval(), None
        head.load_state_dict(dict(self.head), assign=True)
        return backbone.eval(), head.eval()

    def load_into(self, backbone: Transformer, learnable: nn.Module) -> str:
        """Copy the weights of the backbone, and what the learnable has in common with the trained
        one.

        Returns whether its heads are kept or new. The learnable of a run is restored whole if names
        and shapes are the same; otherwise its heads of a known kind are.
        """
        backbone.load_state_dict(dict(self.backbone))
        own = learnable.state_dict()
        whole = None if self.trained is None else self.trained.learnable
        whole = self.objective.state if self.objective is not None else whole
        if whole is not None and shapes_of(own) == shapes_of(whole):
            learnable.load_state_dict(dict(whole))
            return KEPT
        kept: list[str] = []
        new: list[str] = []
        for module in learnable.modules():
            if isinstance(module, LanguageModelHead):
                (new if self.head is None else kept).append("language model")
                if self.head is not None:
                    module.load_state_dict(dict(self.head))
            elif isinstance(module, PooledClassifier):
                own, pooled = module.state_dict(), self.pooled or {}
                fitting = {
                    name: value for name, value in pooled.items() if value.shape == own[name].shape
                }
                module.load_state_dict(fitting, strict=False)
                (kept if len(fitting) == len(own) else new).append("two sentences")
        parts = [(KEPT, kept), (NEW, new)] if kept else []
        return " · ".join(f"{what} ({', '.join(heads)})" for what, heads in parts if heads) or NEW


def from_seed(
    build: Callable[[], L], shape: TransformerSettings, seed: int
) -> tuple[Transformer, L]:
    """Build a backbone and `build`'s result; all weights follow from the seed, plugins' own
    included.
    """
    with torch.random.fork_rng():
        torch.manual_seed(int(mix(seed, name_key("construction"))) >> 1)
        learnable = build()
    backbone = Transformer(shape)
    initialize(backbone, generator_for(seed, "backbone"))
    initialize(learnable, generator_for(seed, "learnable"))
    return backbone, learnable


def generator_for(seed: int, purpose: str) -> torch.Generator:
    """Return the torch generator for a seed and a purpose."""
    return torch.Generator().manual_seed(int(mix(seed, name_key(purpose))) >> 1)


def shapes_of(state: State) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor."""
    return {name: tuple(value.shape) for name, value in state.items()}


def expected_shapes(settings: TransformerSettings) -> dict[str, tuple[int, ...]]:
    """Return shapes of a backbone and every known head, under key names, without allocating memory.

    The head is given as if it were not tied: the matrix in the file is compared, not assumed.
    """
    untied = settings.model_copy(update={"tied": False})
    with torch.device("meta"):
        modules = {
            "backbone.": Transformer(settings),
            "head.": LanguageModelHead(untied),
            "": PooledClassifier(settings, 2),
        }
    return {
        f"{prefix}{name}": shape
        for prefix, module in modules.items()
        for name, shape in shapes_of(module.state_dict()).items()
    }


def part_of(state: State, prefix: str) -> dict[str, Tensor]:
    """Tensors whose names begin with `prefix`, without it."""
    return dict(_stripped(state, prefix))


def _stripped(state: State, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in state.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), value
