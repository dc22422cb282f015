"""One bench for all tests of faults: its fork server, its corpus and its cache are made once."""

import pytest
from harness import Bench
from sweep_commands import Commands


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="session")
def whole(bench):
    """A run of 60 updates that nothing disturbed."""
    return bench.whole()


@pytest.fixture(scope="module", params=["bart", "rewrite"])
def trained(request, tmp_path_factory):
    """A bench that trains an encoder-decoder, and its run of 60 updates that nothing disturbed."""
    bench = Bench(tmp_path_factory.mktemp(request.param), request.param)
    return bench, bench.whole()


@pytest.fixture(scope="session")
def commands(bench):
    """A pretrained and a fine-tuned run, data, and what every command writes that nobody
    disturbs.
    """
    return Commands(bench)
