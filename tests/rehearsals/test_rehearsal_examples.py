"""Every script, run file and command line below `examples` still runs, on stand-ins and for two
steps.
"""

import json
import re
import shlex
import shutil
import sys

import pytest
from example_material import ROOT, write_material

from sslcli.workflows.tour.chapters import chapters

EXAMPLES = ROOT / "examples"
SMALL_WORLD = ("--set", "data.reader_options.sentences=600", "--batch-size", "8", "--no-plot")
SHAPE = (
    "--arch",
    "tiny",
    "--seq-len",
    "32",
    "--batch-size",
    "4",
    "--vocabulary",
    "120",
    "--device",
    "cpu",
)
# documents of the stand-ins are single sentences, which nsp and sop cannot pair
SMALL_COMPARISON = (
    *("--objectives", "mlm,clm,bart,mass", "--arch", "tiny", "--vocabulary", "120"),
    *("--budget", "1e14flops", "--dry-run"),
)
REHEARSED = ("examples/understanding/run.sh", "0", *SMALL_WORLD)
KINDS = (".py", ".sh", ".sbatch", ".yaml")


@pytest.fixture(scope="module")
def place(stage):
    """A folder with stand-ins, and the runs world-s0 (of understanding/run.sh), world and, the
    latest, a causal one.
    """
    folder = stage.folder / "place"
    write_material(folder)
    ended = stage.shell("sh", *REHEARSED, folder=folder, STEPS="2")
    assert ended.code == 0, ended.said[-3000:]
    shutil.copytree(folder / "runs" / "world-s0", folder / "runs" / "world")
    words = ("pretrain", "--objective", "clm", "--name", "causal", "--max-steps", "2", *SMALL_WORLD)
    ended = stage.run("ssl", *words, "--set", "model.shape.longest_tokens=128", folder=folder)
    assert ended.code == 0, ended.said[-3000:]
    return folder


def summary(stage, place):
    return stage.run(str(EXAMPLES / "understanding" / "summary.py"), "runs/world-s0", folder=place)


def finetuning(stage, place):
    words = ("sh", "examples/finetuning/run.sh", "models/minilm", "minilm", "DATA")
    return stage.shell(*words, folder=place, STEPS="2", SSLCLI_RUNS_DIR="others")


def understanding(stage, place):
    """The fixture has run it."""
    return stage.run("ssl", "runs", "show", "world-s0-qa", folder=place)


def torchrun(stage, place):
    words = ("--max-steps", "2", "--set", "training.eval_samples=8", "--precision", "fp32", *SHAPE)
    return stage.shell(
        "bash",
        "examples/cluster/torchrun.sh",
        *words,
        folder=place,
        GPUS="1",
        SSLCLI_RUNS_DIR="others",
    )


def slurm(stage, place):
    """With programs in the places of Slurm's: `srun` starts one process, on the CPU, as a dry
    run.
    """
    flags = shlex.join((*SHAPE, "--precision", "fp32", "--dry-run"))
    stage.add_program("srun", f'shift\nexec "$@" {flags}\n')
    stage.add_program("scontrol", "echo localhost\n")
    job = {"SLURM_JOB_ID": "1", "SLURM_JOB_NODELIST": "localhost", "SLURM_CPUS_PER_TASK": "1"}
    return stage.shell("bash", "examples/cluster/pretrain.sbatch", folder=place, **job)


def noises(stage, place):
    words = ("sh", "examples/denoising/run.sh", "noisy", "DATA/pos", "PROSE.txt.gz")
    few = {"STEPS": "2", "NOISES": "mask mlm", "SSLCLI_RUNS_DIR": "noises"}
    return stage.shell(*words, folder=place, **few)


def noises_side_by_side(stage, place):
    ended = noises(stage, place)  # runs that are there stay
    assert ended.code == 0, ended.said[-3000:]
    script = str(EXAMPLES / "denoising" / "summary.py")
    return stage.run(script, "noises", "noisy", folder=place)


def translated(stage, place):
    few = {"STEPS": "2", "SIZES": "50", "SEEDS": "1", "SSLCLI_RUNS_DIR": "translated"}
    words = ("sh", "examples/denoising/pairs.sh", *SMALL_WORLD)
    return stage.shell(*words, folder=place, **few)


def of_images(stage, place):
    few = {"STEPS": "2", "SSLCLI_RUNS_DIR": "images"}
    words = ("sh", "examples/images/run.sh", "fashion-train.npz", "fashion-dev.npz")
    return stage.shell(*words, folder=place, **few)


def coded(stage, place):
    few = {"STEPS": "2", "SSLCLI_RUNS_DIR": "coded"}
    words = ("sh", "examples/codes/run.sh", "fashion-train.npz", "fashion-dev.npz")
    return stage.shell(*words, folder=place, **few)


def of_voices(stage, place):
    few = {"STEPS": "2", "HELD_OUT": "3", "SEEDS": "1", "SSLCLI_RUNS_DIR": "voices-runs"}
    words = ("sh", "examples/voices/run.sh", "voices")
    return stage.shell(*words, "--set", "training.batch_size=4", folder=place, **few)


def shortened(stage, place):
    few = {"STEPS": "2", "SSLCLI_RUNS_DIR": "short-runs", "TEXTS": "40"}
    return stage.shell("sh", "examples/text-autoencoder/run.sh", "texts", folder=place, **few)


def measured(stage, place):
    """Codes that are the world's own summaries have all points."""
    scripts, few = EXAMPLES / "text-autoencoder", {"TEXTS": "40"}
    ended = stage.run(str(scripts / "documents.py"), "few-texts", folder=place, **few)
    assert ended.code == 0, ended.said
    own = (place / "few-texts" / "summaries.txt").read_text(encoding="utf-8").splitlines()
    codes = {"artifacts": [{"text": text} for text in own]}
    (place / "few-texts" / "codes.json").write_text(json.dumps(codes), encoding="utf-8")
    ended = stage.run(str(scripts / "measure.py"), "few-texts", folder=place)
    assert "codes,100.0,100.0,100.0,1.000,1.000,1.000" in ended.said
    return ended


def voices_summed_up(stage, place):
    if not (place / "voices-runs").exists():
        of_voices(stage, place)
    script = str(EXAMPLES / "voices" / "summary.py")
    ended = stage.run(script, "voices-runs", ".", folder=place)
    assert (place / "voices.csv").read_text().count("\n") > 5
    return ended


def voices_apart(stage, place):
    script = str(EXAMPLES / "voices" / "apart.py")
    ended = stage.run(script, "voices", "parted", "3", folder=place)
    parts = {
        name: len(list((place / "parted" / name).rglob("*.wav"))) for name in ("held-out", "train")
    }
    assert parts == {"held-out": 6, "train": 10}
    return ended


def of_views(stage, place):
    few = {"STEPS": "2", "COUNTS": "20", "SEEDS": "1", "SSLCLI_RUNS_DIR": "views"}
    words = ("sh", "examples/views/run.sh", "fashion-train.npz", "fashion-dev.npz")
    return stage.shell(*words, folder=place, **few)


def few_images(stage, place):
    script = str(EXAMPLES / "views" / "sample.py")
    return stage.run(script, "fashion-train.npz", "20", "few.npz", folder=place)


def by_pixels(stage, place):
    ended = few_images(stage, place)
    assert ended.code == 0, ended.said[-3000:]
    script = str(EXAMPLES / "views" / "pixels.py")
    return stage.run(script, "few.npz", "fashion-dev.npz", folder=place)


def anomalies(stage, place):
    few = {"STEPS": "2", "SSLCLI_RUNS_DIR": "anomalies", "CLASSES": "0", "CODES": "2"}
    few["PASSES"] = "1"
    return stage.shell("sh", "examples/anomalies/run.sh", "DATA", folder=place, **few)


def anomalies_side_by_side(stage, place):
    if not (place / "anomalies").is_dir():
        ended = anomalies(stage, place)
        assert ended.code == 0, ended.said[-3000:]
    script = str(EXAMPLES / "anomalies" / "summary.py")
    ended = stage.run(script, "anomalies", ".", folder=place)
    names = ("payments", "kinds", "shuttle", "fashion")
    assert all((place / f"{name}.csv").is_file() for name in names), ended.said
    return ended


def instructed(stage, place):
    few = {"STEPS": "2", "LIMIT": "16", "SSLCLI_RUNS_DIR": "instructed"}
    return stage.shell("sh", "examples/instruct/run.sh", *SMALL_WORLD, folder=place, **few)


def tables(stage, place):
    words = ("sh", "examples/in-context/run.sh", "smollm2", "DATA", "tables")
    return stage.shell(*words, folder=place, STEPS="2")


def tables_side_by_side(stage, place):
    ended = tables(stage, place)  # those that are there stay
    assert ended.code == 0, ended.said[-3000:]
    script = str(EXAMPLES / "in-context" / "summary.py")
    ended = stage.run(script, "tables", folder=place)
    names = ("nli", "qa", "sentiment-en", "sentiment-zh", "words")
    assert all(f"### {name}: " in ended.said for name in names), ended.said
    assert all((place / "tables" / f"{name}.csv").is_file() for name in names)
    return ended


def sampled(stage, place):
    script = str(EXAMPLES / "in-context" / "sample.py")
    words = ("DATA/dict/en-zh.txt.gz", "3", "some.tsv", "others.tsv")
    ended = stage.run(script, *words, folder=place)
    own, others = ((place / name).read_text("utf-8").splitlines() for name in words[2:])
    assert own == ["cat2\t猫2", "cat6\t猫6", "cat10\t猫10"]
    assert len({*own, *others}) == len(own) + len(others) == 12
    return ended


def plugin(stage, place):
    return stage.shell(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        folder=EXAMPLES / "third-party-plugin",
    )


def run_file(name):
    data = "NEWS.txt.gz" if name.endswith("chinese.yaml") else "PROSE.txt.gz"
    words = (
        "-c",
        f"examples/{name}",
        "--data",
        data,
        "--batch-size",
        "4",
        "--arch",
        "tiny",
        "--dry-run",
    )

    def rehearse(stage, place):
        return stage.run("ssl", "pretrain", *words, folder=place)

    return rehearse


def compared(stage, place):
    files = ("qa=DATA/qa/train.json", "sentiment=DATA/sentiment/en-train.jsonl.gz")
    files = (*files, "pos=DATA/pos/brown-train.conllu.gz")
    labels = [word for file in files for word in ("--task-data", file)]
    words = ("-c", "examples/objectives/english.yaml", "--data", "PROSE.txt.gz", *labels)
    return stage.run("ssl", "compare", *words, *SMALL_COMPARISON, folder=place)


REHEARSALS = {
    "anomalies/run.sh": anomalies,
    "anomalies/summary.py": anomalies_side_by_side,
    "cluster/pretrain.sbatch": slurm,
    "cluster/torchrun.sh": torchrun,
    "codes/run.sh": coded,
    "denoising/pairs.py": lambda stage, place: stage.run(
        str(EXAMPLES / "denoising" / "pairs.py"), "pairs", "20", folder=place
    ),
    "denoising/pairs.sh": translated,
    "denoising/run.sh": noises,
    "denoising/summary.py": noises_side_by_side,
    "finetuning/run.sh": finetuning,
    "images/run.sh": of_images,
    "text-autoencoder/documents.py": lambda stage, place: stage.run(
        str(EXAMPLES / "text-autoencoder" / "documents.py"), "own-texts", folder=place, TEXTS="40"
    ),
    "text-autoencoder/measure.py": measured,
    "text-autoencoder/run.sh": shortened,
    "text-autoencoder/short.yaml": lambda stage, place: stage.run(
        *("ssl", "pretrain", "-c", str(EXAMPLES / "text-autoencoder" / "short.yaml"), "--dry-run"),
        *("--set", "data.unit=fill", "--seq-len", "64"),
    ),
    "voices/run.sh": of_voices,
    "voices/apart.py": voices_apart,
    "voices/summary.py": voices_summed_up,
    "views/run.sh": of_views,
    "views/sample.py": few_images,
    "views/pixels.py": by_pixels,
    "instruct/instructions.py": lambda stage, place: stage.run(
        str(EXAMPLES / "instruct" / "instructions.py"), "instructions", folder=place
    ),
    "instruct/questions.py": lambda stage, place: stage.run(
        str(EXAMPLES / "instruct" / "questions.py"),
        "DATA/qa/train.json",
        "questions.jsonl",
        folder=place,
    ),
    "instruct/run.sh": instructed,
    "in-context/run.sh": tables,
    "in-context/sample.py": sampled,
    "in-context/summary.py": tables_side_by_side,
    "objectives/english.yaml": compared,
    "third-party-plugin/sslcli_shuffle.py": lambda stage, place: stage.run(
        "ssl", "plugins", "show", "shuffle"
    ),
    "third-party-plugin/test_sslcli_shuffle.py": plugin,
    "understanding/run.sh": understanding,
    "understanding/summary.py": summary,
}


def files():
    """What can be run, by its name below `examples`."""
    paths = [
        path
        for path in sorted(EXAMPLES.rglob("*"))
        if path.suffix in KINDS and "build" not in path.parts
    ]
    return [str(path.relative_to(EXAMPLES)) for path in paths]


@pytest.mark.parametrize("name", files())
def test_every_example_can_be_rehearsed(name, stage, place):
    rehearse = REHEARSALS[name] if name in REHEARSALS else run_file(name)
    ended = rehearse(stage, place)
    assert ended.code == 0, ended.said[-3000:]
    assert "Traceback" not in ended.said


def test_every_line_of_the_tour_runs(stage, place):
    """One after the other, with trainings of two steps, where nothing else has a name of theirs."""
    alone = place / "alone"
    alone.mkdir()
    for chapter in chapters("en"):
        for line in chapter.lines:
            few = ["--max-steps", "2", "--no-plot"] if line.run else []
            own = {"SSLCLI_RUNS_DIR": "tour-runs"}
            ended = stage.run("ssl", *line.words, *few, folder=alone, **own)
            assert ended.code == 0, (line.typed, ended.said[-2000:])


def commands():
    """Every `ssl` command of the examples' README files: file, and the line."""
    found = []
    for path in sorted(EXAMPLES.rglob("README.md")):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        lines = re.findall(r"^(?:\$|   ) (ssl .*)$", text, re.MULTILINE)
        found += [(path.parent.name, " ".join(line.split())) for line in lines]
    return found


@pytest.mark.parametrize(
    ("folder", "line"), commands(), ids=lambda text: text.replace("/", " ")[:60]
)
def test_every_command_of_the_documents_is_taken(folder, line, stage, place):
    """Trainings take three steps and write nothing; where several processes are asked for, one
    takes them.
    """
    words = shlex.split(line, comments=True)
    trains = words[1] in ("pretrain", "finetune")
    launcher = words[words.index("--") :] if "--" in words else []
    words = words[: len(words) - len(launcher)]
    more = ["--dry-run"] if trains and "--show-batch" not in words else []
    if "compare" in words and "-c" in words:
        more = list(SMALL_COMPARISON)
    elif "compare" in words:
        more = [*SMALL_WORLD[:2], "--budget", "1e13flops", "--dry-run"]
    if "--gpus" in words:  # there may be none
        words[words.index("--gpus") + 1] = "2"
        more += ["--device", "cpu"]
    ended = stage.run(*words, *more, *launcher, folder=place)
    assert ended.code == 0, ended.said[-3000:]
    assert "Traceback" not in ended.said
