"""Settings that cannot be meant, in every field and every kind of run file.

    python tests/faults/inputs_settings.py --cases 100000

Every field is tried with every bad value, as a file and as --set; random pairs of fields follow
until there are enough cases.
"""

import json
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from inputs_trying import Trial, by_hand
from pydantic.fields import FieldInfo
from tallies import Tally

from sslcli import registry
from sslcli.config import leaves, write_yaml
from sslcli.core.settings import TransformerSettings
from sslcli.layers import Layer, dotted_layer, nested
from sslcli.models.objectives import objective_classes, objective_options
from sslcli.resolving import resolve
from sslcli.runfiles import parse_assignments, read_layer
from sslcli.settings import PretrainSettings

HUGE = 10**18
# name -> value, as a run file holds it.
BAD_VALUES: Mapping[str, Any] = {
    "not a number": math.nan,
    "infinite": math.inf,
    "infinite below": -math.inf,
    "zero": 0,
    "negative": -1,
    "a billion billion": HUGE,
    "a billion billion and a half": HUGE + 0.5,
    "beyond 64 bits": 2**64,
    "of 400 digits": 10**400,
    "a small fraction": 5e-324,
    "empty": "",
    "a long text": "x" * 10_000,
    "a text": "no such thing",
    "a path": "../../../../etc/passwd",
    "a NUL": "a\0b",
    "half a character": "\udc80",
    "digits of another script": "٣",
    "true": True,
    "null": None,
    "a list": [1, 2],
    "an empty list": [],
    "a list of lists": [[[]]],
    "a list of null": [None],
    "a group": {"a": 1},
    "a group of groups": {"a": {"b": {}}},
    "deep": nested(".".join("a" * 20), 1),
}
LARGEST_MEANT = 10**12


@cache
def fields() -> dict[str, FieldInfo]:
    """Dotted key -> field, of everything that a run file may hold, options of plugins too."""
    found = dict(leaves(PretrainSettings))
    found |= {
        f"model.shape.{name}": field for name, field in TransformerSettings.model_fields.items()
    }
    for name in registry.names("objectives"):
        found |= dict(leaves(registry.load("objectives", name).Options, f"options.{name}."))
    return found


DEEP = 100_000
# Where 0 turns something off, is a share or is a place; everywhere else it is a mistake.
ZERO_IS_MEANT = frozenset(
    {
        "data.language_exponent",
        "optimizer.weight_decay",
        "optimizer.clip",
        "optimizer.beta1",
        "optimizer.beta2",
        "optimizer.momentum",
        "schedule.warmup",
        "schedule.final",
        "training.seed",
        "model.shape.vocabulary",
        "model.shape.row_features",
        "model.shape.position_offset",
        "model.shape.global_every",
        "model.shape.segments",
        "model.shape.dropout",
        "options.mlm.mask_share",
        "options.mlm.random_share",
        "options.bart.random_share",
        "options.contrastive.jitter",
        "options.denoise.random_share",
        "options.disentangle.adversary",
        "options.disentangle.code_noise",
        "options.disentangle.spread",
        "options.disentangle.style_clips",
        "options.distil-self.centre_momentum",
        "options.distil-self.jitter",
        "options.distil-self.small_views",
        "options.hubert.layer",
        "options.mask-frames.band_share",
        "options.mask-frames.mask_share",
        "options.mask-frames.random_share",
        "options.text-autoencoder.pretraining",
        "options.text-autoencoder.readability",
        "options.vae.divergence_warmup",
        "options.vae.free_bits",
        "options.vae.variance",
        "options.vq.commitment",
        "options.vq.fewest",
    }
)


def sweep(cases: int) -> Tally:
    trial = Trial("settings")
    with tempfile.TemporaryDirectory() as name:
        folder, everything = Path(name), [*_values(), *_files()]
        for case in random.Random(3).sample(everything, min(cases, len(everything))):
            case(trial, folder)
        _at_random(trial, cases - trial.tried, folder)
    return trial.tally


Case = Callable[[Trial, Path], None]


def _values() -> Iterator[Case]:
    """Every field with every value."""
    for key in fields():
        for name, value in BAD_VALUES.items():

            def case(
                trial: Trial, folder: Path, key: str = key, name: str = name, value: Any = value
            ) -> None:
                layer = dotted_layer({key: value}, "here")
                trial.attempt(
                    f"{key} is {name}",
                    lambda: held_at(key, layer),
                    wrong=lambda held: unmeant(key, value, held),
                    says=key,
                )

            yield case


def _files() -> Iterator[Case]:
    """Every file that is to be refused."""
    for file, key, content in files():

        def case(
            trial: Trial, folder: Path, file: str = file, key: str = key, content: str = content
        ) -> None:
            path = folder / file
            path.write_text(content, encoding="utf-8")
            trial.attempt(
                file, lambda: held_at(key, read_layer(path)), wrong=lambda held: "was taken"
            )

        yield case


def held_at(key: str, layer: Layer) -> Any:
    """The value that complete settings hold at a key after a layer put it there."""
    settings = resolve(PretrainSettings, layer).settings
    if key.startswith("model.shape."):
        return getattr(TransformerSettings(**settings.model.shape), key.rpartition(".")[2])
    if not key.startswith("options."):
        return at(settings.model_dump(), key)
    _, name, option = key.split(".", 2)
    return at(
        objective_options(objective_classes(name), settings.options)[name].model_dump(), option
    )


def at(tree: Mapping[str, Any], key: str) -> Any:
    for part in key.split("."):
        tree = tree[part]
    return tree


def unmeant(key: str, value: Any, held: Any) -> str:
    """Why a value should not have been taken for this field; judged by what is held, not by what
    the field declares.
    """
    annotation = _optional(fields()[key].annotation)
    if held is None:
        return "" if annotation is not fields()[key].annotation else "nothing is held"
    if get_origin(annotation) is tuple:
        kind = get_args(annotation)[0]
        return "" if all(_fits(part, kind) for part in held) else f"holds {held!r:.80}"
    if get_origin(annotation) is dict:
        return "" if held == value or value is None else f"holds {held!r:.80}"
    if not _fits(held, annotation):
        return f"holds {held!r:.80}"
    if (
        value == 0
        and not isinstance(value, bool)
        and annotation in (int, float)
        and key not in ZERO_IS_MEANT
    ):
        return "takes 0"
    return ""


def _fits(held: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return held in get_args(kind)
    if kind is bool or isinstance(held, bool):
        return kind is bool and isinstance(held, bool)
    if kind in (int, float):
        return isinstance(held, int | float) and 0 <= held <= LARGEST_MEANT
    return isinstance(held, str) and held.isprintable()


def _optional(annotation: Any) -> Any:
    """The type without "or None", and without what is said about it."""
    inner = [part for part in get_args(annotation) if part is not type(None)]
    if get_origin(annotation) in (Union, UnionType) and len(inner) == 1:
        annotation = inner[0]
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def files() -> Iterator[tuple[str, str, str]]:
    """Name, field and content of run files: in the place of a field stands what no file may
    hold.
    """
    for key in fields():
        *groups, last = key.split(".")
        yield f"{key} with a letter more.json", key, json.dumps(nested(f"{key}x", 1))
        yield f"{key} said twice.json", key, _within(groups, f'{{"{last}": 1, "{last}": 1}}')
        yield f"{key} said twice.yaml", key, _within(groups, f"{{{last}: 1, {last}: 1}}")
        yield f"{key} said twice.toml", key, f"{key} = 1\n{key} = 1\n"
        yield f"{key} of 6000 digits.yaml", key, _within(groups, f"{{{last}: 0x{'f' * 5_000}}}")
        yield f"{key} of 6000 digits.toml", key, f"{key} = 0x{'f' * 5_000}\n"
    for key in list(fields())[::10]:
        *groups, last = key.split(".")
        depth = f"{'[' * DEEP}{']' * DEEP}"
        yield f"{key} of great depth.json", key, _within(groups, f'{{"{last}": {depth}}}')
        yield f"{key} of great depth.yaml", key, _within(groups, f"{{{last}: {depth}}}")
        yield f"{key} of great depth.toml", key, f"{key} = {depth}"
        yield (
            f"{key} of aliases.yaml",
            key,
            f"bomb: &a0 [x, x]\n{_aliases(30)}{_within(groups, f'{{{last}: *a29}}')[1:-1]}\n",
        )


def _within(groups: Sequence[str], text: str) -> str:
    for group in reversed(groups):
        text = f'{{"{group}": {text}}}'
    return text


def _aliases(count: int) -> str:
    """Each twice the one before: a billion texts out of a few lines, were they ever unfolded."""
    return "".join(
        f"bomb{number}: &a{number} [*a{number - 1}, *a{number - 1}]\n" for number in range(1, count)
    )


def _at_random(trial: Trial, cases: int, folder: Path) -> None:
    """Several fields at once, most of them bad, in every format and as --set."""
    random_of = random.Random(3)
    for number in range(cases):
        chosen = {
            key: random_of.choice(list(BAD_VALUES.values()))
            for key in random_of.sample(list(fields()), random_of.randint(1, 4))
        }
        if number % 2:
            assignments = [f"{key}={json.dumps(value)}" for key, value in chosen.items()]
            trial.attempt(
                str(assignments), lambda said=assignments: _resolved(parse_assignments(said))
            )
            continue
        path = folder / f"random.{('json', 'yaml')[number // 2 % 2]}"
        path.write_text(json.dumps(_tree(chosen)), encoding="utf-8")
        trial.attempt(
            path.read_text(encoding="utf-8"), lambda path=path: _resolved(read_layer(path))
        )


def _tree(values: Mapping[str, Any]) -> Any:
    return dotted_layer(values, "").values


def _resolved(layer: Layer) -> None:
    """What is taken must be writable, and read back as the same."""
    settings = resolve(PretrainSettings, layer).settings
    write_yaml(settings).encode("utf-8")


if __name__ == "__main__":
    by_hand(sweep, 20_000)
