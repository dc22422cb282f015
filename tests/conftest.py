"""Generated data that every part of the suite can use."""

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Workers share the cores, and tiny models gain nothing from a second thread. torch reads this when
# it is imported, so nothing here imports it earlier.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Every worker and some hundred processes import the same files, which are compiled once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


# Folders whose files take longest; a worker that begins one of them last keeps the others waiting.
LONGEST = ("rehearsals", "distributed", "faults", "cli")


def pytest_xdist_auto_num_workers(config):
    """One worker more than cores: many tests wait for processes that they have started."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else None


def pytest_collection_modifyitems(items):
    folders = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: folders.get(item.path.parent.name, len(LONGEST)))


@pytest.fixture(scope="session")
def text_corpus(tmp_path_factory) -> Path:
    """A .txt of 120 paragraphs with blank lines between them."""
    from generated_texts import generated_paragraphs

    path = tmp_path_factory.mktemp("corpus") / "animals.txt"
    path.write_text("\n\n".join(generated_paragraphs(120)) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def module_cache(tmp_path_factory):
    """A cache folder of the module's own; the user's is left alone."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("SSLCLI_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that SSLCLI_TEST_DATA names; tests that need real text skip without it."""
    folder = os.environ.get("SSLCLI_TEST_DATA")
    if not folder:
        pytest.skip("SSLCLI_TEST_DATA is not set")
    return Path(folder)


@pytest.fixture(scope="module")
def world_run(tmp_path_factory, module_cache):
    """A finished pretraining run on the built-in world, small and hardly trained, to start from."""
    from sslcli.settings import PretrainSettings
    from sslcli.workflows.pretrain.pretrain import pretrain

    folder = tmp_path_factory.mktemp("runs") / "first"
    settings = {
        "data": {
            "train": ["demo:world"],
            "reader_options": {"sentences": 300},
            "sequence_tokens": 32,
            "unit": "sentence",
        },
        "tokenizer": {"kind": "words", "vocabulary": 900},
        "model": {
            "preset": "tiny",
            "shape": {
                "width": 16,
                "heads": 2,
                "depth": 2,
                "feedforward_width": 32,
                "longest_tokens": 64,
            },
        },
        "training": {"max_steps": 2, "batch_size": 8},
        "run": {"folder": str(folder), "plot": False},
    }
    pretrain(PretrainSettings.model_validate(settings), observe=lambda event: None)
    return folder
