"""What starts from a model starts from this one."""

import pytest


@pytest.fixture
def model(world_run):
    return world_run
