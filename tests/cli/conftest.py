"""Command lines run in this process, and distributions that exist only on the import path."""

import sys
from dataclasses import dataclass

import pytest

from sslcli.cli.app import run

OBJECTIVE = '''"""{summary}"""

from sslcli.api import Config, Readout, Report, setting


class Plugin(Readout):
    class Options(Config):
        depth_of_thought: int = setting(3, "how long it thinks", gt=0)
        loud: bool = setting(False, "whether it says so")

    summary = "{summary}"

    def collate(self, batch, rng):
        raise NotImplementedError

    def read(self, hidden, batch, backbone):
        raise NotImplementedError

    def show(self, batch):
        return Report()
'''


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    """No test sees the user's runs, plugins, debugging or width of the terminal."""
    monkeypatch.setenv("SSLCLI_RUNS_DIR", str(tmp_path / "runs"))
    for name in ("SSLCLI_PLUGINS", "SSLCLI_DEBUG", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ssl(capfd):
    """`ssl("runs", "--json")` -> exit code, stdout, stderr."""

    def call(*words):
        capfd.readouterr()
        code = run(words)
        streams = capfd.readouterr()
        return Ended(code, streams.out, streams.err)

    return call


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A distribution with one module, its metadata on the import path as pip leaves it; returns its
    folder.
    """
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    modules = []

    def make(distribution, entries, source=None, version="1.2", module=None):
        module = module or distribution.replace("-", "_")
        modules.append(module)
        (site / f"{module}.py").write_text(
            OBJECTIVE.format(summary=f"Of {distribution}.") if source is None else source
        )
        folder = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        (folder / "entry_points.txt").write_text(
            "".join(
                f"[{group}]\n" + "".join(f"{line}\n" for line in lines)
                for group, lines in entries.items()
            )
        )
        return site

    yield make
    for module in modules:
        sys.modules.pop(module, None)
