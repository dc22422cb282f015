"""Checks that every objective must pass, built-in or not.

A check is a function of a Bench; it raises CheckError where something does not hold.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sslcli.config import Config
from sslcli.conformance import abilities, learnables, plugin_class, special_tokens, steps
from sslcli.conformance.bench import Bench
from sslcli.conformance.learnables import EIGHT
from sslcli.conformance.plugin_class import demand, flags_of_command, refuse_taken_flags
from sslcli.contracts.abilities import Illustrates
from sslcli.core.settings import ARCHITECTURES
from sslcli.data.arrangements import ARRANGEMENTS
from sslcli.data.batches import Batch
from sslcli.data.rng import Rng
from sslcli.settings import PretrainSettings

COMMAND_FLAGS = flags_of_command(PretrainSettings, "--show-batch")


def declarations(bench: Bench) -> None:
    """summary, architectures, modalities, arranges and Options are as the contract requires."""
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
    demand(
        bool(cls.modalities) and cls.modalities <= {"text", "images", "sound", "table"},
        f"modalities is {set(cls.modalities)}",
        "name modalities",
    )
    demand(
        cls.arranges in ARRANGEMENTS,
        f"arranges is '{cls.arranges}'",
        f"choose one of {', '.join(ARRANGEMENTS)}",
    )
    demand(issubclass(cls.Options, Config), "Options is no Config", "write class Options(Config)")


def option_flags(bench: Bench) -> None:
    """Every option is described, and none takes a flag of `ssl pretrain`."""
    refuse_taken_flags(bench.cls.Options, COMMAND_FLAGS)


def rows(bench: Bench) -> None:
    """arrange gives the same int64 rows every time, and the lengths that the samples have."""
    again = [
        chunk.values for chunk in bench.cls(bench.options, bench.context).arrange(bench.corpus)
    ]
    demand(bench.rows.dtype == np.int64 and bench.rows.ndim == 2, "rows are not int64 [n, k]")
    demand(len(bench.rows) == len(bench.lengths) > 0, "there is not one length for every row")
    demand(
        np.array_equal(np.concatenate(again), bench.rows),
        "arrange gives other rows the second time",
        "use random numbers in `sample`",
    )


def samples(bench: Bench) -> None:
    """A sample is a pure function of its number, in any order and batch."""
    forward, backward = bench.batch(EIGHT), bench.batch(range(7, -1, -1))
    for index in EIGHT:
        one = bench.batch([index])
        for batch, place in ((forward, index), (backward, 7 - index)):
            _same_sample(batch, place, one, index)


def _same_sample(batch: Batch, place: int, one: Batch, index: int) -> None:
    """Demand that sample `place` of a batch equals the only one of `one`, in every stream."""
    part = slice(*batch.starts[place : place + 2])
    same = np.array_equal(batch.values[part], one.values)
    demand(same, f"sample {index} depends on what was sampled before it", "use `rng` alone")
    for name, values in batch.fields.items():
        demand(
            np.array_equal(values[place], one.fields[name][0]),
            f"field '{name}' of sample {index} depends on the other samples of the batch",
        )
    demand(
        batch.streams.keys() == one.streams.keys(),
        f"sample {index} has other streams than others",
        "give all samples the same",
    )
    for name, stream in batch.streams.items():
        _same_sample(stream, place, one[name], index)


def words(bench: Bench) -> None:
    """show describes in text or pictures how the samples were corrupted."""
    report = bench.collator().show(bench.collate(range(3)))
    texts = [span.text for passage in report.passages for span in passage.spans] + list(
        report.notes
    )
    tables = [str(cell) for table in report.tables for row in table.rows for cell in row]
    shown = any(text.strip() for text in (*texts, *tables)) or any(
        len(curve.ys) for curve in report.curves
    )
    demand(
        shown, "show gives an empty report", "say what was corrupted and what is to be predicted"
    )


def illustrated_requests(bench: Bench) -> None:
    """Requests made of samples are of the objective's Request, deterministic, and can be generated
    from.
    """
    learner = bench.learner().eval()
    generator: object = learner.learnable
    if not isinstance(generator, Illustrates):
        return
    collators: list[Any] = [bench.collator(), bench.collator()]
    rng = Rng(0, 0)
    given = [bench.sample(number) for number in EIGHT]
    asked, again = (collator.illustrations(given) for collator in collators)
    demand(
        list(asked) == list(again),
        "illustrations makes other requests the second time",
        "sample nothing there",
    )
    for shown, request in asked:
        fits = (
            isinstance(shown, str)
            and bool(shown.strip())
            and isinstance(request, generator.Request)
        )
        demand(
            fits,
            f"illustrations gives ({shown!r:.40}, {type(request).__name__})",
            "give what is shown, and a Request",
        )
        found = list(generator.generate(learner.backbone, request, rng))
        demand(
            bool(found),
            f"nothing is generated of its own request {shown!r:.40}",
            "give no request that has no answer",
        )


Check = Callable[[Bench], None]
CHECKS: Mapping[str, Check] = {
    "declarations": declarations,
    "imports": plugin_class.imports,
    "options round-trip": plugin_class.options,
    "options as flags": option_flags,
    "special tokens": special_tokens.objective,
    "rows": rows,
    "samples by number": samples,
    "collate is pure": learnables.pure_batches,
    "counts": learnables.counts,
    "forward is deterministic and finite": learnables.forward,
    "gradients": learnables.gradients,
    "groups": learnables.groups,
    "micro-batches": learnables.micro_batches,
    "order of samples": learnables.order,
    "state": learnables.state,
    "begin": steps.beginning,
    "progress": steps.progress,
    "followers": steps.followers,
    "after a step": steps.after_steps,
    "learns a batch": learnables.learning,
    "samples in words": words,
    "illustrations": illustrated_requests,
    "restorations": abilities.restorations,
}
