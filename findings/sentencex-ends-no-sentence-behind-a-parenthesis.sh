#!/usr/bin/env bash
# sentencex 1.0.32: behind a sentence that stands in parentheses nothing ends, so that it grows
# together with the next one; behind a sentence in quotation marks one ends.
#
# Why it surprises: English sets the full stop inside the parentheses where the whole sentence stands
# there, and inside the quotation marks likewise; the library treats both as one piece, and ends a
# sentence behind the one and not behind the other.
#
# Seen (a bar where a sentence ends):
#   en He came. |(She left.) They stayed. |He ate.
#   en He came. |"She left." |They stayed. |He ate.
#   zh 他来了。|（她走了。）他们留下。|他吃了。
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q sentencex==1.0.32
PYTHONIOENCODING=utf-8 "$work/venv/bin/python" - <<'PY'
import sentencex

TEXTS = [
    ("en", "He came. (She left.) They stayed. He ate.", 3),
    ("en", 'He came. "She left." They stayed. He ate.', 4),
    ("zh", "他来了。（她走了。）他们留下。他吃了。", 3),
]
as_seen = True
for language, text, count in TEXTS:
    sentences = sentencex.segment(language, text)
    print(language, "|".join(sentences))
    as_seen &= len(sentences) == count
raise SystemExit(0 if as_seen else 1)
PY
