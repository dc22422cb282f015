"""Several processes train what one does: the same samples, the same losses, and any number of them goes on where another stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from several import run

from sslcli.engine.sharding import load_tensors
from sslcli.workflows.exporting import export
from sslcli.workflows.models import load_pretrained

OBJECTIVES = ["mlm", "clm", "mlm+nsp", "mlm+sop"]
STEPS = 8
PARTS = ("backbone.safetensors", "learnable.safetensors", "optimizer.safetensors")


def settings_for(objective, corpus, folder, parallel="ddp", **training):
    trained = {"max_steps": STEPS, "batch_size": 22, "micro_batch_size": 5, "log_every": 1, "eval_every": 4, "eval_samples": 21, "keep": 9}
    shape = {"width": 16, "heads": 2, "feedforward_width": 32, "dropout": 0.0}
    return {
        "objective": objective,
        "data": {"train": [str(corpus)], "sequence_tokens": 24, "held_out": 0.1},
        "tokenizer": {"vocabulary": 150},
        "model": {"preset": "tiny", "shape": shape},
        "training": {**trained, **training},
        "hardware": {"device": "cpu", "parallel": parallel},
        "run": {"folder": str(folder), "plot": False},
    }


def together(processes, jobs, folder):
    """What each job answered, by rank; all jobs in one start of so many processes."""
    folder.mkdir(exist_ok=True)
    file = folder / f"jobs-{processes}-{len(list(folder.iterdir()))}.json"
    file.write_text(json.dumps(jobs))
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [*words, str(Path(__file__).with_name("several.py")), str(file)], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr[-4000:]
    ranks = [json.loads(Path(f"{file}.{rank}").read_text()) for rank in range(processes)]
    return [list(answers) for answers in zip(*ranks, strict=True)]


def logged(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in ("seconds", "tokens_per_second")} for line in lines]


def assert_same_course(one, other):
    """The same lines, and every number in them within 1e-5 of its size."""
    lines, others = logged(one), logged(other)
    assert [(line["step"], line["split"]) for line in lines] == [(line["step"], line["split"]) for line in others]
    assert lines
    for line, theirs in zip(lines, others, strict=True):
        if line["split"] == "sample":
            continue
        assert theirs["loss"] == pytest.approx(line["loss"], rel=1e-5)
        assert theirs["terms"] == pytest.approx(line["terms"], rel=1e-5)
        assert theirs["metrics"] == pytest.approx(line["metrics"], rel=1e-5)
        assert theirs.get("counts") == line.get("counts")


def samples_by_position(path, processes):
    """{position: all samples of that step}, over all ranks."""
    steps = {}
    for rank in range(processes):
        for line in Path(f"{path}.{rank}").read_text().splitlines():
            position, numbers = json.loads(line)
            steps.setdefault(position, []).extend(numbers)
    return {position: sorted(numbers) for position, numbers in steps.items()}


def tensors(folder, step=STEPS):
    return {part: load_tensors(folder / "checkpoints" / f"step-{step:06d}" / part) for part in PARTS}


def assert_equal_tensors(one, other):
    for part in PARTS:
        assert one[part].keys() == other[part].keys()
        assert one[part]
        assert all(torch.equal(value, other[part][name]) for name, value in one[part].items())


@pytest.fixture(scope="module")
def alone(text_corpus, tmp_path_factory, module_cache):
    """A folder with each objective trained by one process, and the samples it took."""
    folder = tmp_path_factory.mktemp("alone")
    for objective in OBJECTIVES:
        job = {"settings": settings_for(objective, text_corpus, folder / objective), "record": str(folder / f"{objective}.samples")}
        assert run(job) == {"reason": "done", "step": STEPS}
    return folder


@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_train_what_one_does(alone, processes, text_corpus, tmp_path):
    kinds = [(objective, parallel) for objective in OBJECTIVES for parallel in ("ddp", "fsdp")]
    jobs = [
        {
            "settings": settings_for(objective, text_corpus, tmp_path / f"{objective}-{parallel}", parallel),
            "record": str(tmp_path / f"{objective}-{parallel}.samples"),
        }
        for objective, parallel in kinds
    ]
    for answers in together(processes, jobs, tmp_path / "jobs"):
        assert answers == [{"reason": "done", "step": STEPS}] * processes
    for objective, parallel in kinds:
        assert_same_course(alone / objective, tmp_path / f"{objective}-{parallel}")
        taken = samples_by_position(tmp_path / f"{objective}-{parallel}.samples", processes)
        expected = samples_by_position(alone / f"{objective}.samples", 1)
        assert {position: taken[position] for position in list(expected)[:STEPS]} == {
            position: expected[position] for position in list(expected)[:STEPS]
        }


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_stop_and_one_goes_on_and_four_end_it(alone, parallel, text_corpus, tmp_path):
    folder = tmp_path / "run"
    settings = settings_for("mlm+nsp", text_corpus, folder, parallel)
    # Evaluation asks as well, so the first stop falls into the third step, the second into the evaluation after the fourth.
    first = {"settings": settings, "stop_at": [1, 6]}
    for answer in together(2, [first], tmp_path / "jobs")[0]:
        assert answer["reason"] == "preempted"
        assert 0 < answer["step"] < STEPS
    assert run({"settings": settings, "resume": str(folder), "stop_at": [0, 30]})["reason"] == "preempted"
    assert together(4, [{"settings": settings, "resume": str(folder)}], tmp_path / "jobs") == [[{"reason": "done", "step": STEPS}] * 4]
    assert_same_course(alone / "mlm+nsp", folder)


@pytest.mark.parametrize("processes", [2, 4])
def test_the_same_number_of_processes_goes_on_to_the_bit(processes, text_corpus, tmp_path, module_cache):
    jobs, folders = [], []
    for parallel in ("ddp", "fsdp"):
        whole, cut = tmp_path / f"{parallel}-whole", tmp_path / f"{parallel}-cut"
        first, second = ({"settings": settings_for("mlm+sop", text_corpus, folder, parallel)} for folder in (whole, cut))
        for job in (first, second):
            job["settings"]["model"]["shape"]["dropout"] = 0.1
        jobs += [first, {**second, "stop_at": [processes - 1, 7]}, {**second, "resume": str(cut)}]
        folders.append((whole, cut))
    reasons = [[answer["reason"] for answer in answers] for answers in together(processes, jobs, tmp_path / "jobs")]
    assert reasons == [["done"] * processes, ["preempted"] * processes, ["done"] * processes] * 2
    for whole, cut in folders:
        assert logged(whole) == logged(cut)
        assert_equal_tensors(tensors(whole), tensors(cut))


def test_a_sharded_checkpoint_is_gathered_at_export(alone, text_corpus, tmp_path):
    folder = tmp_path / "run"
    together(2, [{"settings": settings_for("mlm", text_corpus, folder, "fsdp")}], tmp_path / "jobs")
    assert len(list((folder / "checkpoints" / f"step-{STEPS:06d}" / "backbone").iterdir())) == 2
    gathered, expected = tensors(folder), tensors(alone / "mlm")
    for part in PARTS[:2]:
        assert gathered[part].keys() == expected[part].keys()
        for name, value in expected[part].items():
            torch.testing.assert_close(gathered[part][name], value, rtol=1e-4, atol=1e-6)
    export(str(folder), tmp_path / "exported", "hf")
    files = list((tmp_path / "exported").glob("*.safetensors"))
    assert len(files) == 1
    assert any(torch.equal(value, gathered[PARTS[0]]["inputs.token.weight"]) for value in load_file(files[0]).values())
    assert load_pretrained(str(folder)).settings == load_pretrained(str(alone / "mlm")).settings


def test_what_rank_0_cannot_do_ends_all_of_them(text_corpus, tmp_path, module_cache):
    folder = tmp_path / "taken"
    folder.mkdir()
    (folder / "a file of somebody").write_text("")
    answers = together(2, [{"settings": settings_for("mlm", text_corpus, folder)}], tmp_path / "jobs")[0]
    assert [answer["error"] for answer in answers] == ["UsageError", "UsageError"]
    assert "is not empty" in answers[0]["message"]
    assert "is not empty" in answers[1]["message"]
