"""The runs of a study: where each starts, its seed, its language, its folder and its settings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sslcli.settings import FinetuneSettings, LabelledSettings, Start


@dataclass(frozen=True)
class Variant:
    """One run of a study.

    `folder` is where it is written; the first variant has the name that the user gave. `language`:
    of an in-language baseline, which is trained in the language that the others are only scored in.
    """

    start: Start
    seed: int
    folder: Path
    language: str = ""


def variants(
    folder: Path, starts: Sequence[Start], seeds: Sequence[int], in_language: Sequence[str] = ()
) -> Iterator[Variant]:
    """Return all starts with all seeds, then the in-language baseline of each language.

    For one seed every start sees the same batches.
    """
    for seed in seeds:
        for start, language in [
            *((start, "") for start in starts),
            *((starts[0], language) for language in in_language),
        ]:
            differing = (
                start if start != starts[0] else "",
                language,
                f"seed{seed}" if seed != seeds[0] else "",
            )
            yield Variant(
                start,
                seed,
                folder.with_name("-".join([folder.name, *filter(None, differing)])),
                language,
            )


def variant_settings(
    variant: Variant,
    settings: FinetuneSettings,
    study: Sequence[Variant] = (),
    in_language: Mapping[str, LabelledSettings] | None = None,
) -> FinetuneSettings:
    """`in_language`: by language the data of its in-language baseline."""
    names = tuple(each.folder.name for each in study)
    return settings.model_copy(
        update={
            "data": in_language[variant.language]
            if in_language and variant.language
            else settings.data,
            "model": settings.model.model_copy(update={"start": variant.start}),
            "training": settings.training.model_copy(update={"seed": variant.seed}),
            "run": settings.run.model_copy(
                update={"folder": str(variant.folder), "name": None, "study": names}
            ),
        }
    )
