"""The commands of README.md, one after another as a new user types them, on stand-ins and for two
steps.
"""

import gzip
import json
import re
import shlex
from types import SimpleNamespace

from example_material import CHINESE, ENGLISH, ROOT, write_images
from finetuning_rehearsal import write_data, write_model

import sslcli
from sslcli.data.files import zstd

TYPED = re.compile(r"^\$ (ssl .*)$|^\|.*\| `(ssl [^`]+)`", re.MULTILINE)
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
CHECK_NOT_MET = 3


def commands(name):
    """Those in blocks of the console and in tables, in their order; sentences have only parts of
    lines.
    """
    found = TYPED.findall((ROOT / name).read_text(encoding="utf-8"))
    return [block or cell for block, cell in found if len((block or cell).split()) > 2 or block]


def test_both_languages_have_the_same_commands_in_the_same_order():
    assert commands("README.md") == commands("README.zh.md")
    assert len(commands("README.md")) > 20
    assert python_blocks("README.md") == python_blocks("README.zh.md")


def test_every_command_of_the_readme_works_as_typed_in_its_order(stage):
    """No run is named by hand but those that the lines themselves name before they use them."""
    folder = stage.folder / "newcomer"
    folder.mkdir()
    _write_stand_ins(folder)
    for number, line in enumerate(commands("README.md")):
        ended = stage.run(*_shortened(line.replace("DIR", f"DIR-{number}")), folder=folder)
        wanted = (0, CHECK_NOT_MET) if "--min" in line else (0,)
        assert ended.code in wanted, f"{line}\n{ended.said[-3000:]}"
        assert "Traceback" not in ended.said, line
    assert {path.name for path in (folder / "runs").iterdir()} >= {"world-s0"}


def test_the_python_of_the_readme_works_as_written(tmp_path, monkeypatch, capfd):
    """In its order, in one namespace, on stand-ins; a training is made short, and nothing else."""
    blocks = python_blocks("README.md")
    assert len(blocks) == 2
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
    namespace = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    assert trained == ["pretrain", "finetune"]
    assert len(capfd.readouterr().out.splitlines()) == 5
    assert namespace["rows"].shape == (len(namespace["pieces"]), namespace["model"].shape.width)
    assert namespace["report"].score("f1").count > 0


def python_blocks(name):
    """The code between fences of Python, whole."""
    return re.findall(
        r"^```python\n(.*?)^```$",
        (ROOT / name).read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )


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
    new = () if "--model" in words or words[1] == "finetune" or is_of_the_world else SMALL_MODEL
    few = ("--limit", "64") if words[1] == "finetune" else ()
    return [*words, *FEW, *new, *few, *(SMALL_WORLD if is_of_the_world else ())]


def _write_stand_ins(folder):
    """Whatever file or model the lines name, by that very name."""
    prose = _documents(f"{sentence}." for sentence in ENGLISH)
    records = "".join(json.dumps({"text": sentence}) + "\n" for sentence in ENGLISH)
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
        "news.txt.gz": gzip.compress(_documents(f"{sentence}。" for sentence in CHINESE).encode()),
    }
    write_images(folder)
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


def _documents(sentences):
    """Four sentences each."""
    return "\n\n".join(" ".join(group) for group in zip(*[iter(sentences)] * 4, strict=False))
