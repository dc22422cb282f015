"""Tagging: formats as they are read, every word read at its own piece, and the loss of
transformers.
"""

import gzip

import numpy as np
import pytest
import torch
from sslplugins.tasks.tag.pieces import NO_WORD, cut_at_words, joined, pieces_of
from sslplugins.tasks.tag.task import NO_TAG, Tag
from task_bench import TaskBench, mean_loss, record, without_gold
from tokenizers import Tokenizer as Library
from tokenizers import models

from sslcli import registry
from sslcli.api import Record, Where
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.label_sets import balance_of
from sslcli.engine.learner import Learner
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import DataError
from sslcli.models.hf_directory import read_directory
from sslcli.workflows.predict.predictor import Answerer

SENTENCES = [
    "the cat sees the dog",
    "a dog likes gardens",
    "苹果 很 好吃 。",
    "the gardener , a cat",
    "he said “ 你好 ” to 我们 。",
]


def trained(kind="wordpiece", size=90):
    cls = registry.load("tokenizers", kind)
    texts = [joined(sentence.split())[0] for sentence in SENTENCES] * 3
    return Tokenizer(cls(cls.Options()).train(texts, size))


def tagged(words, tags=None, **columns):
    return Tag.parse(
        Tag.Options(), record(tokens=words, **({"tags": tags} if tags else {}), **columns)
    )


def written(folder, name, text):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(path)


def read(path, **options):
    return list(Tag.read(Tag.Options(**options), path))


def line(number, form, upos="_", xpos="_"):
    return "\t".join([number, form, "_", upos, xpos, *"_____"])


CONLLU = "\n".join(
    [
        "# newdoc", "# sent_id = s-1", "# text = Vámonos al mar", line("1-2", "Vámonos"), line("1",
        "Vamos", "VERB", "v"),
        line("2", "nos", "PRON", "p"), line("3-4", "al"), line("3", "a", "ADP", "s"), line("4",
        "el", "DET", "d"),
        line("5", "mar", "NOUN", "n"), line("5.1", "gone", "VERB", "v"), "",
        line("1", "_", "SYM", "x"), line("2", "#", "SYM", "x"),
    ]
)  # fmt: skip


@pytest.mark.parametrize("name", ["a.conllu", "a.conllu.gz"])
def test_conllu_gives_words_but_no_ranges_and_no_empty_nodes(name, tmp_path):
    first, second = read(written(tmp_path, name, CONLLU))
    assert first.data.words == ("Vamos", "nos", "a", "el", "mar")
    assert first.gold == ("VERB", "PRON", "ADP", "DET", "NOUN")
    assert (first.id, first.where.record, second.id) == ("s-1", 1, "2")
    assert (second.data.words, second.gold) == (("_", "#"), ("SYM", "SYM"))
    assert read(written(tmp_path, name, CONLLU), column="xpos")[0].gold == ("v", "p", "s", "d", "n")


def test_an_empty_upos_column_leaves_xpos_and_the_report_says_so(tmp_path):
    path = written(
        tmp_path, "a.conllu", "\n".join([line("1", "市", xpos="n"), line("2", "发布", xpos="v")])
    )
    examples = read(path)
    assert examples[0].gold == ("n", "v")
    options = Tag.resolve_options(Tag.Options(), examples, trained())
    assert options.column == "xpos"
    assert Tag.resolve_options(options, examples, trained()) == options
    predictions = Tag.scorer(options, ["n", "v"]).baselines(examples, examples)["majority"]
    assert any(
        "XPOS" in note
        for note in Tag.scorer(options, ["n", "v"]).error_report(predictions, examples).notes
    )
    with pytest.raises(DataError, match="nothing in its UPOS column") as caught:
        read(path, column="upos")
    assert "--column xpos" in caught.value.hint


def test_a_file_without_tags_has_no_gold_answers(tmp_path):
    assert [example.gold for example in read(written(tmp_path, "a.conllu", line("1", "word")))] == [
        None
    ]
    assert [
        example.gold for example in read(written(tmp_path, "a.conll", "word\nother\n\nlast"))
    ] == [None, None]


@pytest.mark.parametrize("name", ["a.conllu", "a.conll"])
def test_a_file_without_sentences_is_refused(name, tmp_path):
    with pytest.raises(DataError, match="has no sentences"):
        read(written(tmp_path, name, "\n\n"))


CONLL = (
    "-DOCSTART- -X- O O\n\nEU NNP I-NP B-ORG\nrejects VBZ I-VP "
    "O\n\n\nPeter NNP I-NP B-PER\nBlackburn NNP I-NP I-PER\n"
)


@pytest.mark.parametrize("name", ["a.conll", "a.bio.gz", "a.iob", "a.tsv"])
def test_columns_give_the_first_and_the_last(name, tmp_path):
    text = CONLL.replace(" ", "\t") if name == "a.tsv" else CONLL
    examples = read(written(tmp_path, name, text))
    assert [example.data.words for example in examples] == [
        ("EU", "rejects"),
        ("Peter", "Blackburn"),
    ]
    assert [example.gold for example in examples] == [("B-ORG", "O"), ("B-PER", "I-PER")]


def test_flat_records_have_lists_or_texts(tmp_path):
    path = written(
        tmp_path,
        "a.jsonl",
        (
            '{"id": "x", "tokens": ["a", "b c"], "ner_tags": '
            '[0, 3]}\n{"words": "a b", "upos": "X Y"}\n'
        ),
    )
    first, second = read(path)
    assert (first.id, first.data.words, first.gold) == ("x", ("a", "b c"), ("0", "3"))
    assert (second.id, second.data.words, second.gold) == ("2", ("a", "b"), ("X", "Y"))


def test_a_running_text_is_parted_into_words_and_marks():
    example = Tag.parse(
        Tag.Options(),
        record(text=' "Well-known" cafe\u0301s don\'t (yet) open... 苹果很好吃。 ¿Qué? 3.5% '),
    )
    expected = (
        '" Well-known " cafe\u0301s don\'t ( yet ) open . . . 苹 果 很 好 吃 。 ¿ Qué ? 3.5 %'
    )
    assert list(example.data.words) == expected.split(" ")
    assert example.gold is None


@pytest.mark.parametrize(
    ("name", "text", "place", "problem"),
    [
        ("a.conllu", "1\tword\tNOUN", "record 1", "line 1 has 3 columns, not 10"),
        (
            "a.conllu",
            line("1", "a", "DET") + "\n\n" + line("one", "b", "DET"),
            "record 2, field 'ID'",
            "line 3 has 'one'",
        ),
        ("a.conllu", line("1", "", "DET"), "record 1, field 'FORM'", "line 1 has no word"),
        (
            "a.conllu",
            line("1", "a", "DET") + "\n" + line("2", "cat"),
            "record 1, field 'UPOS'",
            "line 2: 'cat' has no tag",
        ),
        ("a.conll", "EU B-ORG\nrejects\n", "record 1, field 'tag'", "line 2: 'rejects' has no tag"),
        ("a.tsv", "EU\tB-ORG\nrejects\t", "record 1, field 'tag'", "line 2 has an empty tag"),
        ("a.tsv", "EU\tB-ORG\n\tO", "record 1, field 'word'", "line 2 has an empty word"),
        (
            "a.jsonl",
            '{"tokens": ["a", "b"], "tags": ["X"]}',
            "record 1, field 'tags'",
            "1 tag for 2 words",
        ),
        ("a.jsonl", '{"tokens": [], "tags": []}', "record 1, field 'tokens'", "there are no words"),
        ("a.jsonl", '{"tags": ["X"]}', "record 1, field 'tokens'", "there are no words"),
        ("a.jsonl", '{"tokens": ["a", ""]}', "record 1, field 'tokens[1]'", "'' is no text"),
        ("a.jsonl", '{"tokens": {"a": 1}}', "record 1, field 'tokens'", "no list but dict"),
        (
            "a.jsonl",
            '{"tokens": ["a"], "tags": [null]}',
            "record 1, field 'tags[0]'",
            "None is no text",
        ),
    ],
)
def test_a_mistake_names_its_place(name, text, place, problem, tmp_path):
    path = written(tmp_path, name, text)
    with pytest.raises(DataError) as caught:
        read(path)
    assert f"{path}, {place}" in caught.value.message
    assert problem in caught.value.message
    assert caught.value.hint


def test_words_are_joined_as_each_script_is_written():
    words = ["The", "cat", ",", "苹果", "很", "好", "。", "“", "说", "”", "GDP", "한국", "말"]
    assert joined(words)[0] == "The cat , 苹果很好。“说” GDP 한국 말"
    text, starts = joined(["the", "苹果", "很"])
    assert [text[start:] for start in starts] == ["the 苹果很", "苹果很", "很"]


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_every_word_has_pieces_and_they_spell_it(kind):
    tokenizer = trained(kind, 300 if kind == "bpe" else 90)
    sentences = [sentence.split() for sentence in SENTENCES]
    for words, (ids, word_of) in zip(sentences, pieces_of(sentences, tokenizer), strict=True):
        assert set(word_of.tolist()) - {NO_WORD} == set(range(len(words)))
        assert (np.diff(word_of[word_of != NO_WORD]) >= 0).all()
        for number, word in enumerate(words):
            if tokenizer.unknown not in ids[word_of == number]:
                assert tokenizer.decode(ids[word_of == number]).replace(" ", "") == word


def test_a_piece_of_two_words_is_cut_between_them():
    library = Library(
        models.Unigram(
            [
                ("<unk>", 0.0),
                ("的时", -1.0),
                ("我", -2.0),
                ("的", -3.0),
                ("时", -3.0),
                ("候", -3.0),
            ],
            0,
        )
    )
    tokenizer = Tokenizer(library)
    assert len(tokenizer.encode("我的时候")) == 3
    ((ids, word_of),) = pieces_of([["我的", "时候"]], tokenizer)
    assert tokenizer.pieces(ids) == ["我", "的", "时", "候"]
    assert word_of.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("capacity", [1, 2, 3, 5, 100])
def test_parts_fit_and_hold_every_word_once(capacity):
    word_of = np.asarray([NO_WORD, 0, 1, 1, 2, NO_WORD, 3, 3, 3, 3, 4, 5, 5])
    parts = list(cut_at_words(word_of, capacity))
    assert [start for start, _, _ in parts] == [0, *(stop for _, stop, _ in parts)][:-1]
    assert parts[-1][1] == len(word_of)
    assert all(0 < stop - start <= capacity for start, stop, _ in parts)
    counted = [word for _, _, words in parts for word in sorted(set(words.tolist()) - {NO_WORD})]
    assert counted == list(range(6))
    if capacity >= 4:  # as many as the longest word has
        assert all(words.tolist() == word_of[start:stop].tolist() for start, stop, words in parts)


EXAMPLES = [
    tagged(sentence.split(), [f"T{len(word) % 3}" for word in sentence.split()])
    for sentence in SENTENCES
]


DECODER = {"architecture": "decoder", "segments": 0, "norm_place": "pre"}
READ = {
    "first": lambda hidden_PD: hidden_PD[0],
    "last": lambda hidden_PD: hidden_PD[-1],
    "mean": lambda hidden_PD: hidden_PD.mean(dim=0),
}


@pytest.mark.parametrize(
    ("pooling", "how", "shape"),
    [
        *((name, name, None) for name in READ),
        ("auto", "first", None),
        ("auto", "last", DECODER),
        ("first", "first", DECODER),
    ],
)
def test_the_loss_is_that_of_every_word_alone(pooling, how, shape):
    bench = TaskBench.of(Tag, EXAMPLES, trained(), shape=shape, pooling=pooling)
    batch = bench.collate(bench.encoded(EXAMPLES, training=True))
    total, count = 0.0, 0
    for example in EXAMPLES:
        (encoded,) = bench.encoded([example])
        alone = bench.collate([encoded])
        hidden_TD = bench.backbone(alone.inputs).last_TD
        word_T = encoded.samples[0].per_token["word"]
        for word, tag in enumerate(example.gold):
            pieces = np.flatnonzero(word_T == word)
            logits = bench.task.classifier.classifier(READ[how](hidden_TD[pieces]))
            total -= logits.log_softmax(dim=0)[bench.task.tags.index(tag)].item()
            count += 1
    assert (
        batch.counts == {"tags": count} == {"tags": sum(len(example.gold) for example in EXAMPLES)}
    )
    assert bench.task(bench.backbone, batch).sums["tags"].item() == pytest.approx(total, rel=1e-5)


def test_the_loss_is_that_of_transformers(tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer = trained()
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    config = transformers.BertConfig(
        vocab_size=tokenizer.size, max_position_embeddings=64, num_labels=3, **sizes
    )
    torch.manual_seed(0)
    theirs = transformers.BertForTokenClassification(config).eval()
    theirs.bert.save_pretrained(tmp_path)
    bench = TaskBench.of(
        Tag, EXAMPLES, tokenizer, shape={"longest_tokens": 64, "norm_epsilon": 1e-12}
    )
    bench.backbone = read_directory(tmp_path).network()[0].eval()
    bench.task.classifier.classifier.load_state_dict(theirs.classifier.state_dict())
    samples = [one.samples[0] for one in bench.encoded(EXAMPLES)]
    longest = max(map(len, samples))
    ids, labels, visible = (torch.full((len(samples), longest), value) for value in (0, -100, 0))
    for row, sample in enumerate(samples):
        ids[row, : len(sample)] = torch.from_numpy(sample.tokens)
        visible[row, : len(sample)] = 1
        first = [
            np.flatnonzero(sample.per_token["word"] == word)[0]
            for word in sorted(set(sample.per_token["word"].tolist()) - {NO_WORD})
        ]
        labels[row, first] = torch.from_numpy(sample.per_token["tag"][first])
    batch = bench.collate(bench.encoded(EXAMPLES))
    with torch.no_grad():
        expected = theirs(input_ids=ids, attention_mask=visible, labels=labels).loss
        ours = mean_loss(bench.task(bench.backbone, batch), batch)
    assert float(ours) == pytest.approx(float(expected), abs=1e-5)


def test_a_long_sentence_keeps_every_tag():
    words = [
        f"{word}{number % 7}" for number, word in enumerate(("garden cat the dog " * 30).split())
    ]
    example = tagged(words, [f"T{number % 3}" for number in range(len(words))])
    bench = TaskBench.of(Tag, [example], trained(), sequence_tokens=20)
    (encoded,) = bench.encoded([example], training=True)
    assert len(encoded.samples) > 5
    assert max(map(len, encoded.samples)) <= 20
    assert sum(len(sample) - 2 for sample in encoded.samples) == encoded.whole_tokens - 2
    assert bench.collate([encoded]).counts == {"tags": len(words)}
    assert len(bench.predict([example])[0].value) == len(words)


def test_answers_do_not_depend_on_the_batch_and_need_no_gold():
    bench = TaskBench.of(Tag, EXAMPLES, trained())
    together = bench.task.predict(
        bench.backbone, bench.collate(bench.encoded(without_gold(EXAMPLES)))
    )
    for example, part, prediction in zip(EXAMPLES, together, bench.predict(EXAMPLES), strict=True):
        merged = bench.task.merge(example, bench.encoded([example])[0], [part])
        assert merged.value == prediction.value
        assert merged.confidence == pytest.approx(prediction.confidence, abs=1e-5)
        assert len(merged.value) == len(example.data.words)


def test_without_gold_nothing_is_counted():
    bench = TaskBench.of(Tag, EXAMPLES, trained())
    batch = bench.collate(bench.encoded(without_gold(EXAMPLES)))
    assert batch.counts == {"tags": 0}
    assert bench.task(bench.backbone, batch).sums["tags"].item() == 0.0


def test_a_word_without_a_piece_is_given_the_commonest_tag_and_is_told_of():
    example = tagged(["the", "\u200b", "cat"], ["T1", "T2", "T1"])
    bench = TaskBench.of(Tag, [*EXAMPLES, example], trained())
    (encoded,) = bench.encoded([example], training=True)
    assert (
        encoded.lost == "1 of 3 words has no piece in this tokenizer, the first of them '\\u200b'"
    )
    (prediction,) = bench.predict([example])
    commonest = max(
        balance_of(Tag, Tag.Options(), [*EXAMPLES, example]).items(), key=lambda item: item[1]
    )[0]
    assert prediction.value[1] == commonest == bench.task.tags[0]
    assert prediction.details["probabilities"][1] is None


def test_a_word_longer_than_the_model_is_said_and_answered_once():
    example = tagged(["the", "x" * 40, "cat"], ["T0", "T1", "T0"])
    bench = TaskBench.of(Tag, [*EXAMPLES, example], trained("bpe", 300), sequence_tokens=12)
    (encoded,) = bench.encoded([example], training=True)
    assert encoded.lost.startswith("1 of 3 words is longer than 11 pieces")
    assert bench.collate([encoded]).counts == {"tags": 3}
    (prediction,) = bench.predict([example])
    assert len(prediction.value) == len(prediction.details["probabilities"]) == 3


def test_a_sentence_of_nothing_has_no_sample_and_an_answer():
    example = tagged(["\u200b"], ["T1"])
    bench = TaskBench.of(Tag, EXAMPLES, trained())
    assert not bench.encoded([example])[0].samples
    assert bench.predict([example])[0].value == [bench.task.tags[0]]


def test_a_file_of_nothing_that_is_seen_is_answered():
    bench, example = (
        TaskBench.of(Tag, EXAMPLES, trained()),
        tagged(["\u200b", "\ufe0f"], ["T1", "T0"]),
    )
    learner, hardware = (
        Learner(bench.backbone, bench.task),
        choose_hardware(HardwareSettings(device="cpu")),
    )
    answerer = Answerer("tag", bench.task.options, bench.task.tags, learner, hardware, None)
    (prediction,) = answerer.predictions([example], 32)
    assert prediction.value == [bench.task.tags[0]] * 2
    assert prediction.confidence is None


def test_a_tag_unknown_to_training_is_a_mistake_and_is_told_of():
    bench = TaskBench.of(Tag, EXAMPLES, trained())
    stranger = tagged(["the", "cat"], ["T0", "NEW"])
    (encoded,) = bench.encoded([stranger])
    assert sorted(tag for tag in encoded.samples[0].per_token["tag"] if tag != NO_TAG) == [
        bench.task.tags.index("T0")
    ]
    (prediction,) = bench.predict([stranger])
    assert (
        Tag.scorer(bench.task.options, bench.task.tags).score([prediction], [stranger])[0].value
        <= 0.5
    )
    assert (
        "NEW"
        in Tag.scorer(bench.task.options, bench.task.tags)
        .error_report([prediction], [stranger])
        .notes[0]
    )


def test_it_learns_what_it_is_shown():
    rows = [
        ("the", "DET"),
        ("a", "DET"),
        ("cat", "NOUN"),
        ("dog", "NOUN"),
        ("sees", "VERB"),
        ("likes", "VERB"),
        ("苹果", "NOUN"),
    ]
    examples = []
    for number in range(32):
        chosen = [rows[(number * step + step) % len(rows)] for step in (1, 2, 3, 5)]
        examples.append(tagged([word for word, _ in chosen], [tag for _, tag in chosen]))
    bench = TaskBench.of(Tag, examples, trained(), shape={"dropout": 0.0})
    assert bench.train(examples, 1) > 0.8
    assert bench.train(examples, 60) < 0.02
    predictions = bench.predict(without_gold(examples))
    scores = Tag.scorer(bench.task.options, bench.task.tags).score(predictions, examples)
    assert (scores[0].name, scores[0].value, scores[0].count) == ("accuracy", 1.0, 128)
    assert min(prediction.confidence for prediction in predictions) > 0.9


def test_baselines_are_the_commonest_tag_and_each_words_own():
    train = [tagged(["a", "b", "a", "c"], ["X", "Y", "X", "Y"]), tagged(["a", "d"], ["Y", "Y"])]
    test = [tagged(["a", "b", "new"], ["X", "X", "Y"])]
    given = Tag.scorer(Tag.Options(), []).baselines(train, test)
    assert given["majority"][0].value == ["Y", "Y", "Y"]
    assert given["by word"][0].value == ["X", "Y", "Y"]


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_words_are_annotated_where_they_stand_in_what_is_encoded(kind):
    tokenizer = trained(kind)
    for sentence in SENTENCES:
        words = sentence.split()
        annotated = Tag.annotated(
            Tag.Options(), tagged(words, [f"tag {number}" for number in range(len(words))])
        )
        assert [annotated.text[start:stop] for start, stop in annotated.spans] == words
        assert list(annotated.labels) == [f"tag {number}" for number in range(len(words))]
        ((ids, word_of),) = pieces_of([words], tokenizer)
        (whole, places) = tokenizer.encode_with_places([annotated.text])[0]
        if ids.tolist() == whole.tolist():  # no piece goes on over a word's end
            own = [
                {
                    int(place)
                    for place in np.flatnonzero((places[:, 0] < stop) & (places[:, 1] > start))
                }
                for start, stop in annotated.spans
            ]
            assert own == [
                set(np.flatnonzero(word_of == number).tolist()) for number in range(len(words))
            ]


def test_an_answer_is_shown_on_one_line():
    (prediction, *_) = Tag.scorer(Tag.Options()).baselines(EXAMPLES, EXAMPLES)["by word"]
    (note,) = Tag.scorer(Tag.Options()).format_prediction(EXAMPLES[0], prediction).notes
    assert note.startswith("the/T0 cat/T0 sees/T1")
    assert len(note.split(" ")) == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我 爱 北京.", "我 爱 北京."),  # blanks that joining would leave out
        ("nothing of it", "我爱北京 ."),
    ],
)
def test_words_stand_where_they_were_written(text, expected):
    values = {
        "tokens": ["我", "爱", "北京", "."],
        "tags": ["PRON", "VERB", "PROPN", "PUNCT"],
        "text": text,
    }
    found = Tag.annotated(
        Tag.Options(), Tag.parse(Tag.Options(), Record(Where("memory", 1), values))
    )
    assert found.text == expected
    assert [found.text[start:stop] for start, stop in found.spans] == values["tokens"]
