"""Files of columns: words and tags are those that were written, whatever else stands beside
them.
"""

from functools import partial

import pytest
from sslplugins.tasks.tag.columns import refuse_other_columns
from sslplugins.tasks.tag.task import Tag
from tag_layouts import LAYOUTS, SENTENCES, lines

from sslcli.api import DataError, UsageError
from sslcli.data.records.read_context import Reading, names_of, reading_with
from sslcli.datasets.sifter import Sifter


def read(folder, name, content, columns="", notes=None, **options):
    """`columns` as --columns has it; `notes` gathers what is said."""
    path = folder / name
    path.write_bytes(content.encode())
    reading = Reading(names_of(columns), notes={} if notes is None else notes)
    return list(reading_with(reading, partial(Tag.read, Tag.Options(**options), str(path))))


def pairs(examples):
    return [list(zip(example.data.words, example.gold, strict=True)) for example in examples]


@pytest.mark.parametrize("name", LAYOUTS)
def test_words_and_tags_are_those_that_were_written(name, tmp_path):
    content, tag = LAYOUTS[name]
    notes = {}
    examples = read(tmp_path, name, content, notes=notes)
    assert pairs(examples) == [
        [(word[0], word[tag]) for word in sentence] for sentence in SENTENCES
    ]
    assert name.endswith("lists.csv") or name in next(iter(notes))


def test_what_is_said_names_the_columns_and_what_was_left_out(tmp_path):
    notes, content = (
        {},
        "Nr\tToken\tLabel\n" + lines(lambda i, w, n, p: f"{i + 1}\ten:{w}\t{n}\n", head="# a b\n"),
    )
    examples = read(tmp_path, "a.tsv", content, notes=notes)
    (said,), (scheme,) = notes, Tag.how_read(Tag.Options(), examples)
    assert "words are column 2" in said
    assert "tags column 3" in said
    assert "'en:' before every word is left out" in said
    assert "the first line is a header" in said
    assert "40 lines of no words" in said
    assert scheme == "the tags mark spans in BIO, so F1 of spans is scored"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (lambda i, w, n, p: f"{w}\n", "one column, of words"),
        (lambda i, w, n, p: f"{i + 1}\t{w}\n", "words are column 2"),
        (lambda i, w, n, p: f"{w}\t_\n", "no column has tags"),
    ],
)
def test_files_without_tags_have_no_gold_answers(row, words, tmp_path):
    notes = {}
    examples = read(tmp_path, "a.txt", lines(row), notes=notes)
    assert [example.gold for example in examples] == [None] * len(SENTENCES)
    assert [list(example.data.words) for example in examples] == [
        [word[0] for word in sentence] for sentence in SENTENCES
    ]
    assert words in next(iter(notes))


def test_words_may_be_hashes_hold_blanks_and_be_blank(tmp_path):
    content = "#tag\tB-X\n#\tO\nNew York\tB-X\n \tO\n\n#\tO\nrest\tO\n"
    assert pairs(read(tmp_path, "a.tsv", content)) == [
        [("#tag", "B-X"), ("#", "O"), ("New York", "B-X"), (" ", "O")],
        [("#", "O"), ("rest", "O")],
    ]


def test_ranges_and_empty_nodes_of_numbered_files_are_no_words(tmp_path):
    content = "1-2\tau\t_\n1\tà\tADP\n2\tle\tDET\n2.1\tgone\tX\n\n1\tmot\tNOUN\n"
    assert pairs(read(tmp_path, "a.tsv", content)) == [
        [("à", "ADP"), ("le", "DET")],
        [("mot", "NOUN")],
    ]


def test_the_columns_that_are_asked_for_are_read(tmp_path):
    content = lines(lambda i, w, n, p: f"{i + 1}\t{w}\t{p}\t{n}\n")
    expected = [[(word, pos) for word, _, pos in sentence] for sentence in SENTENCES]
    assert pairs(read(tmp_path, "a.txt", content, columns="number,word,tag,-")) == expected
    assert pairs(read(tmp_path, "a.txt", content, columns="_,Token,pos,_")) == expected
    assert read(tmp_path, "a.txt", content, columns="-,word,-,-")[0].gold is None


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ("word,tag", DataError, "has 4 columns, and --columns word,tag names 2"),
        ("-,-,-,-,word", DataError, "names 5"),
        ("number,word,pos,ner", UsageError, "1 column of words and 2 of tags"),
        ("a,b,c,d", UsageError, "0 columns of words"),
    ],
)
def test_columns_that_cannot_be_are_refused(columns, error, words, tmp_path):
    with pytest.raises(error) as caught:
        read(
            tmp_path,
            "a.txt",
            lines(lambda i, w, n, p: f"{i + 1}\t{w}\t{p}\t{n}\n"),
            columns=columns,
        )
    assert words in caught.value.message


UNLIKE = [
    [(f"{word}{number}", *rest) for word, *rest in sentence]
    for number, sentence in enumerate(SENTENCES)
]


@pytest.mark.parametrize(
    ("content", "words", "hint"),
    [
        (
            lines(lambda i, w, n, p: f"{w}\t{p[0]}\t{p}\n"),
            "which column has the tags, column 2 or column 3?",
            "--columns word,-,tag",
        ),
        (
            "form\tupos\txpos\n" + lines(lambda i, w, n, p: f"{w}\t{p[0]}\t{p}\n"),
            "of 'upos', 'xpos'",
            "--columns word,-,tag",
        ),
        (
            lines(lambda i, w, n, p: f"{p}\t{w}\n", sentences=UNLIKE),
            "which has the words?",
            "--columns tag,word",
        ),
        (
            lines(lambda i, w, n, p: f"{w} {n} {'B-LOC' if w == 'Ann' else 'O'} O\n"),
            "column 2 or column 3 or column 4",
            "--columns word,-,tag,-",
        ),
        (
            lines(lambda i, w, n, p: f"{w}\t{w}x\n", sentences=UNLIKE),
            "too many for tags",
            "--columns word,tag",
        ),
    ],
)
def test_what_is_ambiguous_is_asked(content, words, hint, tmp_path):
    with pytest.raises(DataError) as caught:
        read(tmp_path, "a.txt", content)
    assert words in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a O\n1 000 O\nb O\n", "line 2 has 3 columns and most lines have 2"),
        (
            "This is a text.\nIt has lines of many lengths, as you see.\n",
            "lines have 4 to 9 columns",
        ),
        ('{"tokens": ["a"], "tags": ["X"]}\n', "looks like JSON"),
        ("<?xml version='1.0'?>\n<w pos='NN'>Ann</w>\n", "is XML"),
        ("-DOCSTART- O\n\n", "has no sentences"),
        (lines(lambda i, w, n, p: f"d 0 {i} [WORD] {p} * - - - S * -\n"), "the text is withheld"),
        (
            lines(lambda i, w, n, p: f"d 0 {i} {w} {p} * - - - S {'(PER*' if i == 0 else '*'} -\n"),
            "the span of 'PER' does not end",
        ),
    ],
)
def test_what_is_wrong_is_named(content, words, tmp_path):
    with pytest.raises(DataError) as caught:
        read(tmp_path, "a.txt", content)
    assert "a.txt" in caught.value.message
    assert words in caught.value.message


def test_a_treebank_without_its_words_is_refused(tmp_path):
    content = lines(lambda i, w, n, p: f"{i + 1}\t_\t_\t{p}\t_\t_\t0\t_\t_\t_\n")
    with pytest.raises(DataError, match="the text is withheld"):
        read(tmp_path, "a.conllu", content)


def test_the_columns_of_training_hold_for_a_file_that_does_not_say_otherwise(tmp_path):
    """A small file without names looks as if its chunks were the tags; one with the tags in front
    is read as it is.
    """
    train = read(
        tmp_path,
        "train.txt",
        lines(lambda i, w, n, p: f"{i + 1} {w} {'B-NP' if p == 'NNP' else 'O'} {n}\n"),
    )
    settled = Tag.resolve_options(Tag.Options(), train, None)
    assert settled.places == {"word": 1, "tag": 3, "width": 4}
    assert Tag.resolve_options(settled, train, None) == settled
    path = tmp_path / "test.txt"
    path.write_text("1 Ann B-NP O\n2 slept O O\n")
    assert pairs(Tag.read(settled, str(path))) == [[("Ann", "O"), ("slept", "O")]]
    path.write_text("B-PER Ann\nO slept\n")
    assert pairs(Tag.read(settled, str(path))) == [[("Ann", "B-PER"), ("slept", "O")]]
    path.write_text("Ann\nslept\n")
    assert [example.data.words for example in Tag.read(settled, str(path))] == [("Ann", "slept")]


def test_held_out_data_of_other_columns_is_asked_about(tmp_path):
    train = read(
        tmp_path,
        "train.txt",
        lines(lambda i, w, n, p: f"{w} {p} {'B-NP' if p == 'NNP' else 'O'} {n}\n"),
    )
    small = read(tmp_path, "small.txt", "Ann NNP B-NP -\nslept VBD O -\n")
    with pytest.raises(DataError) as caught:
        refuse_other_columns(small, Tag.resolve_options(Tag.Options(), train, None).places)
    assert "small.txt: the tags seem to be column 3" in caught.value.message
    assert caught.value.hint.startswith("--columns word,-,-,tag")


def test_the_place_behind_every_character_is_left_out(tmp_path):
    notes = {}
    content = "".join(
        f"{letter}{place}\tO\n"
        for word in ("科学", "技术", "方面", "的", "研究", "工作", "者") * 3
        for place, letter in enumerate(word)
    )
    (example,) = read(tmp_path, "weibo.train", content, notes=notes)
    assert "".join(example.data.words) == "科学技术方面的研究工作者" * 3
    assert "the digit behind every character is left out" in next(iter(notes))


@pytest.mark.parametrize(("mark", "word"), [('""""', '"'), ('"say ""hi"""', 'say "hi"')])
def test_quotation_marks_that_a_table_writer_put_are_taken_off(mark, word, tmp_path):
    assert read(tmp_path, "a.tsv", f"{mark}\tO\nAnn\tB-X\n")[0].data.words == (word, "Ann")
    # a bare one: nobody quoted
    assert read(tmp_path, "b.tsv", f'{mark}\tO\n"\tO\n')[0].data.words == (mark, '"')


def test_a_file_without_empty_lines_is_said_to_be_one_sentence(tmp_path):
    notes = {}
    (example,) = read(
        tmp_path, "a.txt", lines(lambda i, w, n, p: f"{w}\t{n}\n", end=""), notes=notes
    )
    assert f"all {len(example.data.words)} words are one" in next(iter(notes))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.conll", "Ann O\n\n1 000 O\n\nBob O\n\nx\n"),
        (
            "a.conllu",
            "\n\n".join(
                "\t".join([number, word, "_", tag, *"______"])
                for number, word, tag in [
                    ("1", "Ann", "O"),
                    ("7", "x", "O"),
                    ("1", "Bob", "O"),
                    ("1", "x", "_"),
                ]
            ),
        ),
    ],
)
def test_what_stands_behind_a_wrong_sentence_can_be_read(name, content, tmp_path):
    """For --check, which lists all of them, and --skip-bad-records."""
    path = tmp_path / name
    path.write_text(content)
    sifter = Sifter("all")
    examples = list(sifter.usable(Tag.read(Tag.Options(), str(path))))
    assert [example.data.words for example in examples] == [("Ann",), ("Bob",)]
    assert sifter.left_out == 2
