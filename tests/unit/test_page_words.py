"""The words of a page in Chinese: what is known is said, and what is not stays as it is."""

import re
from importlib.resources import files

import pytest

from sslcli.cli.page_words import PageWords

ZH = PageWords.of("zh")
CHROME = re.compile(r'words\("((?:[^"\\]|\\.)+)"\)')


def test_english_is_as_it_is():
    english = PageWords.of("en")
    assert english("held-out loss") == "held-out loss"
    assert not english.is_foreign("held-out loss")


@pytest.mark.parametrize("name", ["report.html", "parts.html"])
def test_all_of_the_page_itself_is_told(name):
    said = CHROME.findall((files("sslcli.cli") / "templates" / name).read_text(encoding="utf-8"))
    assert len(said) >= 2
    for text in said:
        assert ZH(text) != text
        assert ZH(text).count("{}") == text.count("{}")


def test_every_pattern_takes_as_many_groups_as_it_has():
    for pattern, made in ZH.patterns:
        assert pattern.groups
        numbers = [str(number) for number in range(pattern.groups)]
        told = made.format(*numbers, t=numbers, k=numbers)
        assert re.search(r"[\u2e80-\uffef]", told) or made == "{0} {t[1]}"  # a number and its unit


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("held-out loss", "留出损失"),
        ("held-out loss zh", "留出损失（zh）"),
        ("held-out masked accuracy", "留出遮盖词准确率"),
        ("two-sided bigram baseline", "双侧二元基线"),
        ("loss (nats a band)", "损失（奈特/频带）"),
        ("0.18 to 0.40", "0.18 至 0.40"),
        ("masked: held-out loss on demo:world", "masked：留出损失，数据 demo:world"),
        ("recording 2, as read, 1.19 s", "录音 2，模型所读，1.19 秒"),
        ("en moved into zh", "从 en 移到 zh"),
        # names of the data stay, whatever else they mean
        ("error: held-out loss on value", "error：留出损失，数据 value"),
        ("high in the voice of low, by mean, step 7", "high 用 low 的嗓音说，mean 第 7 步"),
        (
            "Held-out loss is 1.162 nats (n 2,513; en 1.177, zh 1.146); two-sided bigram, the best of "
            "3 baselines, reaches 1.59.",
            "留出损失为 1.162 奈特（n 2,513; en 1.177, zh 1.146）；3 个基线中最好的双侧二元达到 1.59。",
        ),
        (
            "F1 is 71.3 % (95 % interval 68.73 to 74.1; n 1,000); random reaches 23.56.",
            "F1为 71.3 %（95 % 区间 68.73 至 74.1；n 1,000）；随机权重达到 23.56。",
        ),
        ("Accuracy is 0.5.", "准确率为 0.5。"),
        ("There is no figure yet: the run is done.", "还没有数值：运行已完成。"),
        ("12 of 21 lines in 10.5 minutes", "21 行命令中已完成 12 行，用时 10.5 分钟"),
    ],
)
def test_what_is_known_is_said_in_chinese(text, told):
    assert ZH(text) == told
    assert not ZH.is_foreign(text)


@pytest.mark.parametrize(
    "text",
    [
        "a sentence of somebody's plugin",
        "world · pretrain · mlm",
        "What every text is read for is what it says.",
        "held-out images that are restored",
        "held-out losses are of different targets: they do not compare across objectives",
        "",
    ],
)
def test_what_is_not_known_stays_and_is_marked_as_english(text):
    assert ZH(text) == text
    assert ZH.is_foreign(text)


def test_columns_are_told_where_all_of_them_are_ours():
    ours, theirs = ["what", "at 1", "95 % interval ", "n", ""], ["kind", "value", "colour"]
    assert ZH.knows(ours)
    assert [ZH.heading(each) for each in ours] == ["项目", "前 1", "95 % 区间", "n", ""]
    assert not ZH.knows(theirs)
    assert ZH("low") == "low"  # may be who speaks
