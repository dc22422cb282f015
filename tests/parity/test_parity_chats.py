"""Chat templates: the same text and the same tokens as transformers' `apply_chat_template`."""

import json
import os
from pathlib import Path

import pytest
import transformers
from hub_directories import DIRECTORIES

from sslcli.data.text.chat_template import PLAIN, ChatTemplate
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import DataError, ModelError
from sslcli.registry import load

CHATML = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
# The system's turn inside the first one of the user, as Llama 2 has it; both ends of each exchange.
FOLDED = """{% if messages[0]['role'] == 'system' %}
{% set rest = messages[1:] %}{% set system = '<<SYS>>\\n' + messages[0].content + '\\n<</SYS>>\\n\\n' %}
{% else %}
{% set rest = messages %}{% set system = '' %}
{% endif %}
{% for message in rest %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('Roles must alternate user/assistant/user/assistant') }}
{% endif %}
{% if message['role'] == 'user' %}
{{ bos_token + '[INST] ' + (system if loop.first else '') + message['content'] + ' [/INST]' }}
{%- else %}
{{- ' ' + message['content'] | trim + ' ' + eos_token }}
{% endif %}
{% endfor %}"""
# Headers, a day, a namespace, JSON, a tag around answers, and loop controls.
HEADED = """{{- bos_token }}{%- set ns = namespace(turns=0) %}
{%- if strftime_now is not defined %}{{- raise_exception('no clock') }}{%- endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}{%- continue %}{%- endif %}
{%- set ns.turns = ns.turns + 1 %}
{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
{%- if message.role == 'assistant' %}{% generation %}{{ message['content'] }}<|eot_id|>{% endgeneration %}
{%- else %}{{- {'n': ns.turns, 'text': '<b>' ~ message['content']} | tojson }}{{- '<|eot_id|>' }}{%- endif %}
{%- if loop.index > 9 %}{%- break %}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"""
TEMPLATES = {"ChatML": CHATML, "folded": FOLDED, "headed": HEADED, "plain": PLAIN}


def said(*turns):
    return [{"role": role, "content": content} for role, content in turns]


CONVERSATIONS = {
    "a question": said(("user", "where does julia live?")),
    "an answer": said(("user", "say <b> & 'no'"), ("assistant", " paris, 巴黎\n")),
    "a system": said(("system", "be brief"), ("user", "one\ntwo"), ("assistant", "three")),
    "several turns": said(("user", "a"), ("assistant", "b"), ("user", " c "), ("assistant", "d")),
    "wrong order": said(("user", "a"), ("user", "b"), ("assistant", "c")),
}
FAMILIES = ("SmolLM2-Instruct", "Llama 2", "GPT-2")


@pytest.fixture(scope="module")
def with_template(tmp_path_factory):
    """A directory with a template: the folder, transformers' tokenizer and ours."""
    made = {}

    def make(family, name):
        if (family, name) not in made:
            folder = DIRECTORIES[family](tmp_path_factory.mktemp("chat") / "model")
            (folder / "chat_template.jinja").write_text(TEMPLATES[name], encoding="utf-8")
            theirs = transformers.AutoTokenizer.from_pretrained(folder)
            made[family, name] = folder, theirs, Tokenizer.load(folder)
        return made[family, name]

    return make


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_text_and_tokens(with_template, family, name, conversation, prompt):
    _, theirs, ours = with_template(family, name)
    messages = CONVERSATIONS[conversation]
    if name == "folded" and conversation == "wrong order":
        with pytest.raises(Exception, match="Roles must alternate"):
            theirs.apply_chat_template(messages, tokenize=False)
        with pytest.raises(DataError, match="Roles must alternate"):
            ours.chat_template.text(messages)
        return
    asked = {"add_generation_prompt": prompt}
    text = theirs.apply_chat_template(messages, tokenize=False, **asked)
    assert ours.chat_template.text(messages, generation_prompt=prompt) == text
    ids = theirs.apply_chat_template(messages, tokenize=True, return_dict=True, **asked)
    assert ours.encode_rendered([text])[0].tolist() == ids["input_ids"]


def test_nothing_is_begun_twice(with_template):
    _, theirs, ours = with_template("Llama 2", "folded")
    text = ours.chat_template.text(CONVERSATIONS["a question"])
    assert ours.pieces(ours.encode_rendered([text])[0])[:2] == ["<s>", "["]
    assert theirs(text)["input_ids"][:2] == [1, 1]  # what a plain call would make of it


def test_own_tokenizers_end_turns_as_transformers_reads_them(tmp_path):
    """What we train ends a turn with its end token, which no other text may spell."""
    trainer = load("tokenizers", "bpe")
    library = trainer(trainer.Options()).train(["where does julia live? in paris."] * 9, 400)
    ours = Tokenizer(library)
    template = ChatTemplate.plain(ours.names_of_tokens)
    ours.chatting_as(template.source).save_with_generation(tmp_path)
    theirs, again = transformers.AutoTokenizer.from_pretrained(tmp_path), Tokenizer.load(tmp_path)
    messages = CONVERSATIONS["several turns"]
    text = theirs.apply_chat_template(messages, tokenize=False)
    assert text == again.chat_template.text(messages) == template.text(messages)
    assert text.startswith("user: a<|endoftext|>assistant: b<|endoftext|>user: c<")
    ids = theirs(text, add_special_tokens=False)["input_ids"]
    assert again.encode_rendered([text])[0].tolist() == ids
    assert (again.encode_rendered([text])[0] == ours.end).sum() == 4
    assert not (again.encode(text) == ours.end).any()


def set_template(folder, **said):
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("chat_template", None)
    path.write_text(json.dumps({**config, **said}), encoding="utf-8")


NAMED = [
    {"name": "tool_use", "template": "tools"},
    {"name": "default", "template": "{{ messages[0].content }}!"},
]


@pytest.mark.parametrize(
    ("told", "beside"),
    [
        (CHATML, None),
        (NAMED, None),
        (CHATML, "{{ messages[0].content }}?"),
        (NAMED, "{{ messages[0].content }}?"),
        (None, "{{ messages[0].content }}?"),
    ],
)
def test_the_same_template_of_several(tmp_path, told, beside):
    folder = DIRECTORIES["SmolLM2-Instruct"](tmp_path / "model")
    set_template(folder, **({} if told is None else {"chat_template": told}))
    if beside:
        (folder / "chat_template.jinja").write_text(beside, encoding="utf-8")
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    messages = CONVERSATIONS["a question"]
    text = theirs.apply_chat_template(messages, tokenize=False)
    ours = Tokenizer.load(folder)
    assert ours.chat_template.text(messages) == text
    ours.save(tmp_path / "again")
    assert Tokenizer.load(tmp_path / "again").chat_template.text(messages) == text


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (7, "neither a text nor a list"),
        ([{"name": "default"}], "neither a text nor a list"),
        ({"default": "x"}, "neither a text nor a list"),
        (NAMED[:1], "chat templates for tool_use, and none called default"),
    ],
)
def test_what_is_no_template_is_refused(tmp_path, told, problem):
    folder = DIRECTORIES["SmolLM2-Instruct"](tmp_path / "model")
    set_template(folder, chat_template=told)
    with pytest.raises(ModelError, match=problem):
        Tokenizer.load(folder).chat_template  # noqa: B018


def test_a_directory_without_a_template_has_none(tmp_path):
    folder = DIRECTORIES["GPT-2"](tmp_path / "model")
    assert Tokenizer.load(folder).chat_template is None


@pytest.fixture(scope="module")
def real_chat_model():
    folder = os.environ.get("SSLCLI_TEST_MODELS")
    if not folder or not (Path(folder) / "smollm2").is_dir():
        pytest.skip("SSLCLI_TEST_MODELS has no smollm2")
    return Path(folder) / "smollm2"


@pytest.mark.parametrize("prompt", [False, True])
def test_a_real_model(real_chat_model, prompt):
    theirs = transformers.AutoTokenizer.from_pretrained(real_chat_model)
    ours = Tokenizer.load(real_chat_model)
    for messages in CONVERSATIONS.values():
        asked = {"add_generation_prompt": prompt}
        text = theirs.apply_chat_template(messages, tokenize=False, **asked)
        assert ours.chat_template.text(messages, generation_prompt=prompt) == text
        ids = theirs.apply_chat_template(messages, tokenize=True, return_dict=True, **asked)
        assert ours.encode_rendered([text])[0].tolist() == ids["input_ids"]
