"""Bad lines, templates, data and models around prompts in context: one sentence that names what is
wrong, one hint, nothing computed and nothing written.

    python tests/faults/inputs_in_context.py --cases 1000

Each case is a line in a folder of its own, beside tiny models and runs that are made once.
"""

from in_context_cases import CASES
from inputs_encoder_decoders import workplace
from inputs_trying import Trial, by_hand
from tallies import Tally


def sweep(cases: int) -> Tally:
    """Evenly out of all that there are, at most as many as asked for."""
    trial, step = Trial("in context"), max(1, -(-len(CASES) // cases))
    with workplace() as place:
        for case in CASES[::step]:
            trial.attempt(
                case.name, lambda case=case: place.fault_of(case), wrong=lambda fault: fault
            )
    return trial.tally


if __name__ == "__main__":
    by_hand(sweep, 1_000)
