"""Random requests of `ssl generate`: each is answered as asked, or refused with a sentence and a
hint.

    python tests/faults/inputs_requests.py --cases 10000

Flags, their values, texts and files are drawn at random for tiny models that are made once: a
decoder, an encoder-decoder and an encoder, and a decoder whose directory says how to write. Values
that cannot be are among them. What is answered is held against what was asked.
"""

import json
import math
import os
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inputs_encoder_decoders import write_bart
from inputs_models import write_tiny_model
from inputs_plugins import ran
from inputs_trying import Trial, by_hand
from tallies import Tally

from sslcli.testing import tiny_tokenizer

WORDS = (
    *("the", "cat", "sees", "garden", "forest", ".", "follows", "bird", "likes", "a mouse"),
    *("[MASK]", "[SEP]", "[UNK]", "apple", "\u6c34\u679c", "x" * 40, "\n"),
)
POSITIONS = 96
FILES = {
    "texts.txt": "the cat sees\n\nthe bird follows the\n",
    "empty.txt": "",
    "blank.txt": " \n\t\n",
    "strange.txt": "caf\u00e9 \u200b\U0001f34e\n" * 3,
    "broken.txt": None,  # no UTF-8
    "records.jsonl": '{"text": "the cat"}\n{"text": "a bird sees", "id": 2}\n',
    "other.jsonl": '{"question": "the cat", "answer": "no"}\n',  # which of both?
    "torn.jsonl": '{"text": "the cat"}\n{"text": ',
}
SAID = {
    **{"do_sample": True, "top_k": 3, "max_new_tokens": 5, "repetition_penalty": 1.2},
    "eos_token_id": [3, 13],
}
Draw = Callable[[random.Random], str]


def _among(*values: object) -> Draw:
    return lambda rng: str(rng.choice(values))


# Values that can be, and those that cannot.
FLAGS: Mapping[str, tuple[Draw, Draw]] = {
    "--new-tokens": (_among(1, 2, 7, 19), _among(0, -1, "x", 10**9, 1.5, "")),
    "--temperature": (_among(0, 0.1, 1, 7.5, 1e-9), _among(-1, "nan", "inf", "hot")),
    "--top-k": (_among(1, 2, 9, 10**6), _among(0, -2, 1.5, "all")),
    "--top-p": (_among(0.1, 0.9, 1, 1e-12), _among(0, 1.1, -0.5, "nan")),
    "--min-p": (_among(0, 0.05, 1), _among(-0.1, 1.1, "nan")),
    "--typical-p": (_among(0.2, 0.95, 1), _among(0, 2, "inf")),
    "--repetition-penalty": (_among(0.5, 1, 1.3, 50), _among(0, -1, "inf", "nan")),
    "--no-repeat": (_among(0, 1, 2, 3, 50), _among(-1, 0.5)),
    "--least-new-tokens": (_among(0, 1, 5, 19), _among(-3, "few")),
    "--beams": (_among(1, 2, 4), _among(0, -4, 65, 10**7)),
    "--length-penalty": (_among(-2, 0, 0.5, 1, 2), _among(11, "-inf", "nan")),
    "--early-stopping": (_among("no", "yes", "never"), _among("maybe", "")),
    "--count": (_among(1, 2, 3), _among(0, -1, 10**6)),
    "--lookup": (_among(0, 1, 3, 10), _among(-1, "some")),
    "--stop": (_among("e", "cat", "\\n", " ", "\u6c34"), _among("")),
    "--seed": (_among(0, 1, 42), _among(-1, "seed", 2**70)),
    "--candidates": (_among(1, 3), _among(0, -1)),
    "--data": (
        _among("texts.txt", "strange.txt", "records.jsonl"),
        _among("empty.txt", "blank.txt", "broken.txt", "none.txt", ".", "other.jsonl", "torn.jsonl"),
    ),
    "--text-field": (_among("text"), _among("none", "")),
}  # fmt: skip
OF_BLANKS = ("--candidates", "--seed", "--data")
OF_GAPS = ("--beams", "--length-penalty", "--seed", "--data")
MODELS = (*("gpt", "llama", "said") * 4, *("bart", "bert") * 2, "none")


@dataclass(frozen=True)
class Asked:
    """One line. `values`: what it says; `can_be`: whether every value is one that can be."""

    words: Sequence[str]
    model: str
    text: str | None
    values: Mapping[str, str]
    can_be: bool

    def number(self, flag: str, default: float) -> float:
        return float(self.values.get(flag, default))


def draw(rng: random.Random) -> Asked:
    """One random line: mostly of values that can be."""
    model = rng.choice(MODELS)
    text = " ".join(rng.choices(WORDS, k=rng.choice((0, 1, 3, 12))))
    own = {"bert": OF_BLANKS, "bart": OF_GAPS}.get(model, [*set(FLAGS) - {"--candidates"}])
    known = sorted(FLAGS if rng.random() < 0.05 else own)
    flags = rng.sample(known, k=min(rng.choice((0, 1, 2, 3, 5, 8)), len(known)))
    if "--data" in flags and rng.random() < 0.9:
        text = None
    if "--data" not in flags and rng.random() < 0.05:
        text = None
    if model == "bert" and text is not None and rng.random() < 0.8:
        text += " [MASK]"
    values, can_be = dict[str, str](), model != "none"
    for flag in flags:
        is_bad = rng.random() < 0.08
        values[flag] = FLAGS[flag][is_bad](rng)
        can_be &= not is_bad
    words = ["generate", *([] if text is None else [text]), "--model", model, "--json"]
    words += [f"{flag}={value}" for flag, value in values.items()]
    return Asked(words, model, text, values, can_be)


def fault_of(asked: Asked, code: int, out: str, err: str) -> str:
    """Why the line did not end as it should; empty where it did."""
    if "Traceback" in err or "Traceback" in out:
        return f"a traceback: {err}"
    if code:
        said = json.loads(out.strip().splitlines()[-1]) if out.strip() else {}
        if code not in {1, 2, 3} or said.get("event") != "error" or not said.get("message"):
            return f"exit code {code} without a sentence: {out}{err}"
        return "" if said.get("hint") else f"no hint: {said}"
    artifacts = json.loads(out)["artifacts"]
    return next((fault for each in artifacts if (fault := fault_of_text(asked, each))), "")


def fault_of_text(asked: Asked, artifact: Mapping[str, Any]) -> str:
    """What of a continuation is not as it was asked for; nothing is held against a filled blank."""
    pieces, text = artifact["pieces"], artifact["text"]
    if artifact["score"] is not None and not math.isfinite(artifact["score"]):
        return f"a score of {artifact['score']}"
    if asked.model in {"bart", "bert"}:
        return ""
    prompt = artifact["details"]["prompt"].strip()
    new = text.removeprefix(prompt) if text.startswith(prompt) else ""
    if len(pieces) > asked.number("--new-tokens", 5 if asked.model == "said" else 40):
        return f"{len(pieces)} new tokens"
    if (stop := asked.values.get("--stop")) and stop.replace("\\n", "\n") in new:
        return f"{stop!r} is in {new!r}"
    if any(own > 1e-5 or not math.isfinite(own) for _, own in pieces):
        return f"log-probabilities {pieces}"
    size, own = int(asked.number("--no-repeat", 0)), [piece for piece, _ in pieces]
    grams = [tuple(own[at : at + size]) for at in range(len(own) - size + 1)] if size else []
    if len(set(grams)) < len(grams):
        return f"{size} tokens come twice: {own}"
    return ""


def sweep(cases: int) -> Tally:
    """So many lines, each twice where it was answered: the second time it says the same."""
    trial, rng, before = Trial("requests"), random.Random(0), Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        try:
            _make_models()
            for number in range(cases):
                asked = draw(rng)
                trial.attempt(
                    " ".join(map(repr, asked.words)),
                    lambda asked=asked, again=number % 10 == 0: _tried(asked, again=again),
                    wrong=str,
                )
        finally:
            os.chdir(before)
    return trial.tally


def _tried(asked: Asked, *, again: bool) -> str:
    """The fault of one line, if any."""
    code, out, err = ran(asked.words)
    if fault := fault_of(asked, code, out, err):
        return fault
    if not asked.can_be and code == 0 and _must_be_refused(asked):
        return f"answered: {out}"
    if again and not code and ran(asked.words)[1] != out:
        return "another answer to the same line"
    return ""


def _must_be_refused(asked: Asked) -> bool:
    """Whether a value that cannot be is of a flag that the model has."""
    return asked.model not in {"bart", "bert"}


def _make_models() -> None:
    for name in ("gpt", "llama", "said"):
        family = "llama" if name == "llama" else "gpt2"
        write_tiny_model(Path(name), family, longest_tokens=POSITIONS)
    Path("said/generation_config.json").write_text(json.dumps(SAID), encoding="utf-8")
    write_tiny_model(Path("bert"), "bert", longest_tokens=POSITIONS)
    write_bart(Path("bart"), tiny_tokenizer())
    for name, content in FILES.items():
        data = b"\xff\xfe\x00caf\xe9" if content is None else content.encode()
        Path(name).write_bytes(data)


if __name__ == "__main__":
    by_hand(sweep, cases=10_000, rehearsed=40)
