"""A tokenizer without a special token that a plugin declares is refused in one sentence, before
anything is made of it.

The tokenizers here have all pieces of the tiny one, and lack one role.
"""

from dataclasses import replace

import pytest
from small_runs import ignore, settings

from sslcli import registry
from sslcli.conformance.tiny import tiny_tokenizer, tiny_tokenizer_without
from sslcli.contracts.probe import Probe
from sslcli.data.special_tokens import SPECIAL_TOKENS
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import UsageError
from sslcli.models.fitting import refuse_missing_tokens
from sslcli.models.weights import Pretrained
from sslcli.settings import PretrainSettings
from sslcli.testing import tiny_context
from sslcli.workflows.finetune.finetune import Finetuning
from sslcli.workflows.pretrain import prepare as preparing
from sslcli.workflows.probe import probe as probing
from sslcli.workflows.probe.aim import Aim

DECLARED = [
    (kind, name, token)
    for kind in ("objectives", "tasks")
    for name in registry.names(kind)
    for token in sorted(registry.load(kind, name).special_tokens)
]


def refuse(*args, **named):
    raise AssertionError("this is done before the tokenizer is judged")


def test_the_plugins_that_need_one_declare_it():
    wanted = {(name, token) for _, name, token in DECLARED}
    assert wanted >= {
        ("mlm", "mask"),
        ("nsp", "sep"),
        ("sop", "sep"),
        ("pairs", "sep"),
        ("qa", "cls"),
        ("qa", "sep"),
    }


@pytest.mark.parametrize("token", ["mask", "cls", "sep", "pad"])
def test_what_a_tokenizer_has_is_found_by_name(token):
    """The tiny tokenizer's pieces in their order, but for the one that is taken away."""
    pieces = dict(zip(("pad", "unk", "cls", "sep", "mask"), range(5), strict=True))
    assert tiny_tokenizer().special_tokens == pieces
    assert tiny_tokenizer_without(token).special_tokens == {
        name: place for name, place in pieces.items() if name != token
    }
    with pytest.raises(UsageError, match="the tokenizer has none"):
        replace(tiny_context(), tokenizer=tiny_tokenizer_without(token)).special_token(token)


@pytest.mark.parametrize(("kind", "name", "token"), DECLARED)
def test_each_is_refused_with_its_name(kind, name, token):
    refuse_missing_tokens({name: registry.load(kind, name)}, tiny_tokenizer())
    with pytest.raises(UsageError) as caught:
        refuse_missing_tokens({name: registry.load(kind, name)}, tiny_tokenizer_without(token))
    assert (
        caught.value.message
        == f"'{name}' needs a {SPECIAL_TOKENS[token]}, and the tokenizer has none"
    )
    assert caught.value.hint


def pretraining(text_corpus, objective, **tokenizer):
    data = {"train": [str(text_corpus)], "sequence_tokens": 32}
    return PretrainSettings.model_validate(
        {"objective": objective, "data": data, "tokenizer": tokenizer}
    )


OBJECTIVES = sorted({(name, token) for kind, name, token in DECLARED if kind == "objectives"})


@pytest.mark.parametrize(("name", "token"), OBJECTIVES)
def test_a_tokenizer_that_is_given_is_judged_before_data_is_read(
    name, token, text_corpus, tmp_path, module_cache, monkeypatch
):
    tiny_tokenizer_without(token).save(tmp_path / "tokenizer")
    taken = Tokenizer.load(tmp_path / "tokenizer").special_tokens
    if token in taken:  # a piece that is called [SEP] is one where a tokenizer stands alone
        monkeypatch.setattr(
            preparing.Tokenizer, "load", lambda *args, **named: tiny_tokenizer_without(token)
        )
    monkeypatch.setattr(preparing, "shards_for", refuse)
    with pytest.raises(
        UsageError, match=f"'{name}' needs a .*, and the tokenizer has none"
    ) as caught:
        preparing.prepare(pretraining(text_corpus, name, source=str(tmp_path / "tokenizer")))
    assert "--tokenizer" in caught.value.hint
    assert "wordpiece" in caught.value.hint
    assert "bpe" not in caught.value.hint


def test_the_hint_for_a_model_is_another_model_since_its_tokenizer_stays():
    classes = {"mlm": registry.load("objectives", "mlm")}
    hint = preparing.hint_for_tokens(classes, of_model=True)
    assert hint.startswith("choose another --model")
    assert "--tokenizer" not in hint
    assert "--tokenizer" in preparing.hint_for_tokens(classes, of_model=False)


@pytest.mark.parametrize(("name", "token"), OBJECTIVES)
def test_one_that_is_to_be_learnt_is_judged_before_data_is_read(
    name, token, text_corpus, module_cache, monkeypatch
):
    monkeypatch.setattr(preparing, "shards_for", refuse)
    with pytest.raises(UsageError, match=f"'{name}' needs a .*, and the tokenizer 'bpe' has none"):
        preparing.prepare(pretraining(text_corpus, name, kind="bpe"))
    with pytest.raises(AssertionError, match="before the tokenizer"):
        preparing.prepare(
            pretraining(text_corpus, name, kind="bpe", options={"encoder_tokens": True})
        )


def test_one_that_nothing_is_known_of_is_judged_before_the_model_is_made(
    text_corpus, module_cache, monkeypatch
):
    bpe = registry.load("tokenizers", "bpe")
    monkeypatch.setattr(bpe, "special_tokens", lambda self: None)
    monkeypatch.setattr(preparing, "_learner", refuse)
    monkeypatch.setattr(preparing, "build_objective", refuse)
    with pytest.raises(UsageError, match="'mlm' needs a mask token, and the tokenizer has none"):
        preparing.prepare(pretraining(text_corpus, "mlm", kind="bpe", vocabulary=400))


@pytest.mark.parametrize("kind", registry.names("tokenizers"))
@pytest.mark.parametrize("encoder_tokens", [False, True])
def test_a_trainer_says_what_its_tokenizers_have(kind, encoder_tokens, text_corpus):
    cls = registry.load("tokenizers", kind)
    trainer = cls(
        cls.Options(**({"encoder_tokens": True} if encoder_tokens and kind == "bpe" else {}))
    )
    learnt = Tokenizer(trainer.train([text_corpus.read_text()], 400))
    assert trainer.special_tokens() == frozenset(learnt.special_tokens)


@pytest.mark.parametrize(
    ("task", "token"),
    [
        (name, token)
        for kind, name, token in DECLARED
        # the run is an encoder; other models are refused before their tokenizers are
        if kind == "tasks" and "encoder" in registry.attribute("tasks", name, "architectures")
    ],
)
def test_a_task_is_refused_before_its_data_is_read(task, token, world_run, tmp_path, monkeypatch):
    monkeypatch.setattr(Pretrained, "tokenizer", lambda self: tiny_tokenizer_without(token))
    monkeypatch.setattr("sslcli.workflows.finetune.finetune.labelled_data", refuse)
    with pytest.raises(UsageError, match=f"'{task}' needs a .*, and the tokenizer has none"):
        Finetuning.of(settings(world_run, tmp_path, task=task), None, ignore)


class LooksForEnds(Probe):
    summary = "what stands at the end"
    special_tokens = frozenset({"eos"})

    def run(self, subject, rng):
        raise AssertionError("it is not run")


def test_a_probe_is_refused_before_it_looks(world_run, tmp_path, monkeypatch):
    """The tokenizer of a small vocabulary of words has no token for an end."""
    monkeypatch.setattr(
        registry,
        "load",
        lambda kind, name, load=registry.load: (
            LooksForEnds if kind == "probes" else load(kind, name)
        ),
    )
    monkeypatch.setattr(registry, "attribute", lambda kind, name, member: frozenset({"text"}))
    with pytest.raises(
        UsageError, match="'ends' needs an end-of-text token, and the tokenizer has none"
    ):
        probing.probe("ends", Aim(str(world_run)), {}, folder=tmp_path / "out")
