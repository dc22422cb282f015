"""Sentence ends at quotations in Chinese, Japanese and Korean.

A rule around the `sentencex` library, which ends a sentence behind every closing mark that has a
full stop before it (“你好吗？”|她问。), and inside the pairs of marks that it does not know
(『…』, and quotations in quotations).
"""

import re
from collections.abc import Mapping, Sequence

_PAIRS: Mapping[str, str] = dict(zip("”’」』》〉）】〕﹂﹄", "“‘「『《〈（【〔﹁﹃", strict=True))
_OPENERS = frozenset(_PAIRS.values())
_STRAIGHT = '"'  # opens and closes
_DEEPEST = 8  # quotations in quotations, or in a row, that are looked at
_ANY_MARK = re.compile(f"[{''.join(_PAIRS)}{''.join(_OPENERS)}{_STRAIGHT}]")
_TITLES, _PARENTHESES = "》〉", "）】〕"
_STOPS = "。！？!?｡．"
# Nothing begins with one of these: a comma, or the dash before the name of a speaker.
_INSIDE_A_SENTENCE = re.compile("[，、；：,;—]|―")
# A clause that ends in a verb of saying: 她问。吴书记点点头说，记者不禁赞叹一声。
_REPORTS = re.compile(
    "[^，。！？；：…—“「『\\s]{0,24}?"
    "(?:(?<![小传傳学學据據听聽])[说說]|(?<![疑学學访訪顾顧慰])[问問]|[答喊叫嚷吼]"
    "|[说說问問答喊叫笑写寫叹嘆吼喝骂罵嚷唱嘟囔]道|解释|解釋|议论|議論|强调|強調|介绍|介紹|表示|指出|补充|補充"
    "|回应|回應|感叹|感嘆|赞叹|讚嘆|称赞|稱讚|惊呼|驚呼)"
    "(?:[我你您他她它咱]们?|[着著了过過]|一[声聲句]){0,2}(?=[，。！？；：…—]|$)"
)
# What goes on with the words before a quotation that is one of them: “人是什么？”的丰富内涵.
_AFTER_A_NAME = re.compile("[“‘「『的等之来來并並而和与與或及这這那是为為作时時后後]")
# Japanese particles, and not the words that begin with the same letters (とても, でも, もう).
_PARTICLES = re.compile(
    "と(?!ても|ころ|にかく|もに|きどき)|って|など|か[らと]|まで|へ|を|が|の(?!ぞ)|"
    "は(?![いずじるな])|も(?!う)|に(?!っこ|や)|で(?!も|は|す)|や(?!が|は|っと)"
)
_KOREAN = re.compile("[\uac00-\ud7a3]| ?(?:이?라고|하고|하며)")
_DECIMALS = re.compile(r"(?<=\d[．.])\d")
_NUMBER_OF_A_LIST = re.compile("\\s*(?:\\d{1,3}|[A-Za-z])[.．)]\\s*")


def ends_of_sentences(text: str, ends: Sequence[int]) -> list[int]:
    """Those of the library's `ends` (offsets behind sentences, rising) at which a sentence does
    end.

    A quotation of several sentences stays whole. It is a part of the sentence that quotes it, as
    GB/T 15834-2011 has it, where a sentence is what long pauses surround, not what stands before
    every full stop; so the Chinese tools that know of quotations cut them (HanLP), so `sentencex`
    itself does it for English, and no sentence has a mark without its partner. A mark that has no
    partner in the text is no quotation.

    A sentence ends behind a closing mark where the quotation ends it: where a colon or a comma
    stands before the quotation (他说：“好。”|她走了。), or where the quotation begins the sentence
    and no clause follows that says who speaks (“你好吗？”她问。 is one sentence). In Japanese and
    Korean it goes on where a particle follows (「行こう。」と言った。).
    """
    openers = _openers_by_closer(text)
    inside = _inside_pairs(text, openers)
    kept, reached = [0], 0
    for end in ends:
        if end <= reached:
            continue
        reached = _behind_marks(text, end, openers)
        if reached == len(text) or inside[reached]:
            continue
        if not _goes_on(text, kept[-1], reached, openers):
            kept.append(reached)
    return kept[1:]


def _openers_by_closer(text: str) -> dict[int, int]:
    """Offset of a closing mark -> offset of its opening one, for the marks that have a partner."""
    waiting: list[int] = []
    found = {}
    for match in _ANY_MARK.finditer(text):
        mark, offset = match.group(), match.start()
        partner = "" if mark in _OPENERS else _PAIRS.get(mark, _STRAIGHT)
        del waiting[:-_DEEPEST]
        among = "".join(text[opener] for opener in waiting)
        if partner and (last := among.rfind(partner)) >= 0:
            found[offset] = waiting[last]
            del waiting[last:]
        elif mark not in _PAIRS:
            waiting.append(offset)
    return found


def _inside_pairs(text: str, openers: dict[int, int]) -> bytearray:
    """For every offset whether a boundary there would part an opening mark from its closing one."""
    inside = bytearray(len(text) + 1)
    reached = 0
    for closer, opener in sorted(openers.items(), key=lambda pair: pair[1]):
        start = max(opener + 1, reached)
        if start <= closer:
            inside[start : closer + 1] = b"\1" * (closer + 1 - start)
            reached = closer + 1
    return inside


def _behind_marks(text: str, end: int, openers: dict[int, int]) -> int:
    """The offset behind the closing marks and full stops that follow at once."""
    while end < len(text) and (text[end] in _STOPS or text[end] in _PAIRS or end in openers):
        end += 1
    return end


def _goes_on(text: str, start: int, end: int, openers: dict[int, int]) -> bool:
    """Whether the sentence from `start` goes on behind `end`."""
    if _INSIDE_A_SENTENCE.match(text, end) or _DECIMALS.match(text, end):
        return True
    if _NUMBER_OF_A_LIST.fullmatch(text, start, end):
        return True
    stop = start + len(text[start:end].rstrip())
    if stop - 1 not in openers or text[stop - 1] in _PARENTHESES:
        return False
    if text[stop - 1] in _TITLES:
        return True
    if _KOREAN.match(text, stop):
        return True
    if stop == end and (_PARTICLES.match(text, end) or text[end] == "的"):
        return True
    before = _before_quotations(text, start, stop - 1, openers)
    if not before:
        return bool(_REPORTS.match(text, end))
    is_a_name = before[-1].isalpha() and text[stop - 2] in "！？!?…"
    return is_a_name and bool(_AFTER_A_NAME.match(text, end))


def _before_quotations(text: str, start: int, closer: int, openers: dict[int, int]) -> str:
    """What the sentence has before the quotations at its end."""
    before = text[start : openers[closer]].rstrip()
    for _ in range(_DEEPEST):
        last = start + len(before) - 1
        if not before or last not in openers:
            break
        before = text[start : openers[last]].rstrip()
    return before.strip()
