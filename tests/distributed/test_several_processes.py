"""Several processes train what one does: the same samples, the same losses, and any number of them
goes on where another stopped.
"""

import json
import os
from pathlib import Path

import pytest
import torch
from generated_texts import generated_paragraphs
from safetensors.torch import load_file
from several import run, together

from sslcli.engine.checkpoints.tensor_files import load_tensors
from sslcli.testing import tiny_records
from sslcli.workflows.export.export import export

OBJECTIVES = ["mlm", "clm", "mlm+nsp", "mlm+sop"]
STEPS = 8
PARTS = ("backbone.safetensors", "learnable.safetensors")


def settings_for(objective, corpus, folder, parallel="ddp", **training):
    trained = {
        "max_steps": STEPS,
        "batch_size": 22,
        "micro_batch_size": 5,
        "log_every": 3,
        "eval_every": 4,
        "eval_samples": 21,
        "keep": 9,
    }
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


def logged(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [
        {key: value for key, value in line.items() if key not in ("seconds", "tokens_per_second")}
        for line in lines
    ]


def assert_same_course(one, other):
    """The same lines, and every number in them within 1e-5 of its size."""
    lines, others = logged(one), logged(other)
    assert [(line["step"], line["split"]) for line in lines] == [
        (line["step"], line["split"]) for line in others
    ]
    assert lines
    for line, theirs in zip(lines, others, strict=True):
        if line["split"] == "sample":
            continue
        assert theirs["loss"] == pytest.approx(line["loss"], rel=1e-5)
        assert theirs["terms"] == pytest.approx(line["terms"], rel=1e-5)
        assert theirs["metrics"] == pytest.approx(line["metrics"], rel=1e-5)
        assert theirs.get("counts") == line.get("counts")
        assert theirs.get("languages", {}).keys() == line.get("languages", {}).keys()
        for language, figures in line.get("languages", {}).items():
            own = theirs["languages"][language]
            assert own["counts"] == figures["counts"]
            assert {**own["terms"], **own["metrics"]} == pytest.approx(
                {**figures["terms"], **figures["metrics"]}, rel=1e-5
            )


def samples_by_position(path, processes):
    """{position: all samples of that step}, over all ranks."""
    steps = {}
    for rank in range(processes):
        for line in Path(f"{path}.{rank}").read_text().splitlines():
            position, numbers = json.loads(line)
            steps.setdefault(position, []).extend(numbers)
    return {position: sorted(numbers) for position, numbers in steps.items()}


def assert_same_samples(one, several, processes):
    expected, taken = samples_by_position(one, 1), samples_by_position(several, processes)
    for position in sorted(expected)[:STEPS]:  # a loader may have been further ahead
        assert taken[position] == expected[position]


def tensors(folder, step=STEPS):
    return {
        part: load_tensors(folder / "checkpoints" / f"step-{step:06d}" / part) for part in PARTS
    }


def assert_equal_tensors(one, other):
    assert one[PARTS[0]]
    for part in PARTS:
        assert one[part].keys() == other[part].keys()
        assert all(torch.equal(value, other[part][name]) for name, value in one[part].items())


def finetuning(source, folder, parallel):
    """Of questions: windows of one passage go to several ranks, and are judged together."""
    return {
        "settings": {
            "task": "qa",
            "options": {"sequence_tokens": 40, "stride": 10},
            "model": {"source": str(source), "dropout": 0.0},
            "adapters": {"rank": 2},
            "data": {"reader_options": {"sentences": 100}, "limit": 60},
            "optimizer": {"rate": 1e-2},
            "training": {
                "max_steps": STEPS,
                "batch_size": 11,
                "micro_batch_size": 3,
                "log_every": 3,
                "eval_every": 4,
            },
            "hardware": {"device": "cpu", "parallel": parallel},
            "run": {"folder": str(folder), "plot": False},
        }
    }


def instructing(source, conversations, folder, parallel):
    """Of a decoder, on conversations of several turns, with answers that it writes."""
    job = finetuning(source, folder, parallel)
    job["settings"] |= {
        "task": "instruct",
        "options": {"answer_tokens": 5},
        "adapters": {},
        "data": {"train": [str(conversations)]},
    }
    return job


@pytest.fixture(scope="module")
def conversations(tmp_path_factory):
    path = tmp_path_factory.mktemp("conversations") / "a.jsonl"
    lines = [json.dumps(record.values) for record in tiny_records("instructions")]
    path.write_text("\n".join(lines) + "\n")
    return path


def training(objective, corpus, folder, parallel):
    return {
        "settings": settings_for(objective, corpus, folder, parallel),
        "record": f"{folder}.samples",
    }


def mixed(corpora, folder, parallel):
    """Two languages of unequal size; of the smaller one an evaluation has fewer samples than there
    are ranks.
    """
    job = training("mlm+nsp", "", folder, parallel)
    job["settings"]["data"]["train"] = corpora
    return job


def reading(source, corpus, folder, parallel):
    """A head alone, on the backbone of another run."""
    job = training("mlm", corpus, folder, parallel)
    job["settings"]["model"] = {"source": str(source), "train": "head"}
    return job


def cut_and_whole(corpus, folder, parallel, last_rank):
    """One run, and the same one stopped by its last rank and resumed, with dropout."""
    jobs = {}
    for name in ("whole", "cut"):
        jobs[name] = {
            "settings": settings_for("mlm+sop", corpus, folder / f"{parallel}-{name}", parallel)
        }
        jobs[name]["settings"]["model"]["shape"]["dropout"] = 0.1
    jobs["resumed"] = {**jobs["cut"], "resume": str(folder / f"{parallel}-cut")}
    jobs["cut"] = {**jobs["cut"], "stop_at": [last_rank, 7]}
    return {f"{parallel}-{name}": jobs[name] for name in ("whole", "cut", "resumed")}


@pytest.fixture(scope="module")
def two_languages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("languages")
    for name, count in (("en", 100), ("fr", 12)):
        (folder / f"{name}.txt").write_text(
            "\n\n".join(generated_paragraphs(count, seed=len(name) + count)) + "\n"
        )
    return [f"{name}={folder / name}.txt" for name in ("en", "fr")]


@pytest.fixture(scope="module")
def alone(text_corpus, two_languages, conversations, tmp_path_factory, module_cache):
    """A folder with each objective trained by one process, and the samples it took."""
    folder = tmp_path_factory.mktemp("alone")
    for objective in OBJECTIVES:
        assert run(training(objective, text_corpus, folder / objective, "ddp")) == {
            "reason": "done",
            "step": STEPS,
        }
    assert run(finetuning(folder / "mlm", folder / "answers", "ddp")) == {
        "reason": "done",
        "step": STEPS,
    }
    job = instructing(folder / "clm", conversations, folder / "instructions", "ddp")
    assert run(job) == {"reason": "done", "step": STEPS}
    assert run(mixed(two_languages, folder / "languages", "ddp")) == {
        "reason": "done",
        "step": STEPS,
    }
    assert run(reading(folder / "mlm", text_corpus, folder / "head", "ddp")) == {
        "reason": "done",
        "step": STEPS,
    }
    return folder


@pytest.fixture(scope="module")
def two(alone, text_corpus, two_languages, conversations, tmp_path_factory):
    """Everything that two processes do here, in one start of them: (folder, answers)."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "taken").mkdir()
    (folder / "taken" / "a file of somebody").write_text("")
    jobs = {
        f"{objective}-ddp": training(objective, text_corpus, folder / f"{objective}-ddp", "ddp")
        for objective in OBJECTIVES
    }
    jobs |= {
        f"{objective}-fsdp": training(objective, text_corpus, folder / f"{objective}-fsdp", "fsdp")
        for objective in ("mlm", "mlm+nsp")
    }
    for parallel in ("ddp", "fsdp"):
        # Evaluation asks as well, so this falls into the evaluation after the fourth step, with a
        # tally of one step open.
        jobs[f"relay-{parallel}"] = {
            **training("mlm+nsp", text_corpus, folder / f"relay-{parallel}", parallel),
            "stop_at": [1, 5],
        }
        jobs |= cut_and_whole(text_corpus, folder, parallel, last_rank=1)
    jobs |= {
        f"answers-{parallel}": finetuning(alone / "mlm", folder / f"answers-{parallel}", parallel)
        for parallel in ("ddp", "fsdp")
    }
    for parallel in ("ddp", "fsdp"):
        name = f"instructions-{parallel}"
        jobs[name] = instructing(alone / "clm", conversations, folder / name, parallel)
    jobs |= {
        f"languages-{parallel}": mixed(two_languages, folder / f"languages-{parallel}", parallel)
        for parallel in ("ddp", "fsdp")
    }
    jobs |= {
        f"head-{parallel}": reading(
            alone / "mlm", text_corpus, folder / f"head-{parallel}", parallel
        )
        for parallel in ("ddp", "fsdp")
    }
    for parallel in ("ddp", "fsdp"):
        jobs[f"diverged-{parallel}"] = training(
            "mlm", text_corpus, folder / f"diverged-{parallel}", parallel
        )
        jobs[f"diverged-{parallel}"]["settings"]["optimizer"] = {"rate": 1e12}
    (folder / "other.txt").write_text(text_corpus.read_text() * 2)
    jobs["missing"] = {
        **training("mlm", text_corpus, folder / "missing", "ddp"),
        "own": {"1": str(folder / "nowhere.txt")},
    }
    jobs["other"] = {
        **training("mlm", text_corpus, folder / "other", "ddp"),
        "own": {"1": str(folder / "other.txt")},
    }
    jobs["taken"] = training("mlm", text_corpus, folder / "taken", "ddp")
    return folder, together(2, jobs, folder)


@pytest.fixture(scope="module")
def four(two, text_corpus, tmp_path_factory):
    """What one process and then four do: (folder, what the one answered, what the four did)."""
    relayed, folder = two[0], tmp_path_factory.mktemp("four")
    jobs, middle = {"clm-ddp": training("clm", text_corpus, folder / "clm-ddp", "ddp")}, {}
    for parallel in ("ddp", "fsdp"):
        going_on = {
            **training("mlm+nsp", text_corpus, relayed / f"relay-{parallel}", parallel),
            "resume": str(relayed / f"relay-{parallel}"),
        }
        middle[parallel] = run({**going_on, "stop_at": [0, 12]})
        jobs[f"relay-{parallel}"] = going_on
        jobs |= cut_and_whole(text_corpus, folder, parallel, last_rank=3)
    return folder, middle, together(4, jobs, folder)


def test_two_processes_train_what_one_does(alone, two):
    folder, answers = two
    for name in [name for name in answers if name.rpartition("-")[0] in OBJECTIVES]:
        assert answers[name] == ({"reason": "done", "step": STEPS},) * 2
        objective = name.rpartition("-")[0]
        assert_same_course(alone / objective, folder / name)
        assert_same_samples(alone / f"{objective}.samples", folder / f"{name}.samples", 2)


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
@pytest.mark.parametrize("name", ["answers", "instructions"])
def test_two_processes_fine_tune_as_one_does(alone, two, name, parallel):
    folder, answers = two
    assert answers[f"{name}-{parallel}"] == ({"reason": "done", "step": STEPS},) * 2
    assert_same_course(alone / name, folder / f"{name}-{parallel}")
    predicted = [
        (each / "predictions.jsonl").read_text().splitlines()
        for each in (alone / name, folder / f"{name}-{parallel}")
    ]
    texts = [[json.loads(line)["prediction"] for line in lines] for lines in predicted]
    assert texts[0] == texts[1]
    assert texts[0]


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_languages_are_drawn_and_judged_alike_by_two_processes(alone, two, parallel):
    folder, answers = two
    assert answers[f"languages-{parallel}"] == ({"reason": "done", "step": STEPS},) * 2
    assert_same_course(alone / "languages", folder / f"languages-{parallel}")
    assert_same_samples(alone / "languages.samples", folder / f"languages-{parallel}.samples", 2)
    assert [
        set(line["languages"])
        for line in logged(folder / f"languages-{parallel}")
        if line["split"] == "eval"
    ] == [{"en", "fr"}] * 3


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_head_alone_is_trained_alike_by_two_processes(alone, two, parallel):
    folder, answers = two
    assert answers[f"head-{parallel}"] == ({"reason": "done", "step": STEPS},) * 2
    assert_same_course(alone / "head", folder / f"head-{parallel}")
    backbone, found = tensors(alone / "mlm")[PARTS[0]], tensors(folder / f"head-{parallel}")
    assert all(torch.equal(value, found[PARTS[0]][name]) for name, value in backbone.items())


def test_four_processes_train_what_one_does(alone, four):
    folder, _, answers = four
    assert answers["clm-ddp"] == ({"reason": "done", "step": STEPS},) * 4
    assert_same_course(alone / "clm", folder / "clm-ddp")
    assert_same_samples(alone / "clm.samples", folder / "clm-ddp.samples", 4)


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_stop_and_one_goes_on_and_four_end_it(alone, two, four, parallel):
    stops = [*two[1][f"relay-{parallel}"], four[1][parallel]]
    assert [answer["reason"] for answer in stops] == ["preempted"] * 3
    assert 0 < stops[0]["step"] == stops[1]["step"] < stops[2]["step"] < STEPS
    assert four[2][f"relay-{parallel}"] == ({"reason": "done", "step": STEPS},) * 4
    assert_same_course(alone / "mlm+nsp", two[0] / f"relay-{parallel}")


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
@pytest.mark.parametrize("processes", [2, 4])
def test_the_same_number_of_processes_goes_on_to_the_bit(two, four, processes, parallel):
    folder, answers = (two[0], two[1]) if processes == 2 else (four[0], four[2])
    reasons = [
        [answer["reason"] for answer in answers[f"{parallel}-{name}"]]
        for name in ("whole", "cut", "resumed")
    ]
    assert reasons == [["done"] * processes, ["preempted"] * processes, ["done"] * processes]
    whole, cut = folder / f"{parallel}-whole", folder / f"{parallel}-cut"
    assert logged(whole) == logged(cut)
    assert_equal_tensors(tensors(whole), tensors(cut))


def test_a_sharded_run_at_its_end_holds_each_weight_once(two):
    """Its shards of one step are the same files in a checkpoint and in a milestone."""
    folder = two[0] / "mlm-fsdp"
    assert not list(folder.glob("checkpoints/*/optimizer*"))
    for name in ("step-000004", "step-000008"):
        for part in ("backbone", "learnable"):
            one, other = (folder / kind / name / part for kind in ("checkpoints", "milestones"))
            shards = sorted(path.name for path in one.iterdir())
            assert shards == sorted(path.name for path in other.iterdir())
            assert all(os.path.samefile(one / shard, other / shard) for shard in shards)


def test_a_sharded_checkpoint_is_gathered_at_export(alone, two, tmp_path):
    folder = two[0] / "mlm-fsdp"
    assert len(list((folder / "checkpoints" / f"step-{STEPS:06d}" / "backbone").iterdir())) == 2
    gathered, expected = tensors(folder), tensors(alone / "mlm")
    for part in PARTS[:2]:
        assert gathered[part].keys() == expected[part].keys()
        for name, value in expected[part].items():
            torch.testing.assert_close(gathered[part][name], value, rtol=1e-4, atol=1e-6)
    export(str(folder), tmp_path / "exported")
    (exported,) = (tmp_path / "exported").glob("*.safetensors")
    assert any(
        torch.equal(value, gathered[PARTS[0]]["inputs.token.weight"])
        for value in load_file(exported).values()
    )


def test_a_rank_that_cannot_begin_says_so_and_ends_all_of_them(two):
    folder, answers = two
    assert [answer["error"] for answer in answers["missing"]] == ["UsageError", "RunError"]
    assert "rank 1 failed during setup" in answers["missing"][0]["message"]
    assert "nowhere.txt" in answers["missing"][1]["message"]
    assert not (folder / "missing").exists()


def test_ranks_with_other_data_are_refused(two):
    folder, answers = two
    assert [answer["error"] for answer in answers["other"]] == ["DataError", "DataError"]
    assert not (folder / "other").exists()


def test_what_rank_0_cannot_do_ends_all_of_them(two):
    answers = two[1]["taken"]
    assert [answer["error"] for answer in answers] == ["UsageError", "UsageError"]
    assert "is not empty" in answers[0]["message"]
    assert "rank 0 failed during setup" in answers[1]["message"]


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_run_that_diverges_ends_all_of_them_at_the_same_step_and_is_not_done(two, parallel):
    folder, answers = two
    (first, other) = answers[f"diverged-{parallel}"]
    assert first == other
    assert first["error"] == "Diverged"
    facts = json.loads((folder / f"diverged-{parallel}" / "run.json").read_text())
    assert (facts["status"], facts["reason"]) == ("diverged", first["message"])
