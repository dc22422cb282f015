"""Remap: every symbol is a word of its own, the same one at any time, and nothing of a sequence is
lost.
"""

import gzip
import json
import random
from itertools import pairwise

import numpy as np
import pytest
from sslplugins.tasks.remap.task import STRANGE, Remap
from task_bench import TaskBench, record

from sslcli.api import DataError, UsageError
from sslcli.datasets.label_sets import with_labels
from sslcli.datasets.sifter import Sifter
from sslcli.testing import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
CHANCE = random.Random(0)


def sequence(length, letters="ACGT"):
    return "".join(CHANCE.choices(letters, k=length))


def example(symbols, label="x", **options):
    return Remap.parse(Remap.Options(**options), record(sequence=symbols, label=label))


def settled(examples, **options):
    return Remap.resolve_options(Remap.Options(**options), examples, TOKENIZER)


def test_every_symbol_has_a_whole_word_of_its_own():
    words = settled([example("ACGTN"), example("acgy")]).words
    assert set(words) == {*"ACGTNY", STRANGE}
    assert len(set(words.values())) == 7
    tokens = [TOKENIZER.encode(word) for word in words.values()]
    assert all(
        len(ids) == 1 and not TOKENIZER.specials[ids[0]] and not TOKENIZER.continues[ids[0]]
        for ids in tokens
    )
    assert all(len(word) >= 3 and word.isalpha() for word in words.values())


def test_the_map_depends_on_the_symbols_and_the_seed_alone():
    examples = [example(sequence(20)) for _ in range(5)]
    words = settled(examples).words
    assert settled(examples[::-1]).words == settled([example("TGCA")]).words == words
    assert settled(examples, map_seed=1).words != words
    assert settled(examples, words=words).words == words


def test_a_map_that_is_given_is_kept_and_completed(tmp_path):
    (tmp_path / "map.json").write_text(json.dumps({"A": "cat", "c": "dog"}))
    for given in ("A=cat, c=dog", str(tmp_path / "map.json"), {"A": "cat", "C": "dog"}):
        words = settled([example("ACGT")], words=given).words
        assert (words["A"], words["C"]) == ("cat", "dog")
        assert set(words) == {*"ACGT", STRANGE}
        assert len(set(words.values())) == 5


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("A=cat,C=cat", "two symbols have the same word"),
        ("A=", "the word of the symbol 'A' is empty"),
        ("none.json", "there is no file"),
    ],
)
def test_a_map_that_cannot_be(given, problem):
    with pytest.raises((UsageError, DataError), match=problem):
        settled([example("ACGT")], words=given)


def test_a_vocabulary_may_have_too_few_words():
    with pytest.raises(
        UsageError, match=r"\d+ symbols need a word each, and the vocabulary has \d+ whole words"
    ):
        settled([example(sequence(300))], symbols_per_word=3)


def spelled(symbols, **options):
    """The words of one sequence, read back to symbols."""
    training = [example(symbols, label, **options) for label in ("x", "y")]
    bench = TaskBench.of(Remap, training, TOKENIZER, **options)
    symbol_of = {
        int(TOKENIZER.encode(word)[0]): symbol for symbol, word in bench.task.options.words.items()
    }
    (one,) = bench.encoded(training[:1])
    return [symbol_of[token] for token in one.samples[0].tokens[1:-1].tolist()]


@pytest.mark.parametrize(
    ("symbols", "options", "expected"),
    [
        ("ACGTA", {}, list("ACGTA")), ("acgt a", {}, list("ACGTA")), ("ACGTA",
        {"symbols_per_word": 2}, ["AC", "GT", "A"]),
        ("ACGTA", {"symbols_per_word": 3, "stride": 1}, ["ACG", "CGT", "GTA"]), ("AC",
        {"symbols_per_word": 5}, ["AC"]),
        ("ACGTACG", {"symbols_per_word": 3, "stride": 2}, ["ACG", "GTA", "ACG"]),
        ("ACGTAC", {"symbols_per_word": 1, "stride": 2}, list("AGA")),
    ],
)  # fmt: skip
def test_sequences_are_spelled_in_words(symbols, options, expected):
    assert spelled(symbols, **options) == expected


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, 1), (3, 2), (4, 4)])
def test_no_symbol_is_lost(size, stride):
    for length in range(1, 12):
        symbols = sequence(length, "AC")
        words = spelled(symbols, symbols_per_word=size, stride=stride)
        assert (
            words[0]
            + "".join(word[size - stride :] if len(word) == size else word for word in words[1:])
            == symbols
        )


def test_what_training_never_saw_is_one_word():
    bench = TaskBench.of(Remap, [example("ACGT", label) for label in "xy"], TOKENIZER)
    (one,) = bench.encoded([example("ANRA", "x")])
    first, *strange, last = one.samples[0].tokens[1:-1].tolist()
    assert first == last
    assert strange == [int(TOKENIZER.encode(bench.task.options.words[STRANGE])[0])] * 2


FASTA = (
    ">s1 ei\nACGT\nAC\n\n>s2 human chromosome 7 "
    "label=ie kept\nacgtn\n>s3 human chromosome 7\nTT*-\n"
)
FASTQ = "@r1 ei\nACGT\n+\nIIII\n@r2\nAC\n+r2\n@@\n"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.fasta", FASTA, [("s1", "ACGTAC", "ei"), ("s2", "ACGTN", "ie"), ("s3", "TT*-", None)]),
        ("a.fa.gz", FASTA, [("s1", "ACGTAC", "ei"), ("s2", "ACGTN", "ie"), ("s3", "TT*-", None)]),
        ("a.fastq", FASTQ, [("r1", "ACGT", "ei"), ("r2", "AC", None)]),
        ("a.fq.gz", FASTQ, [("r1", "ACGT", "ei"), ("r2", "AC", None)]),
        ("a.txt", "ACGT\tei\n\nac g\n", [("1", "ACGT", "ei"), ("3", "ACG", None)]),
        (
            "a.jsonl",
            '{"seq": "AC", "class": 1}\n{"text": "gt"}',
            [("1", "AC", "1"), ("2", "GT", None)],
        ),
        ("a.csv", "id,sequence,label\nx,ACGT,n\n", [("x", "ACGT", "n")]),
    ],
)
def test_sequences_out_of_their_usual_files(name, content, expected, tmp_path):
    (tmp_path / name).write_bytes(
        gzip.compress(content.encode()) if name.endswith("gz") else content.encode()
    )
    examples = Remap.read(Remap.Options(), str(tmp_path / name))
    assert [(example.id, *example.data, example.gold) for example in examples] == expected


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a.fa", ">s1|good\nACGT\n>s2|bad\nAC\n", "'>s1 good'"),
        ("a.fa", ">s1\nACGT\n", "'>s1 CLASS'"),
        ("a.fq", "@s1|good\nACGT\n+\nIIII\n", "'@s1 good'"),
        ("a.txt", "ACGT\nAC\n", "behind the sequence and a tab"),
    ],
)
def test_where_no_record_has_a_label_it_is_said_how_one_is_written(name, content, hint, tmp_path):
    path = tmp_path / name
    path.write_text(content)
    examples = list(Remap.read(Remap.Options(), str(path)))
    with pytest.raises(DataError, match="there is no answer") as caught:
        with_labels(Remap, Remap.Options(kind="classes"), None, examples, Sifter())
    assert hint in caught.value.hint
    if "'" in hint:  # what is shown is read
        path.write_text(content.replace(content.partition("\n")[0], hint.strip("'"), 1))
        assert next(iter(Remap.read(Remap.Options(), str(path)))).gold in ("good", "CLASS")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.fa", "ACGT\n", "a.fa, line 1: letters without a header"),
        ("a.fa", ">s1\nAC<html>\n", "a.fa, line 2: '<' is no letter"),
        ("a.fq", "@r\nACGT\n+\nII\n",
        "a.fq, line 1: the last record has 4 letters and 2 quality characters"),
        ("a.fq", FASTQ + "@r3\nAC\n", "a.fq, line 9: the last record has no '+' line"),
        ("a.txt", "AC\tx\ty\n", "a.txt, line 1 has 3 columns"),
        ("a.jsonl", '{"dna": "AC"}', "a.jsonl, record 1, field 'sequence': 'sequence' is missing"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_by_its_place(name, content, problem, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as caught:
        list(Remap.read(Remap.Options(), str(tmp_path / name)))
    assert str(tmp_path / problem) in caught.value.message


def test_a_motif_is_learnt():
    """Whether a C stands behind an A, whatever the rest: single letters are drawn alike for both
    labels.
    """
    rows = []
    while len(rows) < 64:
        symbols = sequence(8)
        label = "with" if ("A", "C") in pairwise(symbols) else "without"
        if sum(gold == label for _, gold in rows) < 32:
            rows.append((symbols, label))
    examples = [example(symbols, label) for symbols, label in rows]
    bench = TaskBench.of(Remap, examples, TOKENIZER)
    bench.train(examples, 150)
    right = [
        prediction.value == gold
        for prediction, (_, gold) in zip(bench.predict(examples), rows, strict=True)
    ]
    assert np.mean(right) > 0.95


def test_real_splice_junctions_are_read(real_data):
    examples = list(Remap.read(Remap.Options(), str(real_data / "dna" / "train.jsonl")))
    assert len(examples) == 2_000
    words = settled(examples).words
    assert {*"ACGT", STRANGE} <= set(words)
