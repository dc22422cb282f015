"""Which model a line means, decided once, and what is to be said of it."""

from sslcli.cli.screen import Screen
from sslcli.models.places import WeightsRef, locate_weights
from sslcli.runs.references import Purpose, decided


def chosen_model(reference: str, use: Purpose, is_default: bool, screen: Screen) -> tuple[str, WeightsRef]:
    """The reference, with the run that "@latest" means now in its place, and where it leads."""
    reference, notes = decided(reference, use)
    place = locate_weights(reference)
    if is_default:
        screen.say(f"model  {place.run or place.weights} (latest; choose with --model)")
    for note in dict.fromkeys((*notes, *place.notes)):
        screen.say(f"note: {note}")
    return reference, place
