"""Commands that are killed and typed again; `sweep_commands.py --kills 60` has all of them."""

import pytest
from sweep_commands import sweep, trials, trials_at_calls


@pytest.mark.parametrize("name", ["finetune", "predict", "evaluate", "export"])
def test_killed_in_its_middle_and_typed_again(commands, name):
    tried = commands.kill(commands.jobs[name], 0.8)
    assert tried.killed
    assert not tried.fault


def test_of_two_that_write_one_file_one_is_killed(commands):
    assert not commands.kill_twin(commands.jobs["predict"], 0.7).fault


@pytest.mark.slow
def test_every_command_killed_at_random_times(commands):
    found = sweep(
        commands, [*trials(commands, 60, seed=1, launchers=3), *trials_at_calls(commands, 1)]
    )
    assert sum(tried.killed for tried in found) >= 50
    assert not [f"{tried.name}: {tried.fault}" for tried in found if tried.fault]
