"""Choice of the model that a line means, made once and reported."""

from sslcli.datasets.cache import Say
from sslcli.models.places import WeightsRef, locate_weights
from sslcli.runs.references import LATEST, Purpose, decided


def chosen_model(
    reference: str, use: Purpose, is_default: bool, say: Say
) -> tuple[str, WeightsRef]:
    """Return the reference, with "@latest" replaced by the run it means now, and its location.

    Which run that is is said, also where "@latest" was typed.
    """
    is_latest = is_default or reference.startswith(LATEST)
    reference, notes = decided(reference, use)
    place = locate_weights(reference)
    if is_latest:
        say(f"model  {place.run or place.weights} (latest; choose with --model)")
    for note in dict.fromkeys((*notes, *place.notes)):
        say(f"note: {note}")
    return reference, place
