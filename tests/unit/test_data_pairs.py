"""Pairs: the same ones whatever files hold them, and every mistake named by its place."""

import gzip
import json

import pytest

from sslcli.api import DataError, UsageError, distinct_pairs, read_pairs

PAIRS = [("apple pie", "苹果 派"), ('a "b"', "乙,丙"), ("x", "y")]
LANGUAGES = ("en", "zh")


def written(folder, name, content):
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return str(path)


def pairs_of(references, languages=LANGUAGES):
    return [(pair.first, pair.second) for pair in read_pairs(references, languages)]


TABS = "\n".join("\t".join(pair) for pair in PAIRS)
TURNED = "note\tzh\ten\n" + "\n".join(f"-\t{second}\t{first}" for first, second in PAIRS)
RECORDS = [
    {"id": number, "zh": second, "en": first} for number, (first, second) in enumerate(PAIRS)
]
CONTENTS = {
    "a.txt": TABS + "\n\n",
    "a.en-zh.gz": "\ufeff" + TABS,
    "a.tsv": f"en\tzh\n{TABS}",
    "b.tsv.gz": TURNED,
    "a.csv": 'zh,en\n苹果 派,apple pie\n"乙,丙","a ""b"""\ny,x\n',
    "a.jsonl": "\n".join(json.dumps(record) for record in RECORDS),
    "a.json": json.dumps(RECORDS),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_two_columns_are_the_same_pairs_whatever_the_file(name, tmp_path):
    assert pairs_of([written(tmp_path, name, CONTENTS[name])]) == PAIRS


def both(folder, contents):
    return [f"{code}={written(folder, name, content)}" for code, name, content in contents]


def test_two_files_line_by_line_in_any_order_of_the_two(tmp_path):
    references = both(
        tmp_path,
        [("zh", "help.zh.gz", "苹果\r\n\n乙\n丙\n"), ("en", "help.en", "apple\nlost\nb\n \n")],
    )
    found = list(read_pairs(references, LANGUAGES))
    assert [(pair.first, pair.second, pair.where.record) for pair in found] == [
        ("apple", "苹果", 1),
        ("b", "乙", 3),
    ]
    assert pairs_of(references, ("zh", "en")) == [("苹果", "apple"), ("乙", "b")]


def test_two_files_of_records_have_their_texts_in_one_column(tmp_path):
    texts = [[json.dumps({"text": pair[place]}) for pair in PAIRS] for place in (0, 1)]
    references = both(
        tmp_path,
        [
            (code, f"{code}.jsonl", "\n".join(lines))
            for code, lines in zip(LANGUAGES, texts, strict=True)
        ],
    )
    assert pairs_of(references) == PAIRS


def test_a_dictionary_of_muse_has_blanks_and_several_files_follow_one_another(tmp_path):
    files = [
        written(tmp_path, "en-zh.txt", "apple 苹果\napple   蘋果\n"),
        written(tmp_path, "more.txt", "pear\t梨\n"),
    ]
    assert pairs_of(files) == [("apple", "苹果"), ("apple", "蘋果"), ("pear", "梨")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.txt",
            "apple\t苹果\nred apple 红 苹果\n",
            r"a\.txt, line 2 has 4 columns and should have 2",
        ),
        ("a.tsv", "apple\t\n", r"a\.tsv, line 1, field 'zh': the text is empty"),
        ("a.csv", "en,fr\napple,pomme\n", r"a\.csv, line 2, field 'zh': 'zh' is missing"),
        ("a.jsonl", '{"en": "apple", "zh": 3}', r"a\.jsonl, record 1, field 'zh': this is no text"),
        ("a.txt", "\n\n", r"a\.txt holds no pair"),
        ("a.txt.gz", "", r"a\.txt\.gz holds no pair"),
    ],
)
def test_a_mistake_is_told_with_its_place(name, content, message, tmp_path):
    with pytest.raises(DataError, match=message):
        pairs_of([written(tmp_path, name, content)])


def test_files_of_unequal_length_are_refused_before_a_pair_is_given(tmp_path):
    references = both(tmp_path, [("en", "a.en", "a\nb\nc\n"), ("zh", "a.zh", "甲\n乙\n")])
    with pytest.raises(DataError, match=r"a\.en has 3 lines and .*a\.zh has 2"):
        read_pairs(references, LANGUAGES)


@pytest.mark.parametrize(
    "references", [["en=a"], ["en=a", "en=b"], ["en=a", "zh=b", "c"], ["en=a", "b"]]
)
def test_references_that_do_not_go_together_are_refused(references):
    with pytest.raises(UsageError, match="do not give one file of en and one of zh"):
        read_pairs(references, LANGUAGES)


def test_no_file_and_no_reference(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        pairs_of([str(tmp_path / "none.txt")])
    with pytest.raises(DataError, match="nothing holds no pair"):
        pairs_of([])


def test_of_pairs_with_a_side_in_common_the_first_is_kept():
    pairs = [
        ("bank", "银行"),
        ("Bank", "河岸"),
        ("shore", "河岸"),
        ("coast", "河岸"),
        ("银行", "bank"),
        ("bank", "银行"),
        ("coast", "海岸"),
    ]
    assert distinct_pairs(pairs) == [pairs[0], pairs[2], pairs[4], pairs[6]]
