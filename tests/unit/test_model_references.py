"""What a user may call a model, and what is then loaded."""

import json
import shutil

import pytest
import torch

from sslcli.contracts.abilities import Generates
from sslcli.core.heads import LanguageModelHead, PooledClassifier
from sslcli.core.transformer import Transformer
from sslcli.engine.composite import with_ability
from sslcli.engine.learner import Learner
from sslcli.errors import ModelError, PluginError, SslError
from sslcli.models.loading import learner_of, load_pretrained, locate_weights
from sslcli.runs.references import head_readers
from sslcli.settings import PretrainSettings
from sslcli.workflows.export.export import export
from sslcli.workflows.pretrain.pretrain import pretrain


def run(folder, objective, corpus, **training):
    settings = {
        "objective": objective,
        "data": {"train": [str(corpus)], "sequence_tokens": 32, "held_out": 0.1},
        "tokenizer": {"vocabulary": 150},
        "model": {"preset": "tiny", "shape": {"width": 16, "heads": 2, "feedforward_width": 32}},
        "training": {
            "max_steps": 4,
            "batch_size": 8,
            "eval_samples": 8,
            "save_every": 2,
            "keep": 5,
            **training,
        },
        "run": {"folder": str(folder), "plot": False},
    }
    pretrain(PretrainSettings.model_validate(settings), observe=lambda event: None)


@pytest.fixture(scope="module")
def made(text_corpus, module_cache, tmp_path_factory):
    """runs/first (mlm), runs/second (clm) and runs/third (mlm+nsp), made in this order, and hf/, an
    export of the first.
    """
    folder = tmp_path_factory.mktemp("home")
    for name, objective in (("first", "mlm"), ("second", "clm"), ("third", "mlm+nsp")):
        run(folder / "runs" / name, objective, text_corpus)
        facts = json.loads((folder / "runs" / name / "run.json").read_text())
        facts["started"] = {"first": "2026-01-01", "second": "2026-01-02", "third": "2026-01-03"}[
            name
        ]
        (folder / "runs" / name / "run.json").write_text(json.dumps(facts))
    export(str(folder / "runs" / "first"), folder / "hf")
    return folder


@pytest.fixture
def home(made, monkeypatch):
    """`made` as the working directory, to be looked at only."""
    monkeypatch.chdir(made)
    monkeypatch.delenv("SSLCLI_RUNS_DIR", raising=False)
    return made


@pytest.fixture
def copy(made, tmp_path, monkeypatch):
    """A copy of `made` to be damaged."""
    shutil.copytree(made, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.delenv("SSLCLI_RUNS_DIR", raising=False)
    return tmp_path / "home"


LEADS_TO = {
    "runs/first": "first",
    "first": "first",
    "fir": "first",
    "@latest": "third",
    "@latest:mlm": "first",
    "@latest:clm": "second",
    "@best:clm": "second",
    "first:last": "first/step-000004",
    "first:step-2": "first/step-000002",
    "first:step-000002": "first/step-000002",
    "runs/first:step-1": "first/step-000001",
    "@latest:clm:step-2": "second/step-000002",
    "runs/first/checkpoints/step-000002": "first/step-000002",
    "runs/first/milestones/step-000001": "first/step-000001",
}


@pytest.mark.parametrize("reference", LEADS_TO)
def test_a_reference_leads_to_its_checkpoint(home, reference):
    name, _, step = LEADS_TO[reference].partition("/")
    place = locate_weights(reference)
    assert place.run.name == name
    assert place.weights.name == (step or (place.run / "best").read_text().strip())
    assert place.notes == ()


def test_a_model_directory_is_a_reference(home):
    pretrained = load_pretrained("hf")
    assert pretrained.trained is None
    assert pretrained.heads == {"head"}
    own = load_pretrained("first")
    assert all(
        torch.equal(pretrained.backbone[name], value) for name, value in own.backbone.items()
    )


WRONG = {
    "nothing": "no run 'nothing'",
    "hf:bert-base-uncased": "only `ssl fetch` fetches",
    "google/bert": "no run or folder",
    "runs": "neither a run nor a model directory",
    "hf/config.json": "is a file",
    "hf:best": "is a model directory",
    "first:step-77": "no step-000077",
    "@best": "do not compare",
    "@best:sop": "no run of sop",
    "@latest:sop": "no run of sop",
    "": "neither a run nor a model directory",
}


@pytest.mark.parametrize("reference", WRONG)
def test_a_reference_that_leads_nowhere_is_a_sentence_and_a_hint(home, reference):
    with pytest.raises(SslError, match=WRONG[reference]) as caught:
        load_pretrained(reference)
    assert caught.value.hint


def test_a_damaged_best_is_passed_over_and_said(copy):
    best = (
        copy
        / "runs"
        / "first"
        / "checkpoints"
        / (copy / "runs" / "first" / "best").read_text().strip()
    )
    newest = copy / "runs" / "first" / "checkpoints" / "step-000004"
    if best == newest:
        (copy / "runs" / "first" / "best").write_text("step-000002")
        best = newest.with_name("step-000002")
    data = bytearray((best / "backbone.safetensors").read_bytes())
    data[-5] ^= 1
    (best / "backbone.safetensors").write_bytes(bytes(data))
    place = locate_weights("first")
    assert place.weights.name == newest.name
    assert "best checkpoint is skipped" in place.notes[0]
    assert load_pretrained("first").notes == place.notes
    for reference in ("first:best", f"first:{best.name}", str(best)):
        with pytest.raises(ModelError, match="hash differs"):
            load_pretrained(reference)


DAMAGES = {
    "a shape that does not fit": (
        "config.yaml",
        lambda text: text.replace("width: 16", "width: 32"),
        "does not fit",
    ),
    "a shape that cannot be": (
        "config.yaml",
        lambda text: text.replace("heads: 2", "heads: 3"),
        "not divisible",
    ),
    "an unknown setting": ("config.yaml", lambda text: text + "\nfoo: 1\n", "foo"),
    "no YAML": ("config.yaml", lambda text: "{", "cannot be used"),
    "no tokenizer": ("tokenizer/tokenizer.json", lambda text: "", "tokenizer"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_refused(copy, damage):
    file, change, says = DAMAGES[damage]
    path = copy / "runs" / "first" / file
    path.write_text(change(path.read_text()))
    with pytest.raises(ModelError, match=says):
        load_pretrained("first").tokenizer()


def test_a_run_without_checkpoints_is_refused(copy):
    shutil.rmtree(copy / "runs" / "first" / "checkpoints")
    with pytest.raises(ModelError, match="no complete checkpoint"):
        load_pretrained("first")


def test_a_checkpoint_outside_of_its_run_is_refused(copy):
    shutil.copytree(copy / "runs" / "first" / "checkpoints" / "step-000004", copy / "step-000004")
    with pytest.raises(ModelError, match="outside of its run"):
        load_pretrained("step-000004")


@pytest.mark.parametrize("name", ["first", "second", "third", "hf"])
def test_a_learner_has_every_weight_and_generates(home, name):
    pretrained = load_pretrained(name)
    learner = learner_of(pretrained)
    assert all(
        torch.equal(value, pretrained.backbone[key])
        for key, value in learner.backbone.state_dict().items()
    )
    if pretrained.trained is not None:
        assert all(
            torch.equal(value, pretrained.trained.learnable[key])
            for key, value in learner.learnable.state_dict().items()
        )
    head = next(module for module in learner.modules() if isinstance(module, LanguageModelHead))
    assert all(torch.equal(value, pretrained.head[key]) for key, value in head.state_dict().items())
    assert list(with_ability(learner.learnable, Generates))


OF_A_STRANGER = """
from sslcli.api import Readout

class Reads(Readout):
    reads_head = True
    architectures = frozenset({"encoder"})
    summary = "a stranger's"
    collate = read = show = lambda *_: None
"""


def test_the_built_in_objective_reads_the_head_of_a_directory(tmp_path, monkeypatch):
    """Whatever a stranger calls one that could; the others say that they cannot."""
    (tmp_path / "ssl_reads.py").write_text(OF_A_STRANGER)
    folder = tmp_path / "ssl_reads-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: ssl-reads\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(
        "[sslcli.objectives]\naaa = ssl_reads:Reads\nbroken = ssl_gone:Reads\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = head_readers()
    assert found[-1] == "aaa"
    assert {*found} == {"aaa", "mlm", "clm", "bart"}
    monkeypatch.setenv("SSLCLI_PLUGINS", "")
    assert {*head_readers()} == {"mlm", "clm", "bart"}


def test_an_objective_takes_the_heads_of_another(home):
    """mlm+nsp begins with the language-model head of a run of mlm, and mlm with that of mlm+nsp."""
    first, third = load_pretrained("first"), load_pretrained("third")
    for source, target in ((first, third), (third, first)):
        learner = learner_of(target)
        source.load_into(learner.backbone, learner.learnable)
        head = next(module for module in learner.modules() if isinstance(module, LanguageModelHead))
        assert all(torch.equal(value, source.head[key]) for key, value in head.state_dict().items())
        assert all(
            torch.equal(value, source.backbone[key])
            for key, value in learner.backbone.state_dict().items()
        )


def test_a_pooler_alone_is_taken_over(home):
    third = load_pretrained("third")
    assert third.heads == {"head", "pooler", "classifier"}
    wider = PooledClassifier(third.settings, 5)
    before = wider.classifier.weight.clone()
    third.load_into(Transformer(third.settings), wider)
    assert torch.equal(wider.pooler.weight, third.pooled["pooler.weight"])
    assert torch.equal(wider.classifier.weight, before)


def test_training_a_learner_leaves_what_was_read_alone(home):
    pretrained = load_pretrained("first")
    before = {name: value.clone() for name, value in pretrained.backbone.items()}
    learner = learner_of(pretrained)
    assert isinstance(learner, Learner)
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in pretrained.backbone.items())


def test_a_run_of_an_objective_that_is_gone_can_be_exported_but_not_asked(copy, tmp_path):
    path = copy / "runs" / "first" / "config.yaml"
    path.write_text(
        path.read_text().replace("objective: mlm", "objective: gone").replace("  mlm:", "  gone:")
    )
    with pytest.raises(PluginError, match="gone"):
        learner_of(load_pretrained("first"))
    export("first", tmp_path / "out")


def test_a_tokenizer_too_large_for_the_model_is_refused(copy):
    shutil.rmtree(copy / "hf" / "tokenizer.json", ignore_errors=True)
    vocabulary = {
        word: number
        for number, word in enumerate(["[UNK]", *(f"w{number}" for number in range(900))])
    }
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
    (copy / "hf" / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelError, match="901 tokens"):
        load_pretrained("hf").tokenizer()


def test_a_directory_without_a_tokenizer_is_read_and_cannot_be_asked(copy):
    (copy / "hf" / "tokenizer.json").unlink()
    pretrained = load_pretrained("hf")
    assert pretrained.tokenizer_folder is None
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        learner_of(pretrained)
