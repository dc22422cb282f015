"""Checks that a learnable declares the special tokens that it uses."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from sslcli.conformance.bench import Bench, LearnableBench, TaskBench
from sslcli.conformance.learnables import EIGHT
from sslcli.conformance.plugin_class import demand
from sslcli.conformance.tiny import tiny_tokenizer_without
from sslcli.contracts.abilities import Illustrates
from sslcli.contracts.learnable import Context
from sslcli.data.rng import Rng
from sslcli.data.special_tokens import (
    SPECIAL_TOKENS,
    SpecialToken,
    missing,
    worded,
)
from sslcli.errors import CheckError


def objective(bench: Bench) -> None:
    """Every special token without which the objective fails is declared."""
    _tried(bench, lambda token: _use(replace(bench, context=_without(bench, token)).arranged()))


def task(bench: TaskBench) -> None:
    """Every special token without which the task fails is declared."""
    _tried(bench, lambda token: _answer(replace(bench, context=_without(bench, token))))


def _tried(bench: LearnableBench, use: Callable[[SpecialToken], None]) -> None:
    """Yield the special tokens without which the learnable fails.

    A declared one is always there, so it is tried without each of the others.
    """
    declared = bench.cls.special_tokens
    strange = sorted(map(str, declared - SPECIAL_TOKENS.keys()))
    demand(
        not strange,
        f"special_tokens has {', '.join(strange)}",
        f"name some of {', '.join(SPECIAL_TOKENS)}",
    )
    for token in _undeclared(bench):
        try:
            use(token)
        except Exception as error:  # a stranger's code: anything may come
            said = " ".join(f"{type(error).__name__}: {error}".split())[:120]
            problem = (
                "it fails where the tokenizer has no "
                f"{worded([token])}, and does not declare it: {said}"
            )
            raise CheckError(problem, f'write special_tokens = frozenset({{"{token}"}})') from error


def _undeclared(bench: LearnableBench) -> Iterator[SpecialToken]:
    if bench.context.tokenizer is not None:
        there = bench.context.tokenizer.special_tokens
        # its pieces need it
        yield from (name for name in missing(there, bench.cls.special_tokens) if name != "unk")


def _without(bench: LearnableBench, token: SpecialToken) -> Context:
    return replace(bench.context, tokenizer=tiny_tokenizer_without(token))


def _use(bench: Bench) -> None:
    """Use an objective: samples, batch, loss, what is shown, and what is generated."""
    learner, batch = bench.learner(), bench.collate(EIGHT)
    learner(batch)
    bench.collator().show(batch)
    generator: object = learner.eval().learnable
    if isinstance(generator, Illustrates):
        samples = [bench.sample(number) for number in EIGHT]
        for _, request in generator.illustrations(samples):
            list(generator.generate(learner.backbone, request, Rng(0, 0)))


def _answer(bench: TaskBench) -> None:
    """Use a task: a loss, and predictions."""
    learner = bench.learner()
    learner(bench.collate(EIGHT))
    bench.predictions(learner, bench.examples)
