#!/usr/bin/env bash
# sentencex 1.0.32, "sentence segmenter that supports ~300 languages": Khmer text comes back as one
# sentence, however long. Its full stop, the khan (U+17D4), ends nothing, under km or any language.
#
# Why it surprises: km is taken without a word, the full stops of the neighbours are known under any
# language (Burmese U+104B, Devanagari U+0964, Ethiopic U+1362, Armenian U+0589), and a Khmer
# document fed to anything that works by sentences is one sentence of thousands of characters.
#
# Seen (how many sentences of three): km 1, my 3, hi 3, am 3, hy 3; the same under "en".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q sentencex==1.0.32
PYTHONIOENCODING=utf-8 "$work/venv/bin/python" - <<'PY'
import sentencex

TEXTS = {
    "km": "គាត់ទៅ។ នាងមក។ ល្អណាស់។",
    "my": "သူသွားတယ်။ သူမလာပြီ။ ကောင်းတယ်။",
    "hi": "वह गया। वह आई। ठीक है।",
    "am": "እሱ ሄደ። እሷ መጣች። ጥሩ ነው።",
    "hy": "Նա գնաց։ Նա եկավ։ Լավ է։",
}
found = {}
for language, text in TEXTS.items():
    found[language] = [len(sentencex.segment(name, text)) for name in (language, "en")]
    print(language, "|".join(sentencex.segment(language, text)), found[language])
expected = {language: [1, 1] if language == "km" else [3, 3] for language in TEXTS}
raise SystemExit(0 if found == expected else 1)
PY
