"""A tiny frozen model, and tiny probe data: two languages of the same grammar with known words, or
images.

The second language says "dog" for "cat" and so on, so that both have their words in the tiny
vocabulary.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sslcli.config import Config
from sslcli.conformance.records import TAGS, tiny_sentences
from sslcli.conformance.tiny import PLACES, SUBJECTS, VERBS, tiny_context, tiny_corpus
from sslcli.contracts.abilities import Restoration
from sslcli.contracts.examples import Annotated
from sslcli.contracts.learnable import Context, Learnable
from sslcli.contracts.loss import Loss, ModelBatch
from sslcli.contracts.probe import FrozenModel, Part
from sslcli.core.heads import LanguageModelHead
from sslcli.core.initialize import initialize
from sslcli.core.inputs import Inputs
from sslcli.core.settings import Architecture
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Batch
from sslcli.data.documents import Document, Where
from sslcli.data.items import Items
from sslcli.data.records.record import Record
from sslcli.data.rng import Rng
from sslcli.errors import UsageError
from sslcli.modalities import WORDS as NAMES
from sslcli.modalities import Modality

LANGUAGES = ("aa", "bb")
WORDS: Mapping[str, str] = {
    word: group[(place + 1) % len(group)]
    for group in (SUBJECTS, VERBS, PLACES)
    for place, word in enumerate(group)
}
SENSES = dict(zip(PLACES, ("tame", "wild", "tame", "wild"), strict=True))  # of whoever is there
STEPS = (0, 1, 2, 4)


def translated(text: str) -> str:
    """Translate a text into the second language."""
    return " ".join(WORDS.get(word, word) for word in text.split())


@dataclass(frozen=True)
class TinyProbeData:
    """Probe data of the tiny world.

    `known`: whether the source knows senses, translations and labels; a probe is tried without that
    too.
    """

    known: bool = True

    def languages(self) -> Sequence[str]:
        """Return the two languages of the tiny world."""
        return LANGUAGES

    def documents(self, language: str = "") -> Iterator[Document]:
        """Yield every tiny sentence in both languages, or in one."""
        for number, text in enumerate(tiny_sentences(), start=1):
            for own, said in zip(LANGUAGES, (text, translated(text)), strict=True):
                if language in ("", own):
                    yield Document(Where("generated", number), text=said, language=own)

    def records(self, kind: str) -> Iterator[Record]:
        """Return the generated records of one kind. Raises UsageError where there is none."""
        if not self.known or kind not in _RECORDS:
            raise UsageError(f"there is no {kind} for this model", "give a file")
        return (
            Record(Where("generated", number), values)
            for number, values in enumerate(_RECORDS[kind](), start=1)
        )

    def annotated(self, task: str) -> tuple[Sequence[Annotated], Sequence[Annotated]]:
        """Return labelled texts to train on and to test with, every second sentence each.

        Raises UsageError where nothing is known.
        """
        if not self.known:
            raise UsageError(f"there are no labels of {task}", "give a file")
        found = [
            _words(text)
            if task in ("pos", "tag")
            else Annotated(text, [(0, len(text))], [text.split()[2]])
            for text in tiny_sentences()
        ]
        return found[::2], found[1::2]

    def items(self, part: Part) -> Items:
        """Raise UsageError: there are no images."""
        raise UsageError("this model reads text", "choose another probe")


@dataclass(frozen=True)
class TinyItems:
    """Probe data of tiny items, every second one held out; labelled where it is `known`.

    Of recordings every second sentence is held out, which each label says once.
    """

    known: bool = True
    modality: Modality = "images"

    def languages(self) -> Sequence[str]:
        """Return nothing: images are in no language."""
        return ()

    def documents(self, language: str = "") -> Iterator[Document]:
        """Raise UsageError: there is no text."""
        raise UsageError(f"this model reads {NAMES[self.modality]}", "choose another probe")

    def records(self, kind: str) -> Iterator[Record]:
        """Raise UsageError: there are no records."""
        raise UsageError(f"there is no {kind} for this model", "choose another probe")

    def annotated(self, task: str) -> tuple[Sequence[Annotated], Sequence[Annotated]]:
        """Raise UsageError: there are no texts with labels."""
        raise UsageError(f"there are no labels of {task}", "choose another probe")

    def items(self, part: Part) -> Items:
        """Return the items of one part."""
        corpus = tiny_corpus(self.modality)
        if not self.known:
            corpus = replace(corpus, labels=(), _label_of=None)
        number, names = corpus.spans[:, 0], len(corpus.labels) or 1
        turn = number // names if self.modality == "sound" else number
        return Items(
            number[turn % 2 == (part != "train")],
            corpus.array,
            corpus.label_of,
            f"tiny {NAMES[self.modality]}",
            corpus.grid,
            file_of=lambda document: f"{document // names}.wav",
        )


class _Head(Learnable[ModelBatch]):
    """A language-model head that is not trained."""

    summary = "a head"

    def __init__(self, options: Config, context: Context) -> None:
        super().__init__(options, context)
        self.head = LanguageModelHead(context.architecture)

    def collate(self, batch: Batch, rng: Rng) -> ModelBatch:
        raise NotImplementedError

    def forward(self, backbone: Transformer, batch: ModelBatch) -> Loss:
        raise NotImplementedError


class _Bottleneck(Learnable[ModelBatch]):
    """A code of each image that is not trained, and the image of it."""

    summary = "a bottleneck"

    def __init__(self, options: Config, context: Context) -> None:
        super().__init__(options, context)
        grid = context.architecture.grid
        assert grid is not None, "it reads images"
        self.grid = grid
        self.narrow = nn.Linear(context.architecture.width, 4)
        self.widen = nn.Linear(4, grid.rows * grid.features)

    def collate(self, batch: Batch, rng: Rng) -> ModelBatch:
        return ModelBatch(Inputs.of(batch), {"restoration": batch.size})

    def forward(self, backbone: Transformer, batch: ModelBatch) -> Loss:
        raise NotImplementedError

    def codes(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """[B, 4]"""
        rows_TD = backbone(inputs).last_TD
        return self.narrow(rows_TD.unflatten(0, (-1, self.grid.rows)).mean(dim=1))

    @property
    def code_sizes(self) -> Sequence[int]:
        """Of four bits."""
        return (2, 2, 2, 2)

    def code_ids(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """[B, 4]: which numbers are above 0."""
        return (self.codes(backbone, inputs) > 0).long()

    def of_ids(self, ids_BG: Tensor) -> Tensor:
        """[B, 4]: -1 and 1."""
        return 2.0 * ids_BG - 1

    def decoded(self, codes_BK: Tensor) -> Tensor:
        """[T, F]"""
        return self.widen(codes_BK).unflatten(1, (self.grid.rows, -1)).flatten(0, 1)

    def restore(self, backbone: Transformer, batch: ModelBatch) -> Sequence[Restoration]:
        """Return each image as its code makes it."""
        whole_TF = batch.inputs.rows_TD
        assert whole_TF is not None, "images are rows"
        codes_BK = self.codes(backbone, batch.inputs)
        restored_TF = self.decoded(codes_BK)
        each = (x_TF.split(self.grid.rows) for x_TF in (whole_TF, restored_TF))
        return [
            Restoration(
                whole_LF.numpy(),
                whole_LF.numpy(),
                restored_LF.detach().numpy(),
                (restored_LF - whole_LF).square().mean().item(),
                code_K[None].detach().numpy(),
            )
            for whole_LF, restored_LF, code_K in zip(*each, codes_BK, strict=True)
        ]


class _Converter(Learnable[ModelBatch]):
    """A code of each frame and a style of each recording that are not trained."""

    summary = "a converter"

    def __init__(self, options: Config, context: Context) -> None:
        super().__init__(options, context)
        frames, width = context.architecture.row_features, context.architecture.width
        self.tell_code, self.tell_style = nn.Linear(width, 3), nn.Linear(frames, 2)
        self.say = nn.Linear(5, frames)

    def collate(self, batch: Batch, rng: Rng) -> ModelBatch:
        raise NotImplementedError

    def forward(self, backbone: Transformer, batch: ModelBatch) -> Loss:
        raise NotImplementedError

    def codes_along(self, backbone: Transformer, inputs: Inputs) -> Sequence[Tensor]:
        """[t, 3] of each recording"""
        return self.tell_code(backbone(inputs).last_TD).split(inputs.packing.lengths)

    def styles(self, inputs: Inputs) -> Tensor:
        """[B, 2]"""
        each = self.tell_style(inputs.ready_TF).split(inputs.packing.lengths)
        return torch.stack([rows_tS.mean(dim=0) for rows_tS in each])

    def converted(self, backbone: Transformer, inputs: Inputs, style_S: Tensor) -> Tensor:
        """[T, F]"""
        code_TK = torch.cat(list(self.codes_along(backbone, inputs)))
        return self.say(torch.cat([code_TK, style_S.expand(len(code_TK), -1)], dim=1))


def tiny_frozen_model(
    architecture: Architecture = "encoder", modality: Modality = "text", *, known: bool = True
) -> FrozenModel:
    """Build a frozen model with random weights, different at every stage."""
    context = tiny_context(architecture, modality)
    is_text = modality == "text"

    def at(step: int) -> FrozenModel:
        # modules are born with weights of the global generator
        with torch.random.fork_rng(devices=[]):
            backbone = Transformer(context.architecture)
            # recordings are of any length: they have no bottleneck here
            items = _Converter if modality == "sound" else _Bottleneck
            learnable = (_Head if is_text else items)(Config(), context)
        for part in (backbone, learnable):
            initialize(part, torch.Generator().manual_seed(step))
            part.eval().requires_grad_(False)
        data = TinyProbeData(known) if is_text else TinyItems(known, modality)
        return FrozenModel(f"tiny, step {step}", step, backbone, context.tokenizer, learnable, data)

    return replace(at(STEPS[-1]), stages=lambda: map(at, STEPS))


def state_of(model: FrozenModel) -> dict[str, Any]:
    """Return all weights, for comparison."""
    modules: list[nn.Module] = [
        model.backbone,
        *([model.learnable] if model.learnable is not None else []),
    ]
    return {
        f"{number}.{name}": value.clone()
        for number, module in enumerate(modules)
        for name, value in module.state_dict().items()
    }


def _words(text: str) -> Annotated:
    words, starts = text.split(), [0]
    for word in words[:-1]:
        starts.append(starts[-1] + len(word) + 1)
    return Annotated(
        text,
        [(start, start + len(word)) for start, word in zip(starts, words, strict=True)],
        TAGS,
        LANGUAGES[0],
    )


def _senses() -> Iterator[Mapping[str, Any]]:
    for text in tiny_sentences():
        _, model, *_, place, _ = text.split()
        yield {
            "text": text,
            "word": model,
            "start": text.index(model),
            "sense": SENSES[place],
            "language": LANGUAGES[0],
        }


def _dictionary() -> Iterator[Mapping[str, Any]]:
    return (
        {LANGUAGES[0]: first, LANGUAGES[1]: second, "type": "word"}
        for first, second in WORDS.items()
    )


def _parallel() -> Iterator[Mapping[str, Any]]:
    return ({LANGUAGES[0]: text, LANGUAGES[1]: translated(text)} for text in tiny_sentences())


_RECORDS = {"senses": _senses, "dictionary": _dictionary, "parallel": _parallel}
