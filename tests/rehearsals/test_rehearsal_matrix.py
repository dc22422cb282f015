"""Every cell of docs/matrix.md is run: a model of every objective and kind of data, of two steps,
meets every task, probe and command, which works, or is refused with the sentence of the page.

    pytest -m slow tests/rehearsals/test_rehearsal_matrix.py
"""

import random
import re
import struct
import sys
import wave
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "house"))
import pages

pytestmark = pytest.mark.slow

CELLS = pages.cells()
COLUMNS = [name for name in next(iter(CELLS.values())) if name not in pages.PROCESSES]
SMALL_WORLD = ("--set", "data.reader_options.sentences=2000")
SMALL = {
    "text": (*SMALL_WORLD, "--vocabulary", "500", "--set", "model.shape.longest_tokens=128"),
    "images": (),
    "table": (),
    "sound": (),
}
STEPS = ("--batch-size", "4", "--no-plot", "--device", "cpu")
OF_LETTERS = frozenset({"dna", "remap"})
WORDS = {"similarity": ["apple"], "neighbors": ["apple"]}
ASKED = {
    "text": ["emma works for [MASK] in munich."],
    "vae-images": ["--n", "2"],
    "vae-table": ["--n", "2"],
    "disentangle-sound": ["--content", "a.wav", "--style", "b.wav"],
}


def named(objective, modality):
    return f"{objective}-{modality}"


@pytest.fixture(scope="module")
def place(stage):
    """A folder in which models are made when they are first asked for."""
    folder = stage.folder / "matrix"
    folder.mkdir()
    letters = random.Random(0)
    lines = [f"{''.join(letters.choices('acgt', k=30))}\t{n % 2}" for n in range(40)]
    for name in ("a", "b"):
        tone = [round(9_000 * letters.uniform(-1, 1)) for _ in range(8_000)]
        with wave.open(str(folder / f"{name}.wav"), "wb") as sound:
            sound.setparams((1, 2, 8_000, 0, "NONE", ""))
            sound.writeframes(struct.pack(f"<{len(tone)}h", *tone))
    (folder / "letters.tsv").write_text("\n".join(["sequence\tlabel", *lines]), encoding="utf-8")
    return folder


def learnt(stage, place, objective, modality):
    """The name of a model after two steps."""
    name = named(objective, modality)
    if not (place / "runs" / name).exists():
        data = ("--data", pages.DEMOS[modality], *SMALL[modality])
        words = ("pretrain", "--objective", objective, *data)
        ended = stage.run("ssl", *words, *STEPS, "--max-steps", "2", "--name", name, folder=place)
        assert ended.code == 0, ended.said[-3000:]
    return name


def line_of(column, name, modality):
    """What is typed to try a cell."""
    kind, _, what = column.partition(" ")
    if kind == "task":
        own = pages.registry.attribute("tasks", what, "modalities")
        reads = modality if modality in own else "text"
        data = ("--data", pages.DEMOS[reads], *(SMALL_WORLD if reads == "text" else ()))
        if what in OF_LETTERS:
            data = ("--data", "letters.tsv")
        return ("finetune", what, "--model", name, *data, *STEPS, "--max-steps", "1")
    if kind == "probe":
        return ("probe", what, *WORDS.get(what, ()), "--model", name)
    return {
        "report": ("report", name),
        "export": ("export", name, "--to", "hf", f"exported-{name}"),
        "generate": ("generate", *ASKED.get(name, ASKED.get(modality, ())), "--model", name),
    }[column]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(("objective", "modality"), CELLS, ids=lambda x: x)
def test_what_the_page_says_of_a_cell_is_so(objective, modality, column, stage, place):
    said = CELLS[objective, modality][column]
    name = learnt(stage, place, objective, modality)
    ended = stage.run("ssl", *line_of(column, name, modality), folder=place)
    assert "Traceback" not in ended.said
    if said == pages.WORKS:
        assert ended.code == 0, ended.said[-3000:]
    else:
        assert ended.code == 2, ended.said[-3000:]
        sentence = re.escape(said.split("': ")[-1]).replace(re.escape(pages.THE_MODEL), ".+")
        assert re.search(sentence, " ".join(ended.said.split())), ended.said
