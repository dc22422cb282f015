"""Classification of images: labels out of folders and arrays, one head over the mean of the rows,
and what does not go together.

Letters: N images, B images of a batch, L patches, C classes.
"""

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from sslplugins.tasks.classify import Classify

from sslcli.api import Context, Example, Grid, Rng, Where
from sslcli.cli.app import run
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import collate
from sslcli.data.records.item import Item
from sslcli.data.rng import Rng as Numbers
from sslcli.models.weights import from_seed

NAMES = ("cat", "dog", "owl")
GRID = Grid(8, 8, 1, 4)
SHAPE = TransformerSettings(
    row_features=16, grid=GRID, width=16, depth=1, heads=2, feedforward_width=32, longest_tokens=4,
    norm_place="pre",
)  # fmt: skip


def striped(count, seed=0):
    """Images uint8 [count, 8, 8] with a bright stripe where their class, also returned, has it."""
    random = np.random.default_rng(seed)
    classes_N = np.arange(count) % 3
    images = random.integers(0, 100, (count, 8, 8), dtype=np.uint8)
    for image, number in zip(images, classes_N, strict=True):
        image[:, 2 * number : 2 * number + 3] += 120
    return images, classes_N


@pytest.fixture(scope="module")
def folder(tmp_path_factory, module_cache):
    """A masked auto-encoder that has hardly learnt, and the same images as an array and as files."""
    place = tmp_path_factory.mktemp("images")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        images, classes_N = striped(180)
        np.savez("all.npz", images=images, labels=np.asarray(NAMES)[classes_N])
        np.savez("numbers.npz", images=images, labels=classes_N)
        np.savez("bare.npz", images=images)
        np.savez("large.npz", images=images.repeat(2, 1).repeat(2, 2), labels=classes_N)
        for number, (image, name) in enumerate(zip(images, classes_N, strict=True)):
            path = place / "pictures" / NAMES[name] / f"{number:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
        (place / "texts.jsonl").write_text('{"text": "a", "label": "cat"}\n' * 4)
        line = (
            "pretrain --objective mae --data all.npz --max-steps 2 --name mae --no-plot --patch 2"
        )
        shape = ["model.shape.width=16", "model.shape.heads=2", "model.shape.depth=1"]
        assert run([*line.split(), *(word for each in shape for word in ("--set", each))]) == 0
    return place


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def scores_of(place, name):
    scores = json.loads((place / "runs" / name / "scores.json").read_text())
    return {score["name"]: score for score in scores}


def test_the_answer_is_read_from_the_mean_of_the_rows_whatever_stands_beside_it():
    images, classes_N = striped(5)
    examples = [
        Example(
            str(number), Where("a", number), Item(GRID.cut(image[:, :, None] / 255), GRID), name
        )
        for number, (image, name) in enumerate(
            zip(images.astype(np.float32), np.asarray(NAMES)[classes_N], strict=True), 1
        )
    ]
    options = Classify.Options(kind="classes")
    backbone, task = from_seed(lambda: Classify(options, Context(SHAPE, None, NAMES)), SHAPE, 0)
    assert isinstance(backbone, Transformer)
    samples = [each.samples[0] for each in task.eval().encode(examples, training=False)]
    batch = task.collate(collate(range(5), samples), Rng(0, 0))
    assert batch.targets.tolist() == classes_N.tolist()
    hidden = backbone.eval()(batch.inputs)
    weight, bias = task.classifier.classifier.weight, task.classifier.classifier.bias
    slow_BC = [weight @ rows_LD.mean(dim=0) + bias for rows_LD in hidden.last_TD.split(4)]
    with torch.no_grad():
        loss = task(backbone, batch).sums["answer"]
        expected = torch.nn.functional.cross_entropy(
            torch.stack(slow_BC), batch.targets, reduction="sum"
        )
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
        alone = task.collate(collate([3], samples[3:4]), Numbers(0, 0))
        (part,), parts = task.predict(backbone, alone), task.predict(backbone, batch)
    assert part.confidence == pytest.approx(parts[3].confidence, rel=1e-5)


def test_folders_and_arrays_give_the_same_examples_and_the_same_model(here):
    """Held out is what the hash of the pixels says, and so the same of both."""
    line = "finetune classify --model mae --epochs 4 --lr 3e-3 --no-plot"
    for name, data in (("array", "all.npz"), ("files", "pictures")):
        assert run([*line.split(), "--data", data, "--name", name]) == 0
    found = {name: scores_of(here, name)["accuracy"] for name in ("array", "files")}
    assert found["array"]["count"] == found["files"]["count"] > 5
    for name, score in found.items():
        assert score["value"] > 0.9 > 0.6 > score["baselines"]["majority"], name
    config = (here / "runs" / "files" / "config.yaml").read_text()
    assert re.search(r"patch: 2\b", config), "cut as in pretraining, though the reader's own is 4"


def test_a_model_answers_files_folders_and_arrays_alike(here, capsys):
    assert run(["evaluate", "classify", "--model", "array", "--data", "pictures", "--json"]) == 0
    assert run(["evaluate", "classify", "--model", "array", "--data", "all.npz", "--json"]) == 0
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    first, second = (
        each["report"]["scores"] if "report" in each else each["scores"] for each in reports
    )
    assert first[0]["value"] == second[0]["value"] > 0.9
    assert run(["predict", "classify", "--model", "array", "--data", "pictures"]) == 0
    of_files = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert run(["predict", "classify", "--model", "array", "--data", "bare.npz"]) == 0
    of_array = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    order = [int(answer["id"][-7:-4]) for answer in of_files]
    assert all("gold" not in answer for answer in of_array)
    assert [of_array[number]["prediction"] for number in order] == [
        answer["prediction"] for answer in of_files
    ]
    assert run(["predict", "classify", "pictures/owl/002.png", "--model", "array"]) == 0
    (one,) = capsys.readouterr().out.splitlines()
    assert json.loads(one)["prediction"] == of_array[2]["prediction"]


def test_labels_that_are_numbers_are_classes(here):
    line = "finetune classify --model mae --data numbers.npz --epochs 1 --name numbers --no-plot"
    assert run(line.split()) == 0
    assert {"accuracy", "macro f1"} <= scores_of(here, "numbers").keys()


def test_one_damaged_picture_is_left_out_where_that_is_allowed(here, tmp_path, capsys):
    for number in range(9):
        path = tmp_path / "some" / NAMES[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((here / "pictures" / NAMES[number % 3] / f"{number:03d}.png").read_bytes())
    (tmp_path / "some" / "dog" / "4.png").write_bytes(b"no picture")
    line = f"finetune classify --model mae --data {tmp_path}/some --check"
    assert run(line.split()) == 2
    assert "4.png is no image" in capsys.readouterr().err
    assert run([*line.split(), "--skip-bad-records", "1"]) == 0
    told = capsys.readouterr().out
    assert "4.png is no image" in told
    assert re.search(r"examples +\d+ +\d+", told)


REFUSED = {
    "finetune qa --model mae --data all.npz": "'qa' reads text, and all.npz holds images",
    "finetune qa --model mae --data texts.jsonl": "'qa' reads text, and mae reads images",
    "finetune classify --model mae --data texts.jsonl": "texts.jsonl holds text, and mae reads images",
    "finetune classify --model mae --data bare.npz": "there is no answer to learn from",
    "finetune classify --model mae --data large.npz": "16 x 16 pixels",
    "finetune classify --model mae --data all.npz --set data.reader_options.size=2": "no such option",
    "predict classify pictures --model array": "pictures is not one item",
    "predict classify --data texts.jsonl --model array": "holds text, and the model reads images",
    "evaluate classify --data texts.jsonl --model array": "holds text, and the model reads images",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_does_not_go_together_is_refused(line, here, capsys):
    assert run([*line.split(), *(["--name", "x"] if "finetune" in line else [])]) == 2
    said = capsys.readouterr().err
    assert REFUSED[line] in said, said
    assert "hint:" in said
    assert not (here / "runs" / "x").exists()


def test_records_of_a_table_are_classified_by_their_label_column(tmp_path, monkeypatch, capsys):
    """Columns are found by their names, wherever they stand, and scaled as in pretraining."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    wide, kinds = random.normal(50, 20, 240), random.choice(["a", "b"], 240)
    rows = [f"{w:.3f},{k},{random.normal():.3f}" for w, k in zip(wide, kinds, strict=True)]
    labels = [
        "large" if (w > 50) == (k == "a") else "small" for w, k in zip(wide, kinds, strict=True)
    ]
    (tmp_path / "raw.csv").write_text("wide,kind,noise\n" + "\n".join(rows) + "\n")
    lines = [f"{label},{row}" for label, row in zip(labels, rows, strict=True)]
    (tmp_path / "named.csv").write_text("label,wide,kind,noise\n" + "\n".join(lines) + "\n")
    shape = ["model.shape.width=32", "model.shape.heads=2", "model.shape.depth=2"]
    flags = [word for each in shape for word in ("--set", each)]
    line = "pretrain --objective mae --data raw.csv --max-steps 20 --name table --no-plot"
    assert run([*line.split(), *flags]) == 0
    line = "finetune classify --model table --data named.csv --epochs 30 --lr 3e-3 --name own --no-plot"
    assert run(line.split()) == 0
    score = scores_of(tmp_path, "own")["accuracy"]
    assert score["value"] > 0.85 > score["baselines"]["majority"]
    capsys.readouterr()
    turned = [",".join(reversed(row.split(","))) for row in rows]
    (tmp_path / "turned.csv").write_text("noise,kind,wide\n" + "\n".join(turned) + "\n")
    answers = []
    for name in ("raw.csv", "turned.csv"):
        assert run(["predict", "classify", "--model", "own", "--data", name]) == 0
        said = capsys.readouterr().out.splitlines()
        answers.append([json.loads(each)["prediction"] for each in said])
    assert answers[0] == answers[1]
    assert set(answers[0]) == {"large", "small"}
    (tmp_path / "short.csv").write_text("wide,label\n1,large\n2,small\n")
    assert run(["predict", "classify", "--model", "own", "--data", "short.csv"]) == 2
    assert "lacks columns 'kind', 'noise'" in capsys.readouterr().err
