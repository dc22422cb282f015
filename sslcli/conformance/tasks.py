"""Checks that every task must pass beside those for all learnables, on labelled examples.

A check is a function of a TaskBench; it raises CheckError where something does not hold.
"""

from collections.abc import Callable, Mapping, Sequence
from inspect import isabstract

from sslcli.conformance import abilities, answers, learnables, plugin_class, special_tokens, steps
from sslcli.conformance.bench import TaskBench
from sslcli.conformance.learnables import EIGHT, train
from sslcli.conformance.plugin_class import demand, flags_of_command, refuse_taken_flags
from sslcli.conformance.trees import copied, equal
from sslcli.contracts.examples import Encoded
from sslcli.contracts.scorer import Scorer
from sslcli.contracts.task import Task
from sslcli.core.settings import ARCHITECTURES
from sslcli.data.batches import Sample
from sslcli.data.documents import Where
from sslcli.data.records.record import Record
from sslcli.errors import CheckError, DataError
from sslcli.settings import FinetuneSettings

COMMAND_FLAGS = flags_of_command(
    FinetuneSettings, "--check", "--compare-scratch", "--init", "--seeds"
)
TYPED = "the cat sees the mouse in the garden ."  # what someone might type


def task_declarations(bench: TaskBench) -> None:
    """summary, architectures, records, positional_fields, scorer and Options are as the contract
    requires.
    """
    cls = bench.cls
    demand(
        bool(getattr(cls, "summary", "").strip()),
        "summary is missing",
        'write summary = "..." in one line',
    )
    demand(
        bool(cls.architectures) and cls.architectures <= {*ARCHITECTURES},
        f"architectures is {set(cls.architectures)}",
        f"name some of {', '.join(ARCHITECTURES)}",
    )
    kind = getattr(cls, "records", None)
    demand(
        isinstance(kind, str) and bool(kind),
        f"records is {kind!r}",
        'name the kind of record that parse takes: "texts", "pairs", ...',
    )
    typed = cls.positional_fields(bench.options)
    named = isinstance(typed, tuple) and bool(typed) and len({*typed}) == len(typed)
    demand(
        named,
        f"positional_fields gives {typed!r}",
        'name the columns of a record that is typed on a line, as in ("text",)',
    )
    named = (
        isinstance(cls.scorer, type)
        and issubclass(cls.scorer, Scorer)
        and not isabstract(cls.scorer)
    )
    demand(
        named,
        "scorer is no class that scores",
        "write class MyScorer(Scorer) with score(self, predictions, examples)",
    )
    demand(
        issubclass(cls.Options, Task.Options),
        "Options has no --seq-len",
        "write class Options(Task.Options)",
    )


def task_option_flags(bench: TaskBench) -> None:
    """Every option is described, and none takes a flag of `ssl finetune`."""
    refuse_taken_flags(bench.cls.Options, COMMAND_FLAGS)


def settling(bench: TaskBench) -> None:
    """resolve_options gives options of the class, and is idempotent, also for other examples."""
    demand(
        isinstance(bench.options, bench.cls.Options),
        f"resolve_options gives {type(bench.options).__name__}",
        "give options.model_copy(update=...)",
    )
    for examples in (bench.examples, bench.examples[: len(bench.examples) // 2]):
        assert bench.context.tokenizer is not None, "a context of text has one"
        again = bench.cls.resolve_options(bench.options, examples, bench.context.tokenizer)
        demand(
            again == bench.options,
            "resolving the options again changes them",
            "fill in only what the options leave open",
        )


def labels(bench: TaskBench) -> None:
    """Labels are texts, each once, the same every time."""
    given = list(bench.context.labels or ())
    demand(
        all(isinstance(label, str) and label for label in given),
        f"labels are {given!r:.80}",
        "give texts, none of them empty",
    )
    demand(len({*given}) == len(given), f"a label is twice among {given!r:.80}", "sort a set")
    again = [*bench.cls.labels(bench.options, bench.examples)]
    demand(again == given, "labels are others the second time", "sort them")


def examples(bench: TaskBench) -> None:
    """parse gives place and unique id; a typed record has no label and can be encoded."""
    ids = {example.id for example in bench.examples}
    demand(len(ids) == len(bench.examples), "two examples have the same id", "use record.id")
    wrong = [
        example.id
        for example in bench.examples
        if not isinstance(example.id, str) or not isinstance(example.where, Where)
    ]
    demand(
        not wrong, "an example has no id or no place", "give Example(record.id, record.where, ...)"
    )
    columns = bench.cls.positional_fields(bench.options)
    record = Record(Where("typed", 1), dict.fromkeys(columns, TYPED))
    try:
        example = bench.cls.parse(bench.options, record)
    except DataError as error:
        raise CheckError(
            f"a record of {', '.join(columns)} is refused: {error.message}",
            "a label may be missing",
        ) from error
    demand(
        example.gold is None,
        f"a record without a label has the label {example.gold!r:.60}",
        "give None",
    )
    demand(
        len(bench.encoded([example])) == 1, "encode gives nothing for a record without an answer"
    )


def encoding(bench: TaskBench) -> None:
    """encode gives one Encoded per example, in order, in any batch; all samples have the same
    fields.
    """
    for training in (False, True):
        together = bench.encoded(bench.examples, training)
        demand(
            len(together) == len(bench.examples),
            f"encode gives {len(together)} for {len(bench.examples)} examples",
            "yield one for each",
        )
        for number, example in enumerate(bench.examples):
            alone = bench.encoded([example], training)
            same = len(alone) == 1 and equal(alone[0].samples, together[number].samples)
            demand(
                same,
                f"example {number} is encoded differently beside others",
                "yield in the order of the examples, each by itself",
            )
    samples = _samples(together)
    demand(bool(samples), "no example becomes a sample")
    for sample in samples:
        alike = (sample.fields.keys(), sample.per_token.keys()) == (
            samples[0].fields.keys(),
            samples[0].per_token.keys(),
        )
        demand(
            alike,
            "samples have different fields",
            "give all the same, -1 where there is nothing to say",
        )
        fitting = all(len(values) == len(sample) for values in sample.per_token.values())
        demand(fitting, "an array of per_token is not as long as the tokens")


def lengths(bench: TaskBench) -> None:
    """No sample is longer than --seq-len, and cut examples state their full length."""
    samples = _samples(bench.encoded(bench.examples))
    longest = max(map(len, samples))
    most = bench.collator().sequence_tokens
    demand(
        longest <= most,
        f"a sample has {longest} tokens, and {most} are allowed",
        "cut at self.sequence_tokens",
    )
    fewer = longest - longest // 4
    options = bench.options.model_copy(update={"sequence_tokens": fewer})
    cut = list(bench.cls(options, bench.context).encode(bench.examples, False))
    longest = max(map(len, _samples(cut)), default=0)
    demand(
        longest <= fewer,
        f"with --seq-len {fewer} a sample has {longest} tokens",
        "cut at self.sequence_tokens",
    )
    whole = [each.whole_tokens for each in bench.encoded(bench.examples)]
    short = [each.whole_tokens for each in cut]
    demand(
        whole == short,
        "whole_tokens depends on --seq-len",
        "count the tokens before any is cut off",
    )
    fits = all(
        size >= max(map(len, each.samples), default=0)
        for size, each in zip(short, cut, strict=True)
    )
    demand(
        fits,
        "whole_tokens is less than a sample has",
        "count the tokens before any is cut off, special ones too",
    )


def terms(bench: TaskBench) -> None:
    """Terms and metrics do not depend on the data: all ranks add up the same ones."""
    learner, bare = bench.learner(), _samples(bench.encoded(bench.unlabelled()))
    whole = learner(bench.collate(EIGHT))
    for batch in (
        bench.collate([0]),
        bench.collate([len(bench.samples) - 1]),
        bench.collated(bare[:1]),
    ):
        part = learner(batch)
        same = (part.sums.keys(), part.metrics.keys(), batch.counts.keys()) == (
            whole.sums.keys(),
            whole.metrics.keys(),
            whole.sums.keys(),
        )
        demand(
            same,
            "terms or metrics depend on the data",
            "give a sum of 0 and a count of 0 where there is nothing",
        )


def task_state(bench: TaskBench) -> None:
    """All state is in state_dict: a fresh instance that loads it gives the same loss and
    predictions.
    """
    learnables.state(bench)
    learner, fresh = bench.learner(), bench.learner(seed=1)
    train(bench, learner, bench.collate(EIGHT), steps=3)
    fresh.load_state_dict(copied(learner.state_dict()))
    before, after = (bench.predictions(each, bench.examples) for each in (learner, fresh))
    answers.demand_alike(
        before,
        after,
        "a fresh instance with the same state_dict answers otherwise",
        "keep state in parameters and buffers",
    )


def _samples(encoded: Sequence[Encoded]) -> list[Sample]:
    return [sample for each in encoded for sample in each.samples]


Check = Callable[[TaskBench], None]
TASK_CHECKS: Mapping[str, Check] = {
    "declarations": task_declarations,
    "imports": plugin_class.imports,
    "options round-trip": plugin_class.options,
    "options as flags": task_option_flags,
    "special tokens": special_tokens.task,
    "resolved options": settling,
    "labels": labels,
    "examples": examples,
    "prompts": abilities.prompts,
    "encoding": encoding,
    "lengths": lengths,
    "collate is pure": learnables.pure_batches,
    "counts": learnables.counts,
    "terms": terms,
    "forward is deterministic and finite": learnables.forward,
    "gradients": learnables.gradients,
    "groups": learnables.groups,
    "micro-batches": learnables.micro_batches,
    "order of samples": learnables.order,
    "state": task_state,
    "begin": steps.beginning,
    "progress": steps.progress,
    "followers": steps.followers,
    "after a step": steps.after_steps,
    "predict is deterministic": answers.predictions,
    "examine": answers.examining,
    "batch independence": answers.company,
    "examples without an answer": answers.unlabelled_answers,
    "predictions": answers.merging,
    "scores": answers.scores,
    "labels score best": answers.best_possible,
    "baselines": answers.baselines,
    "reports": answers.reports,
    "learns some examples": answers.answers_after_learning,
}
