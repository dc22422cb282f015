"""Every built-in objective, on every kind of data that it reads: two processes, with whole copies
of the model (ddp) and with a share each (fsdp), learn what one does, and a run that was stopped
goes on to the same weights.

    pytest -m slow tests/distributed/test_every_objective.py
"""

import sys
from pathlib import Path

import pytest
from several import run, together
from test_several_processes import assert_equal_tensors, logged, tensors

sys.path.append(str(Path(__file__).parents[1] / "house"))
import pages

pytestmark = pytest.mark.slow

STEPS, STOP = 6, 3
SUBJECTS = [(name, modality) for name, _, modality in pages.subjects()]
WAYS = ("ddp", "fsdp")


def job(objective, modality, folder, parallel="ddp"):
    """Settings of a run: without dropout, whose draws are a micro-batch's."""
    data = {"train": [pages.DEMOS[modality]], "limit": 60}
    shape = {"width": 16, "heads": 2, "feedforward_width": 32, "dropout": 0.0}
    settings = {
        "objective": objective,
        "data": data,
        "model": {"preset": "tiny", "shape": shape},
        "training": {
            "max_steps": STEPS,
            "batch_size": 8,
            "log_every": 1,
            "eval_every": STOP,
            "eval_samples": 8,
            "save_every": STOP,
            "keep": 9,
        },
        "hardware": {"device": "cpu", "parallel": parallel},
        "run": {"folder": str(folder), "plot": False},
    }
    if modality == "text":
        data |= {"sequence_tokens": 24, "reader_options": {"sentences": 400}}
        settings["tokenizer"] = {"vocabulary": 300}
    return {"settings": settings}


def named(objective, modality, way):
    return f"{objective}-{modality}-{way}"


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, module_cache):
    """A folder with every run: by one process, by it again from the middle, and by two."""
    folder = tmp_path_factory.mktemp("learnt")
    answers = {}
    for objective, modality in SUBJECTS:
        whole, cut = (folder / named(objective, modality, way) for way in ("alone", "cut"))
        answers[whole.name] = [run(job(objective, modality, whole))]
        early = job(objective, modality, cut)
        answers[cut.name] = [run({**early, "stop_at": [0, STOP]})]
        answers[f"{cut.name}-resumed"] = [run({**early, "resume": str(cut)})]
    jobs = {
        named(objective, modality, way): job(
            objective, modality, folder / named(objective, modality, way), way
        )
        for objective, modality in SUBJECTS
        for way in WAYS
    }
    answers |= together(2, jobs, folder)
    return folder, answers


ENDED = {"reason": "done", "step": STEPS}


@pytest.mark.parametrize(("objective", "modality"), SUBJECTS)
def test_a_run_that_was_stopped_ends_as_a_whole_one_to_the_bit(objective, modality, learnt):
    folder, answers = learnt
    whole, cut = (named(objective, modality, way) for way in ("alone", "cut"))
    assert answers[whole] == answers[f"{cut}-resumed"] == [ENDED]
    assert answers[cut][0]["step"] < STEPS
    assert_equal_tensors(tensors(folder / whole, STEPS), tensors(folder / cut, STEPS))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("objective", "modality"), SUBJECTS)
def test_two_processes_learn_what_one_does(objective, modality, way, learnt):
    folder, answers = learnt
    several = named(objective, modality, way)
    assert list(answers[several]) == [ENDED, ENDED]
    lines, others = (
        [line for line in logged(folder / name) if line["split"] != "sample"]
        for name in (named(objective, modality, "alone"), several)
    )
    assert [(line["step"], line["split"]) for line in lines] == [
        (line["step"], line["split"]) for line in others
    ]
    for line, other in zip(lines, others, strict=True):
        assert other["loss"] == pytest.approx(line["loss"], rel=1e-4), (line, other)
        for name, value in line["metrics"].items():
            # of a tie, rounding may choose another one
            apart = 1 / 8 if name.endswith("accuracy") else 1e-4
            assert other["metrics"][name] == pytest.approx(value, rel=1e-3, abs=apart), name
