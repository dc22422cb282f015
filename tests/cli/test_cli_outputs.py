"""Whatever a command is told to write, it writes aside: under a name of its own, which is gone in
the end.

So two processes that write one name never meet in one file, and a kill leaves no half of anything
under that name.
"""

import os
import sys

import pytest

from sslcli.asides import UNFINISHED
from sslcli.cli.app import run

QUICK = [
    "--max-steps",
    "2",
    "--batch-size",
    "8",
    "--no-plot",
    "--limit",
    "60",
    "-s",
    "data.reader_options.sentences=100",
]
LINES = {
    "shards": ["tokenize", "--data", "text.txt", "--vocabulary", "60", "--out"],
    "said.jsonl": ["predict", "sentiment", "the apple is sweet", "--model", "moods", "--out"],
    "found": ["evaluate", "sentiment", "--model", "moods", "--out"],
    "probed": ["probe", "similarity", "apple", "--model", "first", "--out"],
    "shifted": ["translate-shift", "emma works for nokia in munich.", "--model", "first", "--out"],
    "model": ["export", "first", "--to", "hf"],
    "answers": ["export", "moods"],
    "page.html": ["report", "first", "--out"],
    "plugin": ["plugins", "new", "task", "irony", "--out"],
}


class Watch:
    """Remembers every file below a folder that this process opens for writing, while it is asked
    to; a hook is never removed.
    """

    def __init__(self):
        self.folder, self.opened = None, []
        sys.addaudithook(self._hear)

    def _hear(self, event, arguments):
        if (
            self.folder is None
            or event != "open"
            or not isinstance(arguments[0], str | bytes | os.PathLike)
        ):
            return
        path, writes = (
            os.path.abspath(os.fsdecode(arguments[0])),
            arguments[2] & (os.O_WRONLY | os.O_RDWR),
        )
        if os.path.isdir(path):
            return  # a file without a name, by which a folder is tried
        if writes and path.startswith(f"{self.folder}{os.sep}"):
            self.opened.append(os.path.relpath(path, self.folder))


@pytest.fixture(scope="module")
def watch():
    return Watch()


@pytest.fixture(scope="module")
def place(tmp_path_factory, world_run, module_cache):
    """A folder with a pretrained run, one fine-tuned from it, and a text."""
    folder = tmp_path_factory.mktemp("outputs")
    (folder / "text.txt").write_text(
        "The cat sees the dog. A bird follows the cat.\n\n" * 40, encoding="utf-8"
    )
    (folder / "first").symlink_to(world_run)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert (
            run(["finetune", "sentiment", "--model", "first", *QUICK, "--out", "moods", "-q"]) == 0
        )
    return folder


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("stands", [False, True], ids=["new", "in the place of another"])
def test_an_output_is_written_aside(name, stands, ssl, place, watch, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    out = tmp_path / "outs" / name
    out.parent.mkdir()
    words = [*LINES[name], str(out)]
    if stands:
        assert ssl(*words).code == 0
        words += ["--overwrite"] if words[0] in ("tokenize", "export") else []
    if stands and words[0] == "plugins":
        assert ssl(*words).code == 2  # which is never replaced
        return
    watch.folder, watch.opened[:] = str(out.parent), []
    ended = ssl(*words)
    watch.folder = None
    assert ended.code == 0, ended.err
    assert watch.opened or name in ("model", "answers")
    assert [
        path
        for path in watch.opened
        if not any(part.startswith(UNFINISHED) for part in path.split(os.sep))
    ] == []
    assert [path.name for path in out.parent.iterdir()] == [name]
    assert not list(out.parent.rglob(f"{UNFINISHED}*"))
