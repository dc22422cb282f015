"""What does not go together in a pretraining: data, tokenizer, model and machine."""

import os
from collections.abc import Mapping

import torch

from sslcli.config import Config
from sslcli.contracts.learnable import Context
from sslcli.contracts.objective import Objective
from sslcli.core.arithmetic import parameters, training_bytes
from sslcli.core.settings import TransformerSettings
from sslcli.data.corpus import Corpus
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.data.special_tokens import SpecialToken
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.arrange import SampleSource
from sslcli.datasets.layouts import RowLayout, refuse_other_layouts
from sslcli.datasets.locate import is_shards, refuse_absent
from sslcli.datasets.tokenizer_training import piece_trainer
from sslcli.engine.composite import build_objective
from sslcli.errors import UsageError
from sslcli.modalities import WORDS, Modality, modality_read
from sslcli.models.fitting import (
    OTHER_MODEL,
    refuse_missing_tokens,
    refuse_other_architecture,
    refuse_tokens_not_among,
    tokenizers_with,
)
from sslcli.settings import PretrainSettings

FLOAT_BYTES = 4


def refuse_known_tokenizer(
    classes: Mapping[str, type[Objective]],
    options: Mapping[str, Config],
    data: DataSettings,
    tokenizer: TokenizerSettings,
    shape: TransformerSettings,
    hint: str,
) -> None:
    """Raises UsageError where a tokenizer that is given, or one that is to be learnt, lacks a
    special token, or an objective cannot be built for one that is given: before data is read.
    """
    source, kind = tokenizer.source, tokenizer.kind
    if any(is_shards(reference) for reference in data.train):
        return  # which have a tokenizer of their own
    if source:
        found = Tokenizer.load(source)
        refuse_missing_tokens(classes, found, hint)
        with torch.device("meta"):
            build_objective(classes, options, Context(shape, found))
    elif kind and (there := piece_trainer(tokenizer).special_tokens()) is not None:
        refuse_tokens_not_among(classes, there, f"the tokenizer '{kind}'", hint)


def refuse_raw_data(data: DataSettings) -> None:
    """Raises DataError for data that is not there, that nothing reads, or that is given twice."""
    for references in (data.train, data.evaluation):
        refuse_absent(references, data.reader)


def hint_for_tokens(classes: Mapping[str, type[Objective]], *, of_model: bool) -> str:
    """Which tokenizers have the special tokens that these objectives need; empty for none.

    `of_model`: a model is trained further, which keeps its tokenizer.
    """
    wanted = frozenset[SpecialToken]().union(*(cls.special_tokens for cls in classes.values()))
    if not wanted:
        return ""
    others = f"{OTHER_MODEL}, one whose tokenizer has it" if of_model else tokenizers_with(wanted)
    return f"{others}, or choose another --objective"


def refuse_other_kind(
    source: str | None, reads: TransformerSettings, data: DataSettings, held: Modality
) -> None:
    """Raises UsageError where data is of another kind than what the model to start from reads."""
    kind = modality_read(reads.model_dump())
    if kind is not None and kind != held:
        raise UsageError(
            f"{data.train[0]} holds {WORDS[held]}, and {source} reads {WORDS[kind]}",
            "choose another --model, or other --data",
        )


def refuse_model_misfit(
    settings: PretrainSettings, classes: Mapping[str, type[Objective]], shape: TransformerSettings
) -> None:
    """Raises UsageError where the model is of the wrong kind or too short for the sequences."""
    hint = "choose another --arch, --model or --objective"
    refuse_other_architecture(classes, shape.architecture, "the model", hint)
    wanted = settings.data.sequence_tokens if shape.vocabulary else 0  # arrays are read whole
    if wanted > shape.longest_tokens and shape.positions == "learned":
        raise UsageError(
            (
                f"sequences of {wanted} tokens are longer than "
                f"the {shape.longest_tokens} positions of the model"
            ),
            f"use --seq-len {shape.longest_tokens}"
            + ("" if settings.model.source else f", or --set model.shape.longest_tokens={wanted}"),
        )


def refuse_strange_data(
    tokenizer: Tokenizer | None, corpora: Mapping[str, Corpus], shape: TransformerSettings
) -> None:
    """Raises UsageError where the tokenizer has tokens that the model has no row for, DataError
    where the rows of data, by name, lie otherwise than the model reads them.
    """
    if tokenizer is None:
        found = {name: RowLayout.of_corpus(corpus) for name, corpus in corpora.items()}
        refuse_other_layouts(found, RowLayout.of_shape(shape))
        return
    if tokenizer.size > shape.vocabulary:
        raise UsageError(
            (
                f"the tokenizer has {tokenizer.size:,} tokens, "
                f"and the model knows {shape.vocabulary:,}"
            ),
            "they do not belong together; leave out --tokenizer-from, or model.shape.vocabulary",
        )


def refuse_long_documents(
    train: SampleSource, evaluation: SampleSource, shape: TransformerSettings
) -> None:
    """Raises UsageError where an array document has more rows than the model has positions; text is
    cut to fit.
    """
    longest = max(int(source.lengths.max()) for source in (train, evaluation))
    if (
        train.corpus.modality != "text"
        and shape.positions == "learned"
        and longest > shape.longest_tokens
    ):
        raise UsageError(
            (
                f"a document has {longest} rows, and the model "
                f"has positions for {shape.longest_tokens}"
            ),
            f"use --set model.shape.longest_tokens={longest}",
        )


def refuse_giant(shape: TransformerSettings, device: str) -> None:
    """Raises UsageError where this machine cannot hold the model: its weights, or on a CPU all that
    training keeps of it.
    """
    trains_here = device == "cpu" or not torch.cuda.is_available()
    needed = training_bytes(shape) if trains_here else FLOAT_BYTES * parameters(shape)
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise UsageError(
            (
                f"a model of {parameters(shape):,} parameters needs "
                f"{needed / 2**30:,.1f} GiB, and this machine has {there / 2**30:,.1f}"
            ),
            "choose a smaller --arch, or smaller model.shape settings",
        )
