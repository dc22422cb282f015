"""The settings of a comparison, resolved once: defaults < what the data recommends < files < --set
< flags.

What the recipes of the data for single objectives differ in is taken so that it serves all: the
longest samples and the smallest batch of them; samples hold as many sentences as fit, since there
is nothing to permute or to pair in a single one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sslcli.engine.processes.rank import rank_and_size
from sslcli.errors import ConfigError, UsageError
from sslcli.layers import Layer, dotted_layer
from sslcli.models.objectives import recipe_for
from sslcli.resolving import naming_sources, resolve
from sslcli.workflows.compare.compare_settings import CompareSettings
from sslcli.workflows.compare.refusals import refuse_comparison
from sslcli.workflows.training.resolve import RECIPE, ResolvedRun
from sslcli.workflows.training.resume import Resume, continued, saved_settings

SHARED = ("data.", "tokenizer.", "model.shape.", "optimizer.", "schedule.name")
OTHER_COMPARISON = "choose another --name, or replace the comparison with --overwrite"
# steps of a warm-up, and sentences for samples, are of a run of one objective
OWN = ("data.unit", "data.sequence_tokens")


def resolve_comparison(
    layers: Sequence[Layer], resume: Resume | None = None
) -> ResolvedRun[CompareSettings]:
    """`layers`: what a caller says, the later the stronger. Raises ConfigError, UsageError or
    PluginError; of a comparison that goes on, for whatever would make another one of it.
    """
    if rank_and_size()[1] > 1:
        raise UsageError("a comparison is one process", "start it without torchrun")
    said = resolve(CompareSettings, *layers)
    if resume is not None:
        with naming_sources(said.sources):
            saved = saved_settings(CompareSettings, resume.folder)
            asked = said.settings.model_dump(mode="json", exclude_unset=True)
            try:
                settings = continued(resume.folder, saved, said.settings, asked.get("options", {}))
            except ConfigError as error:
                raise ConfigError(error.problems, OTHER_COMPARISON) from error
        return ResolvedRun(settings, said.sources, resume)
    with naming_sources(said.sources):
        refuse_comparison(said.settings)
    found = resolve(CompareSettings, dotted_layer(_recipe(said.settings), RECIPE), *layers)
    return ResolvedRun(found.settings, found.sources)


def _recipe(said: CompareSettings) -> Mapping[str, Any]:
    """What the data recommends for all objectives together, as dotted keys."""
    data = said.data
    common = recipe_for(data.train, data.reader_options)
    by_objective = [recipe_for(data.train, data.reader_options, name) for name in said.objectives]
    found = {
        key: value for key, value in common.items() if key.startswith(SHARED) and key not in OWN
    }
    for key, choose in (("data.sequence_tokens", max), ("training.batch_size", min)):
        values = [own[key] for own in (*by_objective, common) if key in own]
        if values:
            found[key] = choose(values)
    for own in by_objective:
        found |= {key: value for key, value in own.items() if key.startswith("options.")}
    if said.model.preset is not None:
        found = {key: value for key, value in found.items() if not key.startswith("model.")}
    return found
