"""Answers to instructions: layouts of records, what has a loss, what is cut, baselines."""

import json

import numpy as np
import pytest
from task_bench import TaskBench, record

from sslcli import registry
from sslcli.core.inputs import Inputs
from sslcli.data.batches import collate
from sslcli.data.records.read_context import Reading, reading_with
from sslcli.data.rng import Rng
from sslcli.data.text.chat_template import ChatTemplate
from sslcli.data.text.chats import Chat
from sslcli.errors import DataError, ModelError, UsageError
from sslcli.models.fitting import refuse_other_architecture
from sslcli.testing import tiny_records, tiny_tokenizer

Instruct = registry.load("tasks", "instruct")
SHAPE = {"architecture": "decoder", "segments": 0, "norm_place": "pre"}
TURNS = "{% for m in messages %}[{{ m.role }}] {{ m.content }}[SEP]{% endfor %}"
BEGUN = "{% if add_generation_prompt %}[assistant]{% endif %}"
CLOSED = TURNS + BEGUN


def parse(**values):
    return Instruct.parse(Instruct.Options(), record(**values))


def said(*texts):
    """Turns of the user and the assistant."""
    roles = ("user", "assistant")
    return [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]


def bench(template=CLOSED, texts=None, **options):
    examples = [parse(messages=said("the cat sees", "the dog"))]
    tokenizer = tiny_tokenizer().chatting_as(template)
    return TaskBench.of(Instruct, examples, tokenizer, SHAPE, **options)


def encoded(made, *texts, training=True):
    (found,) = made.task.encode([parse(messages=said(*texts))], training)
    return found


CHAT = {"user": "hello there", "assistant": "good day"}
LAYOUTS = {
    "messages": {"messages": said("hello there", "good day")},
    "conversations": {
        "conversations": [
            {"from": "human", "value": "hello there"},
            {"from": "gpt", "value": "good day"},
        ]
    },
    "conversations with roles": {"conversations": said("hello there", "good day")},
    "columns": {"instruction": "hello there", "output": " good day\n"},
    "columns with an empty input": {
        "instruction": "hello there",
        "input": "",
        "output": "good day",
    },
    "prompt and completion": {"prompt": "hello there", "completion": "good day"},
    "question and answer": {"question": "hello there", "answer": "good day"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_one_conversation(layout):
    example = parse(id="x", **LAYOUTS[layout])
    assert (example.id, example.data.turns) == ("x", tuple(said("hello there")))
    assert example.gold == "good day"


def test_an_input_stands_below_its_instruction_and_a_system_before_all():
    example = parse(instruction="add", input="1 2", output="3", system="be brief")
    assert [turn["content"] for turn in example.data.turns] == ["be brief", "add\n\n1 2"]
    assert example.data.turns[0]["role"] == "system"
    turns = [{"from": "system", "value": " "}, {"from": "human", "value": "a"}]
    example = parse(conversations=turns)
    assert [turn["role"] for turn in example.data.turns] == ["user"]
    assert example.note == "an empty system turn is left out"


def test_without_a_last_answer_there_is_no_label():
    assert parse(instruction="a").gold is None
    assert parse(messages=said("a", "b", "c")).gold is None
    assert len(parse(messages=said("a", "b", "c")).data.turns) == 3
    reading = Reading(labels="unread")
    assert reading_with(reading, lambda: [parse(messages=said("a", "b"))]).__next__().gold is None


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_files_of_columns(tmp_path, name):
    rows = [("instruction", "output"), ("a b", "c"), ("d", "e f")]
    between = "," if name == "a.csv" else "\t"
    text = "".join(f"{between.join(row)}\n" for row in rows)
    if name == "a.jsonl":
        text = "".join(f"{json.dumps(dict(zip(rows[0], row, strict=True)))}\n" for row in rows[1:])
    (tmp_path / name).write_text(text, encoding="utf-8")
    read = reading_with(Reading(), lambda: Instruct.read(Instruct.Options(), str(tmp_path / name)))
    assert [(each.data.asked, each.gold) for each in read] == [("a b", "c"), ("d", "e f")]


def test_answers_and_what_ends_them_have_a_loss_and_nothing_else():
    made, pieces = bench(), tiny_tokenizer().pieces
    found = encoded(made, "the cat", "sees", "the dog", "likes the bird")
    (sample,) = found.samples
    batch = made.task.collate(collate([0], [sample]), Rng(0, 0))
    read = pieces(batch.inputs.ids_T.tolist())
    turn = ("[UNK]",) * 3  # brackets and a role that the tiny tokenizer does not know
    assert read == [
        *(*turn, "the", "cat", "[SEP]"),
        *(*turn, "sees", "[SEP]"),
        *(*turn, "the", "dog", "[SEP]"),
        *(*turn, "likes", "the", "bird", "[SEP]"),
    ]
    assert pieces(batch.targets_N.tolist()) == ["sees", "[SEP]", "likes", "the", "bird", "[SEP]"]
    assert [read[row + 1] for row in batch.rows_N.tolist()] == pieces(batch.targets_N.tolist())
    assert batch.counts == {"answers": 6}
    assert batch.prompts == (len(read) - 4,)
    assert found.lost == ""


def test_the_loss_is_that_of_each_answer_alone_behind_its_turns():
    """A slow reference: each answer's tokens by a pass over its own conversation, unpacked."""
    made, chat = bench(), Chat.of(tiny_tokenizer().chatting_as(CLOSED))
    talks = [said("the cat", "sees", "the dog", "likes the bird"), said("fish", "follows the dog")]
    examples = [parse(messages=talk) for talk in talks]
    samples = [each for found in made.task.encode(examples, True) for each in found.samples]
    loss = made.task(made.backbone, made.task.collate(collate([0, 1], samples), Rng(0, 0)))
    total, count = 0.0, 0
    for talk in talks:
        for place in range(1, len(talk), 2):
            (before_T,) = chat.prompts([talk[:place]])
            answer_T = chat.tokenizer.encode(talk[place]["content"])
            whole = [*before_T, *answer_T, chat.turn_end]
            hidden = made.backbone(packed(whole)).last_TD
            logits_TV = made.task.head(hidden, made.backbone).log_softmax(-1)
            for at in range(len(before_T), len(whole)):
                total -= logits_TV[at - 1, whole[at]].item()
                count += 1
    assert loss.sums["answers"].item() == pytest.approx(total, rel=1e-5)
    assert float(loss.metrics["token accuracy"].count) == count


def packed(tokens):
    return Inputs.pack([np.asarray(tokens)])


def test_a_template_that_writes_no_end_behind_a_turn_is_refused():
    with pytest.raises(ModelError, match="ends an answer with no special token"):
        encoded(bench("{% for m in messages %}{{ m.content }} . {% endfor %}"), "the cat", "sees")


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (
            "{% for m in messages %}{{ m.content if loop.last else 'dog' }}[SEP]{% endfor %}",
            "its chat template writes a turn otherwise when another follows",
        ),
        (
            "{% for m in messages %}{{ m.content }}[SEP]{% endfor %}"
            "{% if add_generation_prompt %}the{% endif %}",
            "its chat template writes a turn otherwise when another follows",
        ),
        (
            "{% for m in messages %}"
            "{{ 'hors' if m.role == 'assistant' }}{{ m.content }}[SEP]{% endfor %}"
            "{% if add_generation_prompt %}hors{% endif %}",
            "its tokenizer cuts what its chat template writes before an answer otherwise",
        ),
        (
            "{% for m in messages %}{{ m.content }}[SEP]{% endfor %}"
            "{% if messages | length > 2 %}{{ raise_exception('two at most') }}{% endif %}",
            "its chat template refuses it: two at most",
        ),
    ],
)
def test_turns_that_cannot_be_told_apart_are_refused_by_their_record(template, problem):
    example = parse(messages=said("the cat", "e", "the dog", "e"))
    with pytest.raises(DataError, match=problem) as raised:
        list(bench(template).task.encode([example], True))
    assert raised.value.message.startswith("memory, record 1: the conversation cannot be learnt")


def test_a_turn_that_spells_a_special_token_is_left_out_aloud():
    found = encoded(bench(), "the [SEP] cat", "sees")
    assert not found.samples
    assert found.lost == "a turn spells the special token [SEP]: it is left out"
    assert encoded(bench(), "the [SEP] cat", "sees", training=False).samples


@pytest.mark.parametrize(
    ("tokens", "learnt", "lost"),
    [
        (24, 6, ""),
        (22, 4, "2 of 24 tokens are cut off (--seq-len)"),
        (20, 2, "4 of 24 tokens are cut off (--seq-len), its last answer among them"),
        (11, 1, "13 of 24 tokens are cut off (--seq-len), its last answer among them"),
        (9, 0, "15 of 24 tokens are cut off (--seq-len), its last answer among them: nothing is"),
    ],
)
def test_a_long_conversation_is_cut_aloud(tokens, learnt, lost):
    made = bench(sequence_tokens=tokens)
    found = encoded(made, "the cat", "sees", "the dog", "likes the bird")
    assert found.lost.startswith(lost)
    assert bool(found.lost) == bool(lost)
    if not learnt:
        assert not found.samples
        return
    batch = made.task.collate(collate([0], found.samples), Rng(0, 0))
    assert batch.counts == {"answers": learnt}
    assert len(batch.inputs.ids_T) <= tokens
    assert found.cut == ({"conversation": tokens} if lost else {})


def test_no_room_is_refused():
    with pytest.raises(UsageError, match="leave no room"):
        bench(sequence_tokens=2)


def test_what_is_written_stays_within_the_positions():
    made = bench(sequence_tokens=60, answer_tokens=50)
    examples = [parse(messages=said(" ".join(["the cat"] * 30)))]
    (text,) = made.predict(examples)
    assert isinstance(text.value, str)
    assert text.details["asked"].startswith("the cat")


def test_the_longest_answer_of_training_is_the_longest_that_is_written():
    examples = [parse(messages=said("a", text)) for text in ("the cat", "the cat sees the dog")]
    assert Instruct.resolve_options(Instruct.Options(), examples, tiny_tokenizer()) == (
        Instruct.Options(answer_tokens=9)
    )
    with pytest.raises(DataError, match="no conversation ends with an answer"):
        Instruct.resolve_options(Instruct.Options(), [parse(instruction="a")], tiny_tokenizer())


def test_a_model_without_a_template_keeps_the_plain_one_aloud():
    tokenizer, notes = Instruct.tokenizer_to_train(tiny_tokenizer())
    assert "each closed by [SEP]" in notes[0]
    assert tokenizer.stops == {tokenizer.separate}
    again, silent = Instruct.tokenizer_to_train(tokenizer)
    assert (again.chat, silent) == (tokenizer.chat, ())
    assert "{{ sep_token }}" in tokenizer.chat
    assert (
        ChatTemplate.plain({"eos_token": "</s>", "sep_token": "x"}).source.count("eos_token") == 1
    )


def test_scores_and_baselines():
    scorer = Instruct.scorer(Instruct.Options())
    train = [parse(messages=said("a", answer)) for answer in ("no", "yes", "yes")]
    test = [parse(messages=said("Yes", "yes")), parse(messages=said("no", "maybe"))]
    found = scorer.baselines(train, test)
    assert [each.value for each in found["majority"]] == ["yes", "yes"]
    assert [each.value for each in found["copy"]] == ["Yes", "no"]
    exact, chrf = scorer.score(found["copy"], test)
    assert (exact.name, exact.value, exact.count) == ("exact match", 50.0, 2)
    assert chrf.name == "chrF"
    report = scorer.error_report(found["copy"], test)
    assert any("without case, blanks and a full stop at the end" in note for note in report.notes)
    assert len(report.passages) == 1


def test_scores_by_kind():
    scorer = Instruct.scorer(Instruct.Options())
    test = [
        parse(messages=said("a", "a"), kind="copy"),
        parse(messages=said("a", "b"), category="next"),
        parse(messages=said("c", "d"), kind="next"),
    ]
    (table,) = scorer.error_report(scorer.baselines([], test)["copy"], test).tables
    assert [(row[0], row[1], row[-1]) for row in table.rows] == [("copy", 100, 1), ("next", 0, 2)]
    assert not scorer.error_report(scorer.baselines([], test[:1])["copy"], test[:1]).tables


def test_an_encoder_is_refused_in_one_sentence():
    with pytest.raises(UsageError, match="'instruct' needs a decoder, and m is an encoder"):
        refuse_other_architecture({"instruct": Instruct}, "encoder", "m")


def test_it_learns_and_answers():
    examples = [Instruct.parse(Instruct.Options(), each) for each in tiny_records("instructions")]
    made = TaskBench.of(Instruct, examples, tiny_tokenizer(), SHAPE)
    made.train(examples[:8], 150)
    right = [each.value for each in made.predict(examples[:8])]
    right = [one == each.gold for one, each in zip(right, examples[:8], strict=True)]
    assert sum(right) >= 6, right
