"""What can be wrong with a line of `ssl evaluate --in-context` or `ssl generate --shots`, with its
files or its model, and what is answered.

Models and runs in braces, and the files that are always there, are those of
`encoder_decoder_cases`.
"""

from collections.abc import Mapping, Sequence

from encoder_decoder_cases import SENTENCES, Case, lines

LABELLED = [{"text": text, "label": ("good", "bad")[n % 2]} for n, text in enumerate(SENTENCES)]
QUESTIONS = [
    {"question": "who?", "context": text, "answers": [{"text": "dog", "answer_start": text.index("dog")}]}
    for text in SENTENCES
]  # fmt: skip
DATA = {
    "test.jsonl": lines(*LABELLED[:4]),
    "train.jsonl": lines(*LABELLED[4:12]),
    "asked.jsonl": lines(*QUESTIONS[:4]),
    "known.jsonl": lines(*QUESTIONS[4:12]),
    "to.jsonl": lines({"source": "a cat", "target": "cat"}, {"source": "a dog", "target": "dog"}),
}
EVALUATE = "evaluate sentiment --in-context --model {gpt} --data test.jsonl"
DRAWING = f"{EVALUATE} --examples train.jsonl"
ASKING = "evaluate qa --in-context --model {gpt} --data asked.jsonl --examples known.jsonl"
WRITING = "evaluate rewrite --in-context --model {gpt} --data to.jsonl --examples pairs.jsonl"
SHOTS = "generate 'the cat sees' --model {gpt} --shots train.jsonl --task sentiment"


def case(
    name: str,
    line: str,
    says: str,
    hint: str = "",
    files: Mapping[str, str] | None = None,
    reads: str = "",
    code: int = 2,
) -> Case:
    return Case(
        name,
        line,
        (says,),
        (hint,) if hint else (),
        {**DATA, **(files or {})},
        reads=reads,
        code=code,
    )


def template(text: str) -> Mapping[str, str]:
    return {"own.txt": text}


LINES: Sequence[Case] = [
    case("k below 0", f"{DRAWING} --k=-1", "numbers from 0 to 256"),
    case("k that is no number", f"{DRAWING} --k 1,x", "must be a whole number"),
    case("k that is no whole number", f"{DRAWING} --k 1.5", "must be a whole number"),
    case("k of too many", f"{DRAWING} --k 300", "numbers from 0 to 256"),
    case("k twice", f"{DRAWING} --k 1,1", "twice"),
    case("k that is empty", f"{DRAWING} --k ''", "k"),
    case("no draws", f"{DRAWING} --draws 0", "--draws"),
    case("draws in words", f"{DRAWING} --draws few", "--draws"),
    case("a seed below 0", f"{DRAWING} --seed=-1", "--seed"),
    case("scored examples", f"{EVALUATE} --examples test.jsonl", "never those that are scored"),
    case("examples that are absent", f"{EVALUATE} --examples no.jsonl", "no.jsonl"),
    case("data that is absent", f"{DRAWING} --data no.jsonl", "no.jsonl"),
    case("nothing to draw from", EVALUATE, "nothing to draw worked examples from", "--examples"),
    case("a batch size", f"{DRAWING} --batch-size 4", "--batch-size changes nothing in context"),
    case("a length of labels", f"{DRAWING} --seq-len 16", "--seq-len changes nothing in context"),
    case("a length of answers", f"{WRITING} --seq-len 16", "--seq-len changes nothing in context"),
    case("beams", f"{WRITING} --beams 2", "--beams changes nothing in context"),
    case("a stride", f"{ASKING} --stride 4", "--stride changes nothing in context"),
    case("a threshold", f"{ASKING} --no-answer-threshold 1", "changes nothing in context"),
    case("steps to a label", f"{DRAWING} --step-by-step", "those of sentiment are chosen"),
    case(
        "a task of tags",
        "evaluate pos --in-context --model {gpt} --data test.jsonl --k 0",
        "pos puts no example as a prompt",
        "tasks that do: classify",
    ),
    case(
        "a suite", "evaluate glue --in-context --model {gpt} --data test.jsonl --k 0", "glue"
    ),
    case("a task that is not there", DRAWING.replace("sentiment", "sentimental"), "sentimental"),
    case("k alone", "evaluate sentiment --model {gpt} --data test.jsonl --k 1", "--k is for an evaluation in context"),
    case(
        "a chat alone",
        "evaluate sentiment --model {gpt} --data test.jsonl --chat",
        "--chat is for an evaluation in context",
    ),
    case("a score of another task", f"{DRAWING} --min f1-0-shot=1", "there is no score 'f1-0-shot'"),
    case("a score without its k", f"{ASKING} --min f1=1", "there is no score 'f1'"),
    case("a model that is absent", DRAWING.replace("{gpt}", "nowhere"), "nowhere"),
    case("an answer of no token", f"{ASKING} --longest-answer 0", "--longest-answer"),
]  # fmt: skip
TEMPLATES: Sequence[Case] = [
    case(f"a template {name}", f"{line} --template own.txt", says, files=template(text), reads="data")
    for name, line, text, says in (
        ("without a label", DRAWING, "{text}", "does not end an example with {label}"),
        ("that is empty", DRAWING, "", "does not end an example with {label}"),
        ("that goes on", DRAWING, "{text} {label}!", "does not end an example with {label}"),
        ("with another name", DRAWING, "{txt} {label}", "names {txt}, which no example has"),
        ("without a text", DRAWING, "Say {label}", "shows nothing of an example"),
        ("with half a word", DRAWING, "{text} {label}\n---\ngood\n", "no word in the line 'good'"),
        ("with two words", DRAWING, "{text} {label}\n---\na = b\na = c\n", "two words for 'a'"),
        ("of four parts", DRAWING, "{text} {label}\n---\n---\n---\n", "4 parts"),
        ("of labels for answers", ASKING, "{question} {label}", "with {answer}"),
        ("of answers for targets", WRITING, "{source} {answer}", "with {target}"),
        ("of another task", ASKING, "{text}: {answer}", "names {text}, which no example has"),
    )
] + [
    case("a template that is absent", f"{DRAWING} --template no.txt", "no.txt"),
    case("a template that is a folder", f"{DRAWING} --template .", ". is a folder, not a file"),
]  # fmt: skip
FILES: Sequence[Case] = [
    case(f"data: {name}", line, says, hint, files, reads="data")
    for name, line, says, hint, files in (
        ("more k than examples", f"{DRAWING} --k 0,9", "9 worked examples are asked for, and there are 8 examples", "smaller --k", {}),
        ("more k than questions", f"{ASKING} --k 100", "100 worked examples are asked for", "smaller --k", {}),
        ("examples that are all scored", f"{EVALUATE} --examples same.jsonl --k 1", "there are 0 examples", "", {"same.jsonl": DATA["test.jsonl"]}),
        ("a word for no label", f"{DRAWING} --template own.txt", "a word for 'fine', which is no label", "", template("{text} {label}\n---\nfine = x\n")),
        ("a word for no answer at all", f"{ASKING} --template own.txt", "a word for 'none', which is no label", "no answer", template("{question} {answer}\n---\nnone = x\n")),
        ("one word for both labels", f"{DRAWING} --template own.txt", "both written 'bad'", "", template("{text} {label}\n---\ngood = bad\n")),
        ("one label", f"{DRAWING}", "label", "", {"train.jsonl": lines(*LABELLED[4:12:2])}),
        ("numbers", f"{EVALUATE} --k 0", "the answer is no one of several classes", "one class", {"test.jsonl": lines(*({"text": "a", "label": n / 8} for n in range(1, 6)))}),
        ("a label that no example has", DRAWING, "no training example has the label 'ugly'", "bad", {"test.jsonl": lines({"text": "a cat", "label": "ugly"})}),
        ("an empty file of examples", DRAWING, "train.jsonl", "", {"train.jsonl": ""}),
        ("an empty file", DRAWING, "test.jsonl", "", {"test.jsonl": "\n"}),
        ("examples without labels", DRAWING, "there is no answer", "", {"train.jsonl": lines({"text": "a"}, {"text": "b"})}),
        ("data without labels", DRAWING, "there is no answer", "", {"test.jsonl": lines({"text": "a"}, {"text": "b"})}),
        ("an empty source", WRITING, "to.jsonl, record 1", "", {"to.jsonl": lines({"source": "", "target": "a"})}),
        ("no target", WRITING, "to.jsonl, record 1", "", {"to.jsonl": lines({"source": "a", "target": None})}),
        ("an offset that is wrong", ASKING, "answer_start", "", {"asked.jsonl": lines({**QUESTIONS[0], "answers": [{"text": "dog", "answer_start": 0}]})}),
        ("half a record", DRAWING, "train.jsonl, record 2", "", {"train.jsonl": '{"text": "a", "label": "b"}\n{"text": '}),
    )
]  # fmt: skip
MODELS: Sequence[Case] = [
    case(f"model: {name}", line, says, hint, reads="data model")
    for name, line, says, hint in (
        ("an encoder", DRAWING.replace("{gpt}", "{bert}"), "is an encoder, and prompts are for a decoder", "clm"),
        ("an encoder that writes", ASKING.replace("{gpt}", "{bert}"), "is an encoder", "clm"),
        ("an encoder-decoder that writes", WRITING.replace("{gpt}", "{bart}"), "is an encoder-decoder", "ssl finetune rewrite"),
        ("an encoder-decoder in a chat", DRAWING.replace("{gpt}", "{bart}") + " --chat", "conversations are for a decoder", "--chat"),
        ("answers as long as its sequences", f"{WRITING} --max-length 4k", "leave no room for a prompt", "shorter answers"),
        ("steps as long as its sequences", f"{ASKING} --step-by-step --longest-answer 1000", "leave no room for a prompt", ""),
    )
]  # fmt: skip
BY_HAND: Sequence[Case] = [
    case(f"shots: {name}", line, says, hint, files, reads=reads)
    for name, line, says, hint, files, reads in (
        ("k without them", "generate 'a' --model {gpt} --k 2", "--k is for worked examples", "--shots", {}, ""),
        ("a task without them", "generate 'a' --model {gpt} --task qa", "--task is for worked examples", "--shots", {}, ""),
        ("a template without them", "generate 'a' --model {gpt} --template own.txt", "--template is for", "", {}, ""),
        ("a prompt without them", "generate 'a' --model {gpt} --show-prompt", "--show-prompt is for", "", {}, ""),
        ("no task", "generate 'a' --model {gpt} --shots train.jsonl", "what task the examples of train.jsonl are for", "--task, one of classify", {}, ""),
        ("a task that is not there", SHOTS.replace("sentiment", "feeling"), "feeling", "", {}, ""),
        ("a task of tags", SHOTS.replace("sentiment", "pos"), "pos puts no example as a prompt", "", {}, ""),
        ("a file that is absent", SHOTS.replace("train", "no"), "no.jsonl", "", {}, ""),
        ("k below 0", f"{SHOTS} --k=-1", "--k", "", {}, ""),
        ("k of too many", f"{SHOTS} --k 300", "--k", "", {}, ""),
        ("k in words", f"{SHOTS} --k four", "--k", "", {}, ""),
        ("a template without a label", f"{SHOTS} --template own.txt", "does not end", "", template("{text}"), "data"),
        ("steps to a label", f"{SHOTS} --step-by-step", "are chosen", "", {}, ""),
        ("no text", SHOTS.replace("'the cat sees' ", ""), "text", "", {}, ""),
        ("a text and a file", f"{SHOTS} --data corpus.txt", "there is a text and --data", "", {}, ""),
        ("a file that is asked", "generate --model {gpt} --shots train.jsonl --task sentiment --data train.jsonl", "never those that are asked", "", {}, ""),
        ("a model of blanks", SHOTS.replace("{gpt}", "{masked}"), "a model that continues texts", "decoder", {}, ""),
        ("a model that restores", SHOTS.replace("{gpt}", "{denoised}"), "a model that continues texts", "decoder", {}, ""),
        ("a directory that restores", SHOTS.replace("{gpt}", "{bart}"), "continues no text", "decoder", {}, "data model"),
        ("a directory of blanks", SHOTS.replace("{gpt}", "{bert}"), "continues no text", "decoder", {}, "data model"),
        ("a directory of blanks in a chat", SHOTS.replace("{gpt}", "{bert}") + " --chat", "continues no text", "decoder", {}, "data model"),
        ("a prompt beyond the positions", SHOTS, "leave no room for a prompt", "ask for shorter answers", {}, "data model"),
        ("no text in a chat", SHOTS.replace("'the cat sees'", "--chat"), "there is no text behind the worked examples", "", {}, ""),
        ("more k than examples", f"{SHOTS} --k 9", "9 worked examples are asked for", "smaller --k", {}, "data"),
        ("a question without its passage", "generate 'who?' --model {gpt} --shots known.jsonl --task qa", "qa takes 2 texts: question and context", r"\t", {}, ""),
        ("an empty file", SHOTS, "train.jsonl", "", {"train.jsonl": ""}, "data"),
        ("a file without labels", SHOTS, "there is no answer", "", {"train.jsonl": lines({"text": "a"})}, "data"),
        ("a file of another task", SHOTS.replace("sentiment", "qa").replace("sees'", r"sees\tit'"), "train.jsonl", "", {}, "data"),
    )
]  # fmt: skip
CASES = [*LINES, *TEMPLATES, *FILES, *MODELS, *BY_HAND]
