"""The script that weighs the house, over a small house whose figures are known."""

import measures
import pytest

FILES = {
    "sslcli/__init__.py": "",
    "sslcli/errors.py": '"""Errors."""\n\nclass Wrong(Exception):\n    """Something is wrong."""\n',
    "sslcli/api.py": "from sslcli.low import Thing\n__all__ = ['Thing', 'shared', 'unused']\n",
    "sslcli/low.py": (
        "import sslcli.errors\n\nclass Thing:\n    def told(self):\n "
        "       '''Says it.'''\n    def quiet(self): ...\n"
    ),
    "sslcli/high.py": (
        "from sslcli import low\n\nclass Thing:\n    "
        "'It.'\n\nclass Other(low.Thing):\n    def told(self): ...\n"
    )
    + f"x = 1{' ' * 100}\n",
    "sslcli/cli/app.py": "from sslcli import high\ndef run(settings: PretrainSettings): ...\n",
    "sslcli/engine/loop.py": "def loop(settings: PretrainSettings): ...\n",
    "plugins/sslplugins/probes/one.py": "from sslcli.api import Thing, shared\n",
    "plugins/sslplugins/readers/two.py": "from sslcli.api import shared\n",
}


@pytest.fixture
def root(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_figures_of_a_small_house(root, monkeypatch):
    monkeypatch.setattr(measures, "count_type_errors", lambda house: None)
    figures = {name: (figure, about) for name, figure, about in measures.rows(measures.House(root))}
    assert figures["files"][0] == 9
    assert figures["most files in a folder"] == (4, "sslcli")
    assert figures["longest import chain below the command line"] == (3, "high > low > errors")
    assert figures["import circles"][0] == 0
    # Wrong, Thing, told, quiet, Thing, Other, run, loop; not the second told, which its base
    # documents
    assert figures["public names with a docstring, in %"][0] == f"{100 * 3 / 8:.1f}"
    assert figures["clashing public names"] == (1, "Thing")
    assert figures["lines over 100 columns"][0] == 1
    assert figures["names that the door exports"] == (3, "probes 1, several 1, none 1")
    assert figures["files that resolved settings pass through"] == (1, "engine.loop")


def test_a_circle_is_found(root):
    (root / "sslcli/errors.py").write_text("def late():\n    import sslcli.high\n")
    assert measures.circles(measures.House(root).graph()) == [
        ["sslcli.errors", "sslcli.high", "sslcli.low"]
    ]
