"""Sentences: their pieces give back the text, whatever the text is; languages are guessed by their
letters.
"""

import re

import pytest
import sentencex
from hypothesis import given
from hypothesis import strategies as st

from sslcli.data.documents import Document, Where
from sslcli.data.text.sentences import LONGEST_CHARACTERS, guess_language, split_sentences

HERE = Where("here")


def split(text, language=""):
    return split_sentences(Document(HERE, text=text, language=language))


LETTERS = "aB. !?。！\n\r\t\u2028\u3000今é\u0301🙂\x1c\x0b\"'()Dr1“”『』「」的と，"


@given(
    st.text(st.sampled_from(LETTERS)), st.sampled_from(["", "en", "zh", "xx", "zh-TW", "ja", "ko"])
)
def test_pieces_give_back_the_text(text, language):
    pieces = split(text, language)
    assert "".join(pieces) == (text if text.strip() else "")
    assert all(piece.strip() for piece in pieces)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello there. Dr. Smith went home.", ["Hello there.", " Dr. Smith went home."]),
        ("今天天气很好。我们去公园吧！好不好？", ["今天天气很好。", "我们去公园吧！", "好不好？"]),
        ("no end\nof line", ["no end", "\nof line"]),
        ("one. \n\n two. ", ["one.", " \n\n two. "]),
        (" \n", []),
        ("", []),
    ],
)
def test_known_sentences(text, expected):
    assert split(text) == expected


def test_sentences_that_a_reader_knows_are_kept():
    assert split_sentences(Document(HERE, text="a. b. c", sentences=("a. b.", "", " c"))) == [
        "a. b.",
        " c",
    ]


@pytest.mark.parametrize(
    "text", ["acgt" * 30_000, "word " * 30_000, "今天" * 30_000, "a." * 50_000, " " * 50_000 + "x"]
)
def test_sentences_without_an_end_are_cut(text):
    pieces = split(text)
    assert "".join(pieces) == text
    assert max(len(piece.strip()) for piece in pieces) <= LONGEST_CHARACTERS
    if "word" in text:
        assert {piece.strip()[-4:] for piece in pieces} == {"word"}  # between words


@pytest.mark.parametrize(
    ("text", "language"),
    [("The cat", "en"), ("今天天气很好", "zh"), ("今日は天気がいいです", "ja"), ("", "en"), ("12 !?", "en"),
    ("AI 很好用", "zh"),
     ("날씨가 좋다", "ko"), ("Он пришёл", "ru"), ("Πού είναι", "el"), ("वह गया", "en"),
     ("An article about Токио and 東京 and よ, which is in English for the most part", "en")],
)  # fmt: skip
def test_language_is_guessed_by_letters(text, language):
    assert guess_language(text) == language


# A bar where a sentence ends. By hand, after GB/T 15834-2011: a sentence is what long pauses
# surround, and what somebody says is a part of the sentence that says so.
QUOTATIONS = {
    "zh": [
        "他说：“今天天气很好。我们去公园吧。”|她走了。",
        "他说：『今天天气很好。我们去公园吧。』|她走了。",
        "“你好吗？”她问。|“我很好。”他答。",
        "“那好。”吴书记点点头说，“麻烦你。”|她走了。",
        "“这雪糕果真好吃。”人们相互议论。|“是的！”众游客不住地称赞。",
        "“好吃吗？”|“好吃。”她答道。",
        "“好。”|第二天，他们出发了。",
        "“好。”|他知道。|他走过街道。",
        "他喊道：“快跑！”，然后跑了。",
        "人们产生了“他还能走多远？”的疑问。|没有人知道。",
        "墙上写着“好不好？”“好！”等字样。|她笑了。",
        "扔出一句『瞎了眼了！』|他走了。",
        "他说：“有‘九五’规划。大家都好。”|她走了。",
        "他说：“有“九五”规划。大家都好。”|她走了。",
        '他说："你好。我走了。"|她哭了。|"好。走吧。"她说。',
        "他说：“你好。|我走了。|她哭了。",
        "好！”|他说。",
        "真的吗？！|太好了……我们走吧。|谁先动筷子？——孩子，还是老人？",
        "《谁动了我的奶酪？》很好看。|我喜欢。",
        "增长２．５％。|网址是www.example.com。|圆周率是3.14。",
        "1. 苹果。|它很好吃。",
        "他说：「你好。」|她走了。",
    ],
    "ja": [
        "「今日は良い天気ですね。」と彼は言った。|そして去った。",
        "「行こう。早く。」と彼は言った。",
        "彼は『本当？』って聞いた。|彼女は「はい。」と言った。",
        "「おはよう。」|「こんにちは。」",
        "「行こう。」|とても嬉しい。",
        "『本。』を読む。|本当？！|すごい……行こう。",
        "彼女は笑った（嬉しそうに。）そして去った。",
    ],
    "ko": [
        '그는 "가자. 빨리."라고 말했다.| 그녀는 갔다.',
        "“가자.” 하고 말했다.| 그녀는 갔다.",
    ],
}
ELSEWHERE = {
    "ar": ["ذهب الولد.| هل عاد؟| نعم!"],
    "ur": ["وہ گیا۔| کیا وہ آیا؟"],
    "hi": ["वह गया।| क्या वह आया?| हाँ।"],
    "th": ["เขาไปแล้ว ใช่ไหม?| ใช่"],
    "my": ["သူသွားတယ်။| သူမလာပြီ။"],
    "hy": ["Նա գնաց։| Նա եկավ։"],
    "am": ["እሱ ሄደ።| እሷ መጣች።"],
    "el": ["Πήγε.| Πού είναι;| Εδώ."],
    "ru": ["А. С. Пушкин родился в Москве.| И т. д."],
    "en": [
        'He said, "Go. Now."| Then he left.',
        "“Stop!” he said.| “Go.”| She left.",
        "Mr. J. R. Jones came at 3.14 p.m.| He left.",
        "See https://a.b.com/x.y?z=1.| It costs $3.50.",
    ],
}


@pytest.mark.parametrize("stated", [True, False])
def test_a_sentence_ends_where_a_reader_would_end_it(stated):
    known = [(name, text) for name, texts in (QUOTATIONS | ELSEWHERE).items() for text in texts]
    found = ["|".join(split(text.replace("|", ""), name if stated else "")) for name, text in known]
    assert found == [text for _, text in known]


@given(st.text(st.sampled_from('好吗。？，“”‘’「」『』（）说a "')), st.sampled_from(["zh", "ja"]))
def test_no_quotation_is_taken_apart(text, language):
    pieces = split(text, language)
    ends = {len("".join(pieces[:number])) for number in range(1, len(pieces))}
    for pair in ("“”", "‘’", "「」", "『』", "（）"):
        for match in re.finditer(f"{pair[0]}[^“”‘’「」『』（）]*{pair[1]}", "".join(pieces)):
            assert not ends & set(range(match.start() + 1, match.end()))


def test_version_1_is_the_library_alone():
    text = "“你好吗？”她问。他说：『好。走吧。』"
    old = split_sentences(Document(HERE, text=text, language="zh"), rules=1)
    assert old == sentencex.segment("zh", text) != split(text, "zh")
    japanese = "「行こう。」と言った。"
    old = split_sentences(Document(HERE, text=japanese), rules=1)
    assert old == sentencex.segment("en", japanese) != split(japanese)
