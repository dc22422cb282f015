"""Choice of the model that a line means, made once and reported."""

from sslcli.datasets.cache import Say
from sslcli.models.places import WeightsRef, locate_weights
from sslcli.runs.references import Purpose, decided


def chosen_model(
    reference: str, use: Purpose, is_default: bool, say: Say
) -> tuple[str, WeightsRef]:
    """Return the reference, with "@latest" replaced by the run it means now, and its location."""
    reference, notes = decided(reference, use)
    place = locate_weights(reference)
    if is_default:
        say(f"model  {place.run or place.weights} (latest; choose with --model)")
    for note in dict.fromkeys((*notes, *place.notes)):
        say(f"note: {note}")
    return reference, place
