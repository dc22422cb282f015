"""The lines and warnings about a pretraining before it starts."""

from collections.abc import Mapping

from sslcli.contracts.abilities import HasIdleOptions, RemarksOnData
from sslcli.core.arithmetic import parameters
from sslcli.core.settings import TransformerSettings
from sslcli.datasets.arrange import NOT_SAID
from sslcli.engine.composite import with_ability
from sslcli.engine.plan import Plan
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.process_group import ALONE, ProcessGroup
from sslcli.engine.schedule import warmup_steps
from sslcli.reports import amount, printable
from sslcli.workflows.pretrain.prepare import Prepared
from sslcli.workflows.training.plan import hardware_warnings, how_it_is_trained

FEWEST_HELD_OUT_SAMPLES = 20


def header(
    prepared: Prepared, plan: Plan, hardware: Hardware, process_group: ProcessGroup = ALONE
) -> dict[str, str]:
    """Title -> line: everything that was decided, in the order in which it is shown."""
    settings, shape = prepared.settings, prepared.learner.backbone.settings
    training = settings.training
    tokens, unit = (
        int(prepared.train.lengths.sum()),
        "tokens" if prepared.tokenizer is not None else "rows",
    )
    longest = (
        settings.data.sequence_tokens
        if prepared.tokenizer is not None
        else int(prepared.train.lengths.max())
    )
    micro = f" in parts of {training.micro_batch_size}" if training.micro_batch_size else ""
    return {
        "model": f"{shape.architecture} · {parameters(shape) / 1e6:.2f} "
        f"M parameters · {shape.described_layers} x {shape.width}"
        f" · {_read_by(shape)} · "
        + (f"from {settings.model.source}" if settings.model.source else "new"),
        "data": f"{', '.join(settings.data.train)} · {tokens:,} "
        f"{unit} · {amount(len(prepared.train), 'sample')} of at most"
        f" {longest} · {len(prepared.evaluation):,} held out",
        **_how_languages_are_mixed(prepared),
        "objective": (
            f"{settings.objective} · {described_options(prepared)}{_what_learns(prepared)}"
        ),
        **({"head": prepared.head} if settings.model.source else {}),
        "batch": (
            f"{training.batch_size:,} {training.batch_unit}{micro} · "
            f"{amount(plan.total_steps, 'step')}"
        ),
        **how_it_is_trained(settings, prepared.learner, plan, hardware, process_group),
    }


def _read_by(shape: TransformerSettings) -> str:
    if shape.layout is not None:
        return shape.layout.described
    if shape.frames is not None:
        return shape.frames.described
    return (
        f"rows of {shape.row_features}"
        if shape.row_features
        else f"vocabulary {shape.vocabulary:,}"
    )


def _how_languages_are_mixed(prepared: Prepared) -> dict[str, str]:
    """Shares of the draws, beside those of the samples where they differ; nothing to say of one
    language.
    """
    members, mixture = prepared.train.languages, prepared.mixture
    if len(members) < 2:
        return {}
    there = _shares({language: len(numbers) for language, numbers in members.items()})
    if mixture is None:
        return {"languages": f"{there}, as they lie"}
    drawn = _shares(dict(zip(members, mixture.draws_L.tolist(), strict=True)))
    return {
        "languages": (
            f"{drawn} (exponent {prepared.settings.data.language_exponent:g}; of the data {there})"
        )
    }


def _shares(counts: Mapping[str, int]) -> str:
    return " · ".join(
        f"{printable(name)} {100 * count / sum(counts.values()):.3g} %"
        for name, count in counts.items()
    )


def _what_learns(prepared: Prepared) -> str:
    if prepared.settings.model.train == "all":
        return ""
    trained = sum(parameter.numel() for parameter in prepared.learner.trained_parameters().values())
    return f" · trains {amount(trained, 'parameter')}, the head only"


def warnings(prepared: Prepared, plan: Plan, hardware: Hardware) -> list[str]:
    """Return warnings for the user before a long wait."""
    warmup, held_out = (
        warmup_steps(prepared.settings.schedule, plan.total_steps),
        len(prepared.evaluation),
    )
    found = []
    if warmup >= plan.total_steps > 1:
        found.append(
            f"warm-up takes {amount(warmup, 'step')}, and the run has "
            f"{plan.total_steps}: the learning rate never reaches its peak"
        )
    if held_out < FEWEST_HELD_OUT_SAMPLES:
        found.append(
            f"only {held_out} samples are held out, so their figures "
            "are coarse; give --eval-data, or raise data.held_out"
        )
    return [
        *found,
        *remarks_on_idle_options(prepared),
        *remarks_on_data(prepared),
        *_without_evaluation(prepared),
        *hardware_warnings(hardware),
    ]


def remarks_on_data(prepared: Prepared) -> list[str]:
    """What an objective, or a part of several, can make nothing of in the training samples."""
    corpus, rows_NK = prepared.train.corpus, prepared.train.rows
    return [
        f"{name}: {remark}" if name else remark
        for name, part in with_ability(prepared.collator, RemarksOnData)
        for remark in part.remarks_on(corpus, rows_NK)
    ]


def _without_evaluation(prepared: Prepared) -> list[str]:
    """Return a warning for training languages without held-out samples.

    Held-out data without languages gives none.
    """
    trained, evaluated = prepared.train.languages, prepared.evaluation.languages
    missing = [printable(language) for language in trained if language not in evaluated]
    if not missing or NOT_SAID in evaluated:
        return []
    known = ", ".join(map(printable, evaluated))
    have = (
        "has no held-out samples, so it is"
        if len(missing) == 1
        else "have no held-out samples, so they are"
    )
    which = f"{', '.join(missing)} {have} not evaluated, and all metrics are of {known}"
    return [f"{which}; give --eval-data for each language, or raise data.held_out"]


def described_options(prepared: Prepared) -> str:
    """The objective's options in one line, but for those that nothing reads."""
    idle = {
        name or prepared.settings.objective: part.idle_options()
        for name, part in with_ability(prepared.collator, HasIdleOptions)
    }
    return (
        " · ".join(
            f"{name.replace('_', ' ')} {value}"
            for objective, part in prepared.settings.options.items()
            for name, value in part.items()
            if value is not None and name not in idle.get(objective, ())
        )
        or "no options"
    )


def remarks_on_idle_options(prepared: Prepared) -> list[str]:
    """Options that somebody changed, and nothing reads."""
    found = []
    for name, part in with_ability(prepared.collator, HasIdleOptions):
        usual = type(part.options)()
        found += [
            f"{name or prepared.settings.objective}: {each} is set, and the other options leave it"
            " without effect"
            for each in part.idle_options()
            if getattr(part.options, each) != getattr(usual, each)
        ]
    return found
