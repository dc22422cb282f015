"""The stranger's plugin in examples/, found by its entry point, checked, described by its flags and
trained.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

EXAMPLE = Path(__file__).parents[2] / "examples" / "third-party-plugin"


@pytest.fixture(scope="module")
def ssl(tmp_path_factory, text_corpus):
    """Runs `ssl` with the plugin on the path, laid out as an installer would."""
    site = tmp_path_factory.mktemp("site")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copy(EXAMPLE / "sslcli_shuffle.py", site)
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        f"[{group}]\n{name} = {value}\n"
        for group, names in project["entry-points"].items()
        for name, value in names.items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    work = tmp_path_factory.mktemp("work")
    environment = {
        **os.environ,
        "PYTHONPATH": str(site),
        "SSLCLI_CACHE_DIR": str(work / "cache"),
        "OMP_NUM_THREADS": "1",
    }

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", "sslcli", *map(str, words)],
            env=environment,
            cwd=work,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_it_is_found_and_described(ssl):
    assert "sslcli-shuffle" in ssl("plugins", "list")
    assert "--shuffle-rate" in ssl("pretrain", "--objective", "shuffle", "--help")


def test_it_passes_the_checks(ssl):
    assert "passes all" in ssl("plugins", "check", "shuffle")


@pytest.mark.parametrize("objective", ["shuffle", "shuffle+nsp"])
def test_it_trains(ssl, text_corpus, tmp_path, objective):
    folder = tmp_path / "run"
    words = [
        "--data",
        text_corpus,
        "--vocabulary",
        "200",
        "--arch",
        "tiny",
        "--seq-len",
        "32",
        "--max-steps",
        "3",
        "--batch-size",
        "8",
    ]
    words += ["--set", "data.held_out=0.1"]
    ssl(
        "pretrain",
        "--objective",
        objective,
        *words,
        "--shuffle-rate",
        "0.3",
        "--no-plot",
        "--out",
        folder,
    )
    options = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["options"]
    assert float(options["shuffle"]["shuffle_rate"]) == 0.3
    assert list(folder.glob("checkpoints/step-000003/learnable.safetensors"))


def test_it_joins_a_comparison_by_its_name(ssl, tmp_path):
    """An encoder beside a built-in decoder, on the generated world and for as many operations."""
    words = ["compare", "--objectives", "shuffle,clm", "--tasks", "pos", "--budget", "1e9flops"]
    words += ["--seeds", "1", "--no-scratch", "--batch-size", "4", "--vocabulary", "900"]
    words += ["--set", "data.reader_options.sentences=300", "--device", "cpu"]
    for setting in ("width=16", "depth=1", "heads=2", "feedforward_width=32"):
        words += ["--set", f"model.shape.{setting}"]
    words += ["--set", "options.shuffle.shuffle_rate=0.3"]
    ssl(*words, "--out", tmp_path / "beside")
    report = json.loads((tmp_path / "beside" / "report.json").read_text(encoding="utf-8"))
    assert [score["name"] for score in report["scores"]] == [
        "pos accuracy, shuffle",
        "pos accuracy, clm",
    ]
    saved = (tmp_path / "beside" / "shuffle" / "config.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(saved)["options"]["shuffle"]["shuffle_rate"] == 0.3
