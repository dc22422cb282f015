"""The commands of README.md and of the pages of docs/, one after another as a new user types them,
on stand-ins and for two steps.
"""

import gzip
import json
import shlex
import shutil
from types import SimpleNamespace

import documents
import pytest
from example_material import CHINESE, ENGLISH, write_images
from finetuning_rehearsal import write_data, write_model
from songs import melodies

import sslcli
from sslcli.data.files import zstd
from sslcli.workflows.tour.chapters import chapters

FEW = (
    "--max-steps",
    "2",
    "--batch-size",
    "8",
    "--no-plot",
    "--device",
    "cpu",
    "--precision",
    "fp32",
)
SMALL_WORLD = ("--set", "data.reader_options.sentences=600")
SMALL_MODEL = ("--arch", "tiny", "--seq-len", "32", "--vocabulary", "120")
NO_TEXT = ("autoencoder", "mae", "vq", "vae", "contrastive", "mask-frames", "hubert", "disentangle")
CHECK_NOT_MET = 3
README, *OTHERS = documents.pages()
# Lines of the tour that look at models: test_rehearsal_examples.py types them.
TOURED = {line.typed for chapter in chapters("en") for line in chapter.lines if not line.run}


@pytest.fixture(scope="module")
def newcomer(stage):
    """A folder in which every line of README.md has been typed; no run is named by hand but those
    that the lines themselves name before they use them.
    """
    folder = stage.folder / "newcomer"
    folder.mkdir()
    _write_stand_ins(folder)
    _type(stage, README, folder)
    return folder


def _type(stage, name, folder, typed=()):
    """Run the lines of a page; those of `typed` have been run in this folder before."""
    for number, line in enumerate(documents.commands(name)):
        if line in typed or line in TOURED:
            continue
        ended = stage.run(*_shortened(line.replace("DIR", f"DIR-{number}")), folder=folder)
        wanted = (0, CHECK_NOT_MET) if "--min" in line else (0,)
        assert ended.code in wanted, f"{line}\n{ended.said[-3000:]}"
        assert "Traceback" not in ended.said, line


def test_every_command_of_the_readme_works_as_typed_in_its_order(newcomer):
    assert len(documents.commands(README)) > 20
    assert {path.name for path in (newcomer / "runs").iterdir()} >= {"world", "next", "restored"}


@pytest.mark.parametrize("name", [name for name in OTHERS if documents.commands(name)])
def test_every_command_of_a_page_works_behind_those_of_the_readme(name, stage, newcomer):
    """By itself: a page needs nothing that another page made."""
    folder = stage.folder / name.replace("/", "-")
    shutil.copytree(newcomer, folder)
    _type(stage, name, folder, documents.commands(README))


def test_the_python_of_the_documents_works_as_written(tmp_path, monkeypatch, capfd):
    """Each page in its order and in one namespace, on stand-ins; a training is made short, and
    nothing else.
    """
    _write_stand_ins(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSLCLI_RUNS_DIR", "runs")
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(tmp_path / "cache"))
    few = {"max_steps": 2, "batch_size": 8, "plot": False, "device": "cpu", "precision": "fp32"}
    small = {"arch": "tiny", "seq_len": 32, "vocabulary": 120}
    trained = []

    def short(name, **others):
        whole = getattr(sslcli, name)

        def make(*given, **flags):
            trained.append(name)
            return whole(*given, **{**flags, **few, **others})

        monkeypatch.setattr(sslcli, name, make, raising=False)

    short("pretrain", **small)
    short("finetune", limit=64)
    spaces = {}
    for name in documents.pages():
        for block in documents.blocks(name, "python"):
            exec(compile(block, name, "exec"), spaces.setdefault(name, {}))
    assert [*spaces] == [README, "docs/python.md"]
    assert trained == ["pretrain", "finetune"] * 2
    assert len(capfd.readouterr().out.splitlines()) == 6
    namespace = spaces["docs/python.md"]
    assert namespace["rows"].shape == (len(namespace["pieces"]), namespace["model"].shape.width)
    assert namespace["report"].score("f1").count > 0


def _shortened(line):
    """The words of a line, of a training with flags that make it short; only a run of its own can
    be compared with itself.
    """
    words = shlex.split(line.replace("RUN RUN", "@latest @latest"))
    if "--objectives" in words:
        return [*words, *SMALL_WORLD, "--budget", "1e13flops", "--seeds", "1", "--dry-run"]
    if words[1] not in ("pretrain", "finetune") or "--resume" in words:
        return words
    is_of_the_world = "--data" not in words or "demo:world" in line
    is_small = words[1] == "finetune" or is_of_the_world or not {*NO_TEXT}.isdisjoint(words)
    new = () if "--model" in words or is_small else SMALL_MODEL
    few = ("--limit", "64") if words[1] == "finetune" else ()
    return [*words, *FEW, *new, *few, *(SMALL_WORLD if is_of_the_world else ())]


def _write_stand_ins(folder):
    """Whatever file or model the lines name, by that very name."""
    prose = _documents(f"{sentence}." for sentence in ENGLISH)
    records = _records(ENGLISH)
    longer = [". ".join(ENGLISH[number : number + 8]) for number in range(80)]
    contents = {
        "corpus.txt": prose.encode(),
        "EN_PATH/one.txt": prose.encode(),
        "ZH_PATH/one.txt": _documents(f"{sentence}。" for sentence in CHINESE).encode(),
        "books/one.txt": prose.encode(),
        "a.en": "\n".join(ENGLISH).encode(),
        "a.zh": "\n".join(CHINESE).encode(),
        "train.en": "\n".join(ENGLISH).encode(),
        "train.zh": "\n".join(CHINESE).encode(),
        "wiki/one.jsonl.zst": zstd.compress(records.encode()),
        "texts.jsonl": _records([*longer, *ENGLISH[:20]]).encode(),
        "questions.txt": "\n".join(ENGLISH[:2]).encode(),
        "news.txt.gz": gzip.compress(_documents(f"{sentence}。" for sentence in CHINESE).encode()),
    }
    write_images(folder)
    _write_sounds(folder)
    _write_payments(folder)
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    names = [
        ("qa", "squad.json", "dev.json"),
        ("nli", "train.jsonl", "test.jsonl"),
        ("nli", "train.zh.jsonl", "unused.jsonl"),
    ]
    write_data(
        folder,
        [SimpleNamespace(task=task, train=train, evaluation=other) for task, train, other in names],
    )
    questions = json.loads((folder / "dev.json").read_text())
    for paragraph in questions["data"][0]["paragraphs"]:  # others than those of training
        paragraph["context"] += " they all sleep ."
    (folder / "dev.json").write_text(json.dumps(questions))
    for name, day in (("reviews", "today"), ("labelled", "then")):
        rows = [
            {"text": f"{text} {day}", "label": ("good", "bad")[number % 2]}
            for number, text in enumerate(ENGLISH[:12])
        ]
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    write_model(folder / "models" / "mbert")
    write_model(folder / "models" / "gpt", "decoder")


def _records(texts):
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def _documents(sentences):
    """Four sentences each."""
    return "\n\n".join(" ".join(group) for group in zip(*[iter(sentences)] * 4, strict=False))


def _write_sounds(folder):
    """Two speakers, and a recording of each."""
    melodies(folder / "voices", 24)
    melodies(folder / "voices-test", 4, seed=1)
    speakers = sorted(path for path in (folder / "voices").iterdir() if path.is_dir())
    for name, speaker in zip(("a.wav", "b.wav"), speakers, strict=True):
        shutil.copy(sorted(speaker.iterdir())[0], folder / name)


def _write_payments(folder):
    rows = [f"{number % 7}.5,{('shop', 'bank')[number % 2]}" for number in range(60)]
    text = "\n".join(["amount,kind", *rows])
    (folder / "payments.csv.gz").write_bytes(gzip.compress(text.encode()))
