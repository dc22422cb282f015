#!/usr/bin/env bash
# sentencex 1.0.32, Chinese and Japanese: a quotation in “...” or 「...」 stays whole, one in 『...』 is
# ended inside, at every full stop, and its closing mark begins the next sentence.
#
# Why it surprises: 「」 and 『』 are the two levels of one pair of quotation marks in both languages,
# and the library knows the first. Newspapers use 『』 at the first level, so that half of their
# quotations come out as sentences with one mark of a pair, and nothing says so.
#
# Seen (a bar where a sentence ends):
#   zh 他说：“好。走吧。”|她走了。
#   zh 他说：「好。走吧。」|她走了。
#   zh 他说：『好。|走吧。|』她走了。
#   ja 彼は「はい。」|と言った。
#   ja 彼は『はい。|』と言った。
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q sentencex==1.0.32
PYTHONIOENCODING=utf-8 "$work/venv/bin/python" - <<'PY'
import sentencex

whole, apart = [], []
for language, text in (("zh", "他说：{}好。走吧。{}她走了。"), ("ja", "彼は{}はい。{}と言った。")):
    for marks in ("“”", "「」", "『』"):
        sentences = sentencex.segment(language, text.format(*marks))
        print(language, "|".join(sentences))
        balanced = all((marks[0] in part) == (marks[1] in part) for part in sentences)
        (whole if balanced else apart).append((language, marks))
raise SystemExit(0 if apart == [("zh", "『』"), ("ja", "『』")] else 1)
PY
