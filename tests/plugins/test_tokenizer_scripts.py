"""Text of many scripts through every kind of tokenizer: what decoding gives back, or the loss by
name.
"""

import re
import unicodedata
from collections import Counter
from functools import cache

import pytest

from sslcli import registry
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.data.text.normalization import characters_in
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.tokenized import shards_for, tokenize

TEXTS = {
    "Latin": "Les élèves naïfs ont déjà dîné à l’hôtel. Ça va? Ñandú, Łódź, œuvre.",
    "Vietnamese": "Tôi yêu tiếng Việt, ngôn ngữ đẹp nhất của đất nước chúng tôi.",
    "Turkish": "İstanbul'da ılık bir akşam, IŞIK ve ışık. Çiğdem güldü.",
    "German": "Die Straße ist groß, süß und weiß. Ärzte üben Öl.",
    "Cyrillic": "Ёжик и йод: съешь ещё этих мягких булок. Її Ўсё.",
    "Greek": "Ο Οδυσσέας ταΐζει τα ζώα, πού είναι; Ἐν ἀρχῇ ἦν ὁ λόγος.",
    "Arabic": "بِسْمِ اللَّهِ الرَّحْمَنِ. ذَهَبَ الْوَلَدُ، هل عاد؟",
    "Persian": "می\u200cخواهم کتاب\u200cها را بخوانم.",
    "Hebrew": "בְּרֵאשִׁית בָּרָא אֱלֹהִים אֵת הַשָּׁמַיִם.",
    "Devanagari": "मैं हिन्दी में लिखता हूँ। क़लम ज़रूर क्या? श्री",
    "Bengali": "আমি বাংলায় গান গাই। বাংলা আমার জীবনানন্দ, ড়াঢ়া য়।",
    "Tamil": "நான் தமிழில் எழுதுகிறேன். கொண்டு போ.",
    "Telugu": "నేను తెలుగులో రాస్తున్నాను. క్షమించండి.",
    "Thai": "ผมเขียนภาษาไทยได้ น้ำตาลและเกลือ กำลังทำงาน",
    "Lao": "ຂ້ອຍຂຽນພາສາລາວ ນ້ຳ ຈຳນວນ",
    "Khmer": "ខ្ញុំសរសេរភាសាខ្មែរ។ អរគុណ\u200bច្រើន",
    "Burmese": "ကျွန်တော် မြန်မာလို ရေးတယ်။ ကျေးဇူး",
    "Georgian": "მე ვწერ ქართულად. საქართველო ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ",
    "Armenian": "Ես գրում եմ հայերեն։ և Երևան, բարեւ",
    "Amharic": "እኔ በአማርኛ እጽፋለሁ። ሰላም፣ ነው፧",
    "Hangul": "나는 한국어로 글을 쓴다. 값이 없다, 뷁!",
    "Japanese": "私は日本語で書きます。ガラスとパンがプールにある。ｶﾞﾗｽ ㍿ か\u3099",
    "Simplified": "我用中文写作，包括生僻字：𠮷野家、龘、㐂。２０２６年！",
    "Traditional": "我用繁體中文寫作，「龍」與鬱鬱蔥蔥；裏裡 台灣臺灣。兀﨑",
}
ENGLISH = "The cat sees the dog in the garden, and Mr. Smith is at home again. "
KINDS = ("wordpiece", "bpe", "unigram", "words")


@cache
def trained(kind, **options):
    cls = registry.load("tokenizers", kind)
    return Tokenizer(cls(cls.Options(**options)).train(list(TEXTS.values()) * 5, 1_500))


def invisible(character):
    return unicodedata.category(character) == "Cf"


def without_blanks(text):
    return "".join(text.split())


# What each kind is known to lose; nothing else may be lost. White space is written anew by those
# that cut at it: BERT's pieces know no space, only the words between.
EXPECTED = {
    "bpe": lambda text: text,
    "unigram": lambda text: unicodedata.normalize("NFKC", text),
    "wordpiece": lambda text: without_blanks("".join(c.lower() for c in text if not invisible(c))),
    "words": lambda text: without_blanks("".join(c.lower() for c in text if not invisible(c))),
}


@pytest.mark.parametrize("script", TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_decoding_gives_back_the_text_but_for_the_losses_of_the_kind(kind, script):
    text, tokenizer = TEXTS[script], trained(kind)
    ids = tokenizer.encode(text)
    decoded = tokenizer.decode(ids)
    assert tokenizer.unknown is None or tokenizer.unknown not in ids
    found = decoded if kind in ("bpe", "unigram") else without_blanks(decoded)
    assert found == EXPECTED[kind](text)


@pytest.mark.parametrize("script", TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_is_named_where_there_is_one(kind, script):
    text, tokenizer = TEXTS[script], trained(kind)
    kept = without_blanks(text)
    found = without_blanks(tokenizer.decode(tokenizer.encode(text)))
    said = "; ".join(tokenizer.changes(characters_in(text), len(text)))
    assert bool(said) == (found != kept) or said == "composes letters and marks (NFC)"
    lowered = any(c != c.lower() and c not in found for c in kept)
    assert ("lower-cases" in said) == lowered
    assert ("drops" in said) == any(invisible(c) and c not in found for c in kept)
    assert "strips" not in said
    assert ("NFKC" in said) == (kind == "unigram" and unicodedata.normalize("NFC", kept) != found)


@pytest.mark.parametrize("script", TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_places_cover_what_is_read_and_join_to_the_text(kind, script):
    text, tokenizer = TEXTS[script], trained(kind)
    ((ids, places),) = tokenizer.encode_with_places([text])
    assert ids.tolist() == tokenizer.encode(text).tolist()
    covered = {character for start, stop in places for character in range(start, stop)}
    left = [c for n, c in enumerate(text) if n not in covered and not c.isspace()]
    assert all(map(invisible, left))
    for token, (start, stop) in zip(ids.tolist(), places.tolist(), strict=True):
        piece = tokenizer.pieces([token])[0].removeprefix("##").lstrip("\u2581")
        if kind in ("wordpiece", "words"):
            read = "".join(c.lower() for c in text[start:stop] if not invisible(c))
            assert piece == read


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ("Hangul", "takes letters apart: 다 as ᄃ+ᅡ"),
        ("Japanese", "ガ as カ"),
        ("Latin", "é as e"),
        ("Thai", "strips accents and marks: ◌้"),
        ("Devanagari", "strips accents and marks: ◌्"),
        ("Tamil", "takes letters apart: ◌ொ as ◌ெ+◌ா"),
        ("Vietnamese", "ấ as a"),
    ],
)
def test_an_explicit_flag_wins_and_what_it_strips_is_named(script, named):
    text, tokenizer = TEXTS[script], trained("wordpiece", strip_accents=True)
    assert named in "; ".join(tokenizer.changes(characters_in(text), len(text)))
    parts = unicodedata.normalize("NFD", text)
    bare = "".join(c for c in parts if unicodedata.category(c) != "Mn").lower()
    assert without_blanks(tokenizer.decode(tokenizer.encode(text))) == without_blanks(bare)


def test_english_keeps_the_vocabulary_of_the_uncased_rule():
    cls = registry.load("tokenizers", "wordpiece")
    texts = [ENGLISH * 200, "A few names: Łódź, 서울, が, Émile. " + ENGLISH * 200]
    by_default, uncased = (
        Tokenizer(cls(cls.Options(**options)).train(texts, 200))
        for options in ({}, {"lowercase": True, "strip_accents": True})
    )
    assert by_default.hash == uncased.hash
    text = "CAFÉ Émile 서울"
    assert by_default.encode(text).tolist() == uncased.encode(text).tolist()


@pytest.mark.parametrize("script", ["Latin", "Hangul", "Japanese", "Thai", "Hebrew"])
def test_accents_are_kept_where_a_hundredth_of_the_text_is_in_such_a_script(script):
    cls = registry.load("tokenizers", "wordpiece")
    texts = [ENGLISH * 60, TEXTS[script]]
    share = len(TEXTS[script]) / sum(map(len, texts))
    assert 0.005 < share < 0.02
    tokenizer = Tokenizer(cls(cls.Options()).train(texts, 400))
    found = without_blanks(tokenizer.decode(tokenizer.encode(TEXTS[script])))
    assert found == EXPECTED["wordpiece"](TEXTS[script]) or "[UNK]" in found
    assert "strips" not in "".join(tokenizer.changes(characters_in(TEXTS[script]), 100))


def test_cased_text_keeps_its_accents():
    tokenizer = trained("wordpiece", lowercase=False)
    for text in TEXTS.values():
        found = without_blanks(tokenizer.decode(tokenizer.encode(text)))
        assert found == without_blanks("".join(c for c in text if not invisible(c)))


def test_the_choice_is_the_same_again_and_is_kept_by_what_goes_on(tmp_path):
    corpus, settings = tmp_path / "ko.txt", TokenizerSettings(vocabulary=200)
    corpus.write_text(f"{TEXTS['Hangul']}\n" * 50)
    data = DataSettings(train=(str(corpus),))
    first, second = (shards_for(data, settings, tmp_path / name) for name in "ab")
    assert first.fingerprint == second.fingerprint
    assert first.tokenizer.decode(first.tokenizer.encode("한국어")) == "한국어"
    assert not first.notes[:-1]  # but for the lines that come again
    strips = TokenizerSettings(vocabulary=200, options={"strip_accents": True})
    older = shards_for(data, strips, tmp_path / "c")
    assert re.match(r"the tokenizer takes letters apart: .* as ᄂ\+", older.notes[0])
    changes = older.notes[0].removeprefix("the tokenizer ")
    assert ("changes to the text", changes) in older.report.tables[0].rows
    learnt = older.folder / "tokenizer"  # as a run keeps it
    again = shards_for(data, settings, tmp_path / "d", learnt=learnt)
    assert again.fingerprint == older.fingerprint


def test_the_share_of_unknown_tokens_is_said_above_one_in_two_hundred(tmp_path):
    corpus = tmp_path / "zh.txt"
    corpus.write_text("今天天气很好，我们去公园吧。\n" * 30 + "龘𠮷㐂\n")
    data = DataSettings(train=(str(corpus),))
    options = {"minimum_frequency": 1, "alphabet": 13}
    few = tokenize(data, TokenizerSettings(vocabulary=60, options=options), tmp_path / "few")
    share = 3 / (30 * 14 + 3)
    counted = Counter(few.tokenizer.encode(corpus.read_text()).tolist())
    assert counted[few.tokenizer.unknown] / counted.total() == pytest.approx(share)
    assert any(f"{share:.1%} of the tokens are unknown" in note for note in few.notes)
    all_known = tokenize(data, TokenizerSettings(vocabulary=60), tmp_path / "all")
    assert not any("unknown" in note for note in all_known.notes)


@pytest.mark.parametrize("script", ["Thai", "Lao", "Khmer", "Burmese", "DNA"])
def test_phrases_without_spaces_are_cut_however_long_they_are(script):
    phrase = (
        "acgtaccatg" if script == "DNA" else without_blanks(TEXTS[script].replace("\u200b", ""))
    )
    text = (phrase * 12)[:311]
    cls = registry.load("tokenizers", "wordpiece")
    tokenizer = Tokenizer(cls(cls.Options()).train([f"{text} {phrase} {text}"] * 3, 300))
    ((ids, places),) = tokenizer.encode_with_places([text])
    assert tokenizer.unknown not in ids
    assert "".join(text[start:stop] for start, stop in places) == text
    assert without_blanks(tokenizer.decode(ids)) == text.lower()
    firsts = [text[start] for start, _ in places]
    begins = [c for c, token in zip(firsts, ids, strict=True) if not tokenizer.continues[token]]
    assert not any(unicodedata.category(c).startswith("M") for c in begins)
