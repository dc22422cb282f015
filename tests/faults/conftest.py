"""One bench for all tests of faults: its fork server, its corpus and its cache are made once."""

import pytest
from harness import Bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="session")
def whole(bench):
    """A run of 60 updates that nothing disturbed."""
    return bench.whole()
