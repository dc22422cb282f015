"""Token classification: a tag for every word, such as part of speech, named entity or chunk.

Devlin et al. 2019, "BERT" (arXiv 1810.04805), section 5.3: each word is read at its first piece.

Letters: B samples, T tokens of all of them, W words of all of them, M pieces that are read, D
width, C tags.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from sslcli.api import (
    ARROW_SUFFIXES,
    Annotated,
    Batch,
    Context,
    Encoded,
    Example,
    Hidden,
    Inputs,
    Loss,
    ModelBatch,
    Names,
    Prediction,
    Ratio,
    ReadoutTask,
    Record,
    Rng,
    RowClassifier,
    Sample,
    Task,
    Tokenizer,
    UsageError,
    current_reading,
    enclose,
    read_records,
    remark,
    setting,
    suffix_of,
)
from sslplugins.tasks.tag.columns import (
    Asked,
    has_lines_of_words,
    read_columns,
    refuse_other_columns,
)
from sslplugins.tasks.tag.conllu import conllu_column, read_conllu
from sslplugins.tasks.tag.flat import (
    has_rows_of_sentences,
    names_of_numbers,
    sentence_of,
    sentences_of,
)
from sslplugins.tasks.tag.pieces import (
    NO_WORD,
    cut_at_words,
    longest_word,
    lost_words,
    pieces_of,
    written,
)
from sslplugins.tasks.tag.report import tag_sentences
from sslplugins.tasks.tag.scorer import TagScorer, tags_in
from sslplugins.tasks.tag.sentences import Places

NO_TAG = -1
PORTION = 1_000  # sentences that are cut into pieces together
STANDARD_INPUT = "-"
RECORD_SUFFIXES = (
    "json",
    "jsonl",
    "ndjson",
    "csv",
    *ARROW_SUFFIXES,
)  # whatever ends otherwise has columns


@dataclass(frozen=True)
class TagBatch(ModelBatch):
    """Inputs, word pieces and tags of packed samples.

    `pieces_M`: positions in T of the pieces that are read; `word_M`: the word of each. `tags_W`:
    the labels, NO_TAG where there is none. `words`, on the host: the word indices of every sample
    in its sentence.
    """

    pieces_M: Tensor
    word_M: Tensor
    tags_W: Tensor
    words: tuple[tuple[int, ...], ...]


class Tag(ReadoutTask[TagBatch, "Tag.Options"]):
    """Token classification: one tag per word, from one of its pieces or the mean of them."""

    class Options(Task.Options):
        column: str | None = setting(
            None,
            (
                "the column that has the tags: of CoNLL-U upos or xpos (upos "
                "when not given, or xpos where upos is empty), of JSON any"
            ),
            "--column",
        )
        label_names: Names = setting(
            (),
            "names of tags that are numbers in the file, from 0, as O,B-PER,I-PER",
            "--label-names",
        )
        places: dict[str, int | None] | None = setting(
            None, "the columns that the training data was read from, counted from 0"
        )
        pooling: Literal["auto", "first", "last", "mean"] = setting(
            "auto",
            "read a word at its first piece, its last, or the mean of its pieces; auto: the first,"
            " of a decoder the last, which has read the word",
            "--pooling",
        )

    summary = "a tag for every word: parts of speech, names (BERT)"
    records = "words"
    scorer = TagScorer

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        if context.tokenizer is None or not context.labels:
            raise UsageError(
                "tagging needs a tokenizer and tags",
                "give it a model of text and tagged training data",
            )
        self.tokenizer, self.tags = context.tokenizer, list(context.labels)
        usual = "last" if context.architecture.causal else "first"
        self.pooling = usual if options.pooling == "auto" else options.pooling
        self.classifier = RowClassifier(
            context.architecture, len(self.tags), context.architecture.dropout
        )
        self.capacity = self.sequence_tokens - self.tokenizer.template.single.room
        if self.capacity < 1:
            raise UsageError(
                f"sequences of {self.sequence_tokens} tokens leave no room for text",
                "use a larger --seq-len",
            )

    @classmethod
    def parse(cls, options: Options, record: Record) -> Example:
        return sentence_of(record, options.column, {"": options.label_names})

    @classmethod
    def read(cls, options: Options, reference: str) -> Iterator[Example]:
        suffix = suffix_of(reference)
        if suffix == "conllu":
            if columns := current_reading().columns:
                remark(
                    f"{reference}: CoNLL-U has its columns in a fixed "
                    f"order, so --columns {','.join(columns)} is not used"
                )
            return read_conllu(reference, conllu_column(options.column))
        if reference == STANDARD_INPUT or cls._has_records(suffix, reference):
            names = (
                {"": options.label_names} if options.label_names else names_of_numbers(reference)
            )
            records = cls.chosen(options, read_records(reference), reference)
            return sentences_of(reference, records, options.column, names)
        given: Any = options.places
        places = None if given is None else Places(**given)
        return read_columns(
            reference, Asked(current_reading().columns, places, options.column, options.label_names)
        )

    @classmethod
    def _has_records(cls, suffix: str, reference: str) -> bool:
        """Return whether a file holds one sentence per record instead of columns."""
        if suffix == "tsv":
            return not current_reading().columns and has_rows_of_sentences(reference)
        return suffix in RECORD_SUFFIXES and not (suffix == "csv" and has_lines_of_words(reference))

    @classmethod
    def understand(
        cls, options: Options, examples: Sequence[Example]
    ) -> tuple[Options, Sequence[str]]:
        """Return the same options; remark on a first table line that may be a header."""
        counts = Counter(tag for example in examples for tag in example.gold or ())
        said = [
            f"{example.where}: no other row has the tag '{example.gold[0]}';"
            " if this first row is a header, leave --columns away"
            for example in examples
            if (example.where.unit, example.where.record) == ("line", 1) and len(counts) > 1
            and example.gold and len(example.gold) == counts[example.gold[0]] == 1
        ]  # fmt: skip
        return options, said

    @classmethod
    def resolve_options(
        cls, options: Options, examples: Sequence[Example], tokenizer: Tokenizer | None
    ) -> Options:
        sentences = [example.data for example in examples]
        column = options.column or next((sentence.column for sentence in sentences), None)
        names = options.label_names or next(
            (sentence.names for sentence in sentences if sentence.names), ()
        )
        tagged = (
            sentence.places
            for sentence in sentences
            if sentence.places is not None and sentence.places.tag is not None
        )
        places = options.places or next(map(asdict, tagged), None)
        return options.model_copy(update={"column": column, "label_names": names, "places": places})

    @classmethod
    def labels(cls, options: Options, examples: Sequence[Example]) -> Sequence[str]:
        """Return the tags, the commonest first: a word without pieces is given that one."""
        return tags_in(examples)

    def encode(self, examples: Sequence[Example], training: bool) -> Iterator[Encoded]:
        """Encode sentences; one that is too long becomes several samples, cut between words.

        A tag unknown from training is one that the model cannot predict: it counts as a mistake,
        and is not an error. Raises DataError where a file was read from other columns than the
        training data.
        """
        refuse_other_columns(examples, self.options.places)
        number = {tag: place for place, tag in enumerate(self.tags)}
        for example, (ids, word_of) in zip(examples, self._pieces(examples), strict=True):
            golds = example.gold or [None] * len(example.data.words)
            tags = np.asarray([number.get(tag, NO_TAG) for tag in golds], dtype=np.int64)
            samples = [
                self._sample(ids[start:stop], words, tags)
                for start, stop, words in cut_at_words(word_of, self.capacity)
            ]
            lost = lost_words(example.data.words, word_of, self.capacity)
            whole = len(ids) + self.tokenizer.template.single.room
            cut = {"word": self.capacity} if longest_word(word_of) > self.capacity else {}
            yield Encoded(samples, whole, lost, cut=cut)

    def _pieces(self, examples: Sequence[Example]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(examples), PORTION):
            yield from pieces_of(
                [example.data.words for example in examples[start : start + PORTION]],
                self.tokenizer,
            )

    def _sample(self, ids: np.ndarray, words: np.ndarray, tags: np.ndarray) -> Sample:
        tokens = enclose(ids, self.tokenizer)
        before = self.tokenizer.template.single.before
        word, tag = (np.full(len(tokens), nothing, dtype=np.int64) for nothing in (NO_WORD, NO_TAG))
        word[before : before + len(ids)] = words
        tag[before : before + len(ids)] = np.where(words == NO_WORD, NO_TAG, tags[words])
        return Sample(tokens, per_token={"word": word, "tag": tag})

    def collate(self, batch: Batch, rng: Rng) -> TagBatch:
        word_T = batch.per_token["word"]
        pieces_M = np.flatnonzero(word_T != NO_WORD)
        sample_M = np.repeat(np.arange(len(batch)), batch.lengths)[pieces_M]
        own = np.stack([sample_M, word_T[pieces_M]])
        (sample_W, place_W), first_W, word_M = np.unique(
            own, axis=1, return_index=True, return_inverse=True
        )
        tags_W = batch.per_token["tag"][pieces_M[first_W]]
        if self.pooling == "first":
            pieces_M, word_M = pieces_M[first_W], np.arange(len(first_W))
        elif self.pooling == "last":
            last_W = np.append(first_W[1:], len(pieces_M))[: len(first_W)] - 1
            pieces_M, word_M = pieces_M[last_W], np.arange(len(last_W))
        words = np.split(place_W, np.cumsum(np.bincount(sample_W, minlength=len(batch)))[:-1])
        return TagBatch(
            Inputs.of(batch).reading(pieces_M),
            {"tags": int((tags_W != NO_TAG).sum())},
            torch.from_numpy(pieces_M),
            torch.from_numpy(word_M),
            torch.from_numpy(tags_W),
            tuple(tuple(places.tolist()) for places in words),
        )

    def _logits(self, hidden: Hidden, batch: TagBatch) -> Tensor:
        """Return the logits: float32 [W, C]."""
        read_MD = hidden.last_TD.index_select(0, batch.pieces_M)
        if self.pooling == "mean":
            # Not index_add, whose sums on a GPU are taken in any order: a resume must be equal to
            # the bit.
            pieces_W = torch.bincount(batch.word_M, minlength=len(batch.tags_W))
            read_MD = torch.segment_reduce(
                read_MD.float(), "mean", lengths=pieces_W, axis=0, unsafe=True
            )
        return self.classifier(read_MD).float()

    def loss(self, hidden: Hidden, batch: TagBatch) -> Loss:
        """Return the cross-entropy of the tags, summed over all words that have one, in nats."""
        logits_WC = self._logits(hidden, batch)
        loss = cross_entropy(logits_WC, batch.tags_W, ignore_index=NO_TAG, reduction="sum")
        correct = (logits_WC.argmax(dim=1) == batch.tags_W).sum()
        return Loss({"tags": loss}, {"accuracy": Ratio(correct, batch.counts["tags"])})

    def answers(self, hidden: Hidden, batch: TagBatch) -> Sequence[Any]:
        """Return each sample's words, predicted tag indices and their probabilities."""
        probabilities_W, tags_W = self._logits(hidden, batch).softmax(dim=1).max(dim=1)
        probabilities, tags, parts, start = probabilities_W.tolist(), tags_W.tolist(), [], 0
        for words in batch.words:
            stop = start + len(words)
            parts.append((words, tags[start:stop], probabilities[start:stop]))
            start = stop
        return parts

    def merge(self, example: Example, encoded: Encoded, parts: Sequence[Any]) -> Prediction:
        """Merge samples; a word without pieces is given the commonest tag, without probability."""
        found = {word: (tag, sure) for part in parts for word, tag, sure in zip(*part, strict=True)}
        given = [found.get(word, (0, None)) for word in range(len(example.data.words))]
        known = [sure for _, sure in given if sure is not None]
        details = {"words": list(example.data.words), "probabilities": [sure for _, sure in given]}
        return Prediction(
            [self.tags[tag] for tag, _ in given],
            sum(known) / len(known) if known else None,
            details,
        )

    @classmethod
    def how_read(cls, options: Options, examples: Sequence[Example]) -> Sequence[str]:
        """Say the span scheme, how many words are not counted, and whether --label-names names any
        tag.
        """
        tags, sentences = cls.labels(options, examples), []
        if options.label_names and tags and not set(tags) & set(options.label_names):
            sentences = ["--label-names names tags that are numbers, and there are none"]
        return [*sentences, *tag_sentences(tags, examples)]

    @classmethod
    def annotated(cls, options: Options, example: Example) -> Annotated:
        """Return every word's span and tag, in the original text where it is known."""
        text, starts = written(example.data.words, example.data.text)
        placed = zip(
            starts.tolist(), example.data.words, example.gold or [None] * len(starts), strict=True
        )
        known = [(start, start + len(word), tag) for start, word, tag in placed if tag is not None]
        return Annotated(
            text,
            [(start, stop) for start, stop, _ in known],
            [tag for *_, tag in known],
            example.language,
        )

    @classmethod
    def described(cls, example: Example) -> Mapping[str, str]:
        """Return the words, and the words with their tags."""
        if example.gold is None:
            return {"words": " ".join(example.data.words), "tags": "none"}
        pairs = zip(example.data.words, example.gold, strict=True)
        return {
            "words and tags": " ".join(
                f"{word}/{'(none)' if tag is None else tag}" for word, tag in pairs
            )
        }

    @classmethod
    def key(cls, example: Example) -> str:
        return "\t".join(example.data.words)
