#!/usr/bin/env bash
# sentencex 1.0.32: "M. Dupont est venu." is cut behind "M." where the language is said to be
# French, and left whole where the same text is said to be English or German.
#
# Why it surprises: "M." is the French for "Mr.", the commonest abbreviation of French prose, and
# the library has rules for French ("p. 12" is not cut). To name the right language makes the result
# worse, so that a corpus gains a false sentence at every gentleman.
#
# Seen (a bar where a sentence ends):
#   fr M. |Dupont est venu. |Il part.
#   en M. Dupont est venu. |Il part.       (de: the same)
#   fr Voir p. 12. |Fin.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q sentencex==1.0.32
"$work/venv/bin/python" - <<'PY'
import sentencex

TEXT = "M. Dupont est venu. Il part."
cut = []
for language in ("fr", "en", "de"):
    sentences = sentencex.segment(language, TEXT)
    print(language, "|".join(sentences))
    if sentences[0].strip() == "M.":
        cut.append(language)
page = sentencex.segment("fr", "Voir p. 12. Fin.")
print("fr", "|".join(page))
raise SystemExit(0 if cut == ["fr"] and len(page) == 2 else 1)
PY
