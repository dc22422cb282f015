"""Encoding here and by the `tokenizers` library on the same text: equal ids of all sentences first,
then interleaved seconds.

    python tests/benchmarks/tokenizing_speed.py FILE... [--tokenizer wordpiece] [--vocabulary 8000]
    [--rounds 3]
    python tests/benchmarks/tokenizing_speed.py --rehearse

`the whole way` is `ssl tokenize` with a tokenizer that is given: reading, splitting, encoding,
statistics, shards on disk. `encoding` is its encoding alone, in its portions, knowing no word at
the beginning; the peers get the same sentences in the same portions. Times are processor seconds of
the whole process, so that other work on the machine counts little.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer as Library

from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.data.text.sentences import split_sentences
from sslcli.data.text.tokenizer import FILE, Tokenizer
from sslcli.datasets.shard_writer import portions
from sslcli.datasets.sources import documents, expand
from sslcli.datasets.tokenized import tokenize, tokenizer_for

Portions = Sequence[Sequence[str]]


def ours(folder: Path, sentences: Portions) -> list[np.ndarray]:
    tokenizer = Tokenizer.load(folder)
    return [tokenizer.encode_together(portion)[0] for portion in sentences]


def peer(method: str) -> Callable[[Path, Portions], list[np.ndarray]]:
    def encode(folder: Path, sentences: Portions) -> list[np.ndarray]:
        library = Library.from_file(str(folder / FILE))
        library.encode_special_tokens = True  # as ours: text never spells one
        batches = [
            getattr(library, method)(portion, add_special_tokens=False) for portion in sentences
        ]
        return [np.concatenate([encoding.ids for encoding in batch]) for batch in batches]

    return encode


def seconds_of(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--tokenizer", default="wordpiece")
    parser.add_argument("--vocabulary", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="the built-in world, one round: shows mistakes, not speed",
    )
    asked = parser.parse_args()
    data = DataSettings(train=tuple(asked.files))
    if asked.rehearse:
        asked.vocabulary, asked.rounds = 300, 1
        data = DataSettings(train=("demo:world",), reader_options={"sentences": 300})
    elif not asked.files:
        parser.error("name the files of text, or --rehearse")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "tokenizer"
        tokenizer_for(
            data, TokenizerSettings(kind=asked.tokenizer, vocabulary=asked.vocabulary)
        ).save(folder)
        sentences = [
            [sentence for document in portion for sentence in split_sentences(document)]
            for portion in portions(documents(expand(data.train, data.reader), data))
        ]
        megabytes = (
            sum(len(sentence.encode()) for portion in sentences for sentence in portion) / 1e6
        )
        given = TokenizerSettings(source=str(folder))
        ways: dict[str, Callable[[], object]] = {
            "the whole way": lambda: tokenize(data, given, Path(scratch) / "shards"),
            "encoding": lambda: ours(folder, sentences),
            "encode_batch": lambda: peer("encode_batch")(folder, sentences),
            "encode_batch_fast": lambda: peer("encode_batch_fast")(folder, sentences),
        }
        expected = peer("encode_batch")(folder, sentences)
        same = all(
            np.array_equal(*pair) for pair in zip(expected, ours(folder, sentences), strict=True)
        )
        print(
            f"{megabytes:.1f} MB, {sum(map(len, expected)):,} tokens "
            f"by {asked.tokenizer}, ids {'equal' if same else 'DIFFER'}"
        )
        rounds = [
            {name: seconds_of(way) for name, way in ways.items()} for _ in range(asked.rounds)
        ]
        for name in ways:
            speeds = sorted(megabytes / times[name] for times in rounds)
            ratios = ", ".join(f"{times['encode_batch'] / times[name]:.2f}" for times in rounds)
            print(
                f"{name:18} {statistics.median(speeds):6.2f} MB/s   "
                f"encode_batch's seconds over its own, by round: {ratios}"
            )
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
