"""The hash of a tokenizer tells its roles apart, and is what it was where the roles are the usual
ones.
"""

import hashlib
import itertools
import json
from dataclasses import asdict

import pytest
from hub_directories import DIRECTORIES

from sslcli.data.text.templates import usual_template
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.data.text.tokenizer_files import OWN_CONFIG
from sslcli.runs.run_folder import write_facts
from sslcli.workflows.training.identity import known_tokenizer

ENCLOSED = ("mask_token", "cls_token", "sep_token", "pad_token", "unk_token")
SWAPPED = {
    "BERT uncased": ("[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]"),
    "RoBERTa": ("<mask>", "<s>", "</s>", "<pad>", "<unk>"),
    "ModernBERT": ("[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]"),
}


def hash_before_roles_counted(tokenizer):
    """As runs and caches of then have it."""
    description = json.loads(tokenizer._library.to_str())
    for token in description["added_tokens"]:
        token["special"] |= token["content"] in tokenizer._literals
    whole = {**description, "post_processor": None}
    if not tokenizer.template.cuts_like(usual_template(tokenizer._roles())):
        whole["template"] = asdict(tokenizer.template)
    unknown = [] if tokenizer.unknown is None else [tokenizer.unknown]
    if literals := tokenizer._literals - set(tokenizer.pieces(unknown)):
        whole["literal"] = sorted(literals)
    canonical = json.dumps(whole, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


@pytest.mark.parametrize("as_own", [False, True])
@pytest.mark.parametrize("name", DIRECTORIES)
def test_usual_roles_leave_the_hash_of_before(tmp_path, name, as_own):
    """Which is known of all others, as of directories that were once read as our own."""
    tokenizer = Tokenizer.load(DIRECTORIES[name](tmp_path / "model"), as_own=as_own)
    before = hash_before_roles_counted(tokenizer)
    assert tokenizer.former_hash == before
    assert as_own or tokenizer.hash == before


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("name", SWAPPED)
def test_any_two_roles_swapped_make_another_hash(tmp_path, name, own):
    folder = DIRECTORIES[name](tmp_path / "model")
    roles = dict(zip(ENCLOSED, SWAPPED[name], strict=True))
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    config = {**config, "tokenizer_class": "PreTrainedTokenizerFast"}
    if own:
        config = dict.fromkeys(OWN_CONFIG, "")
    hashes = {}
    for first, second in (("mask_token", "mask_token"), *itertools.combinations(ENCLOSED, 2)):
        said = {**roles, first: roles[second], second: roles[first]}
        text = json.dumps({**config, **said}, ensure_ascii=False)
        (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
        (folder / "special_tokens_map.json").write_text(json.dumps(said), encoding="utf-8")
        tokenizer = Tokenizer.load(folder)
        played = tokenizer.pieces([getattr(tokenizer, role) for role in ("mask", "classify")])
        assert played == [said["mask_token"], said["cls_token"]]
        assert (tokenizer._hf is None) == own
        hashes[first, second] = tokenizer.hash
    assert len(set(hashes.values())) == len(hashes) == 11


def padded_with(folder, name):
    DIRECTORIES["BERT uncased"](folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "pad_token": name}), encoding="utf-8")
    return Tokenizer.load(folder)


def test_a_run_of_before_knows_its_tokenizer_by_the_hash_of_then(tmp_path):
    """As long as it plays the roles that the run saved."""
    odd = padded_with(tmp_path / "odd", "[unused1]")
    usual = padded_with(tmp_path / "usual", "[PAD]")
    assert odd.hash != odd.former_hash
    assert usual.hash == usual.former_hash
    run = tmp_path / "run"
    odd.save(run / "tokenizer")
    write_facts(run, {"tokenizer": odd.former_hash})
    assert known_tokenizer(run, odd) == odd.former_hash
    usual.save(run / "tokenizer")
    assert known_tokenizer(run, odd) == odd.hash
    write_facts(run, {"tokenizer": odd.hash})
    assert known_tokenizer(run, odd) == odd.hash
