"""Lines as they are mistyped, and the line that each is answered with: without torch, without
reading data, with exit code 2.
"""

import json
import os
import shlex
import subprocess
import sys

import pytest

from sslcli.models.line_checks import may_have_gpus

# The line, and what the answer must hold: the right line or the right name, not merely a pointer to
# --help.
MISTYPED = [
    ("--objective mlm pretrain", "ssl pretrain --objective mlm"),
    ("--lr 3 pretrain", "ssl pretrain --lr 3"),
    ("--data squad.json finetune qa", "ssl finetune qa --data squad.json"),
    ("pretrain corpus.txt", "ssl pretrain --data corpus.txt"),
    ("pretrain a.txt b.txt --lr 1e-3", "ssl pretrain --data a.txt --data b.txt --lr 1e-3"),
    ("pretrain mlm", "ssl pretrain --objective mlm"),
    ("pretrain BERT --lr 1", "ssl pretrain --objective mlm --lr 1"),
    ("pretrain objective mlm", "ssl pretrain --objective mlm"),
    ("tokenize corpus.txt", "ssl tokenize --data corpus.txt"),
    ("finetune squad.json", "ssl finetune qa --data squad.json"),
    ("finetune en_ewt.conllu", "ssl finetune pos --data en_ewt.conllu"),
    ("finetune mnli/train.tsv", "ssl finetune nli --data mnli/train.tsv"),
    ("finetune SQuAD", "ssl finetune qa"),
    ("finetune ner", "ssl finetune tag"),
    ("finetune sentimnt", "did you mean 'sentiment'"),
    ("evaluate dev.json", "ssl evaluate qa --data dev.json"),
    ("predict squad.json", "ssl predict qa --data squad.json"),
    ("probe apple", "ssl probe similarity apple"),
    ("probe similarty apple", "did you mean 'similarity'"),
    ("pretrain --objective bert", "--objective mlm"),
    ("pretrain --objective gpt", "--objective clm"),
    ("pretrain --objective gpt2", "--objective clm"),
    ("pretrain --objective roberta", "--objective mlm"),
    ("pretrain --objective MLM", "--objective mlm"),
    ("pretrain --objective albert", "--objective mlm+sop"),
    ("pretrain --objective roberta+nsp", "--objective mlm+nsp"),
    ("pretrain --objective mml", "did you mean 'mlm'"),
    ("pretrain --objective mlm,nsp", "joined with +: --objective mlm+nsp"),
    ("pretrain --objective t5", "use --objective denoise --noise spans"),
    ("pretrain --objective mbart", "use --objective bart"),
    ("finetune summarization", "ssl finetune rewrite"),
    ("pretrain -s objective=gan", "what gan learns is not there"),
    ("pretrain --objective vqvae", "--objective vq"),
    ("pretrain -objective mlm", "use --objective"),
    ("pretrain -objective=mlm", "use --objective"),
    ("pretrain -learning_rate 3", "use --lr"),
    ("finetune qa -data squad.json", "use --data"),
    ("pretrain --batch 8", "use --batch-size"),
    ("pretrain --batchsize 8", "use --batch-size"),
    ("pretrain --learning_rate 3", "use --lr"),
    ("pretrain --mask-rat 0.3", "use --mask-rate"),
    ("finetune qa --strides 64", "use --stride"),
    ("probe similarity --wrod apple", "use --word"),
    ("delete first", "ssl runs delete first"),
    ("runs rm first", "ssl runs delete first"),
    ("download bert", "ssl fetch bert"),
    ("push bert", "nothing is sent to a network"),
    ("pretrain --data https://example.org/a.txt", "download it, and give the path"),
    ("finetune qa --data https://example.org/squad.json", "download it, and give the path"),
    ("pretrain --model bert-base-uncased", "ssl fetch hf:bert-base-uncased"),
    ("finetune qa --model google-bert/bert-base-cased", "ssl fetch hf:google-bert/bert-base-cased"),
    ("finetune qa --model https://huggingface.co/bert", "ssl fetch hf:ORG/NAME"),
    ("probe alignment --model xlm-roberta-base", "ssl fetch hf:xlm-roberta-base"),
    ("export gpt2 out", "ssl fetch hf:gpt2"),
    ("train --objective mlm", "ssl pretrain --objective mlm"),
    ("fine-tune qa --data squad.json", "ssl finetune qa --data squad.json"),
    ("eval qa --data dev.json", "ssl evaluate qa --data dev.json"),
    ("qa --data squad.json", "ssl finetune qa --data squad.json"),
    ("qa finetune --data squad.json", "ssl finetune qa --data squad.json"),
    ("similarity apple", "ssl probe similarity apple"),
    ("mlm --lr 1", "ssl pretrain --objective mlm --lr 1"),
    ("corpus.txt", "ssl pretrain --data corpus.txt"),
    ("pretian", "did you mean 'ssl pretrain'"),
    ("ls", "ssl runs list"),
    ("probe", "ssl probe similarity apple"),
    ("evaluate", "ssl evaluate qa --data dev.json"),
    ("runs shw", "did you mean 'ssl runs show'"),
    ("runs @latest", "ssl runs show @latest"),
    ("plugins objective", "ssl plugins list objectives"),
    ("pretrain --optimizer adam", "did you mean 'adamw'"),
    ("pretrain --arch tinny", "did you mean 'tiny'"),
    ("pretrain --arch bertt", "did you mean 'bert-base'?  there are tiny, mini"),
    ("pretrain --precision fp23", "did you mean 'fp32'"),
    ("pretrain --device cudaa", "did you mean 'cuda'"),
    ("pretrain --parallel fdsp", "did you mean 'fsdp'"),
    ("pretrain --train heads", "did you mean 'head'"),
    ("pretrain --scheduler cosin", "did you mean 'cosine'"),
    ("finetune qa --init pretraind", "did you mean 'pretrained'?  there are pretrained, random"),
    ("translate-shift --shift men apple", "did you mean 'mean'?  there are centred, mean"),
    ("plugins list objctive", "did you mean 'objectives'?  there are objectives, tasks"),
    ("translate-shift --from en --to en apple", "--from and --to are both 'en'"),
]
# Values that no setting can have, and settings that there are not.
IMPOSSIBLE = [
    ("pretrain --lr -1", "must be greater than 0"),
    ("pretrain -s foo=1", "there is no setting 'foo'"),
    ("pretrain -s optimizer=3", "must be a group of settings"),
    ("pretrain --max-time 3x", "must be a time"),
    ("pretrain --gpus foo", "not 'foo'"),
    ("pretrain --seed x", "--seed"),
    ("pretrain -s training", "is not KEY=VALUE"),
    ("finetune qa --batch-size 0", "must be greater than 0"),
    ("finetune qa --seeds x", "--seeds must be a whole number"),
    ("evaluate qa --batch-size 0", "must be greater than 0"),
    ("evaluate qa --min f1", "--min must be a score and a number"),
    ("predict qa --limit x", "--limit"),
    ("pretrain --objective bart --span-mean 0", "must be greater than or equal to 1, not '0'"),
    ("pretrain --objective denoise --language-codes maybe", "must be 'auto', 'yes' or 'no'"),
    ("pretrain --objective bart --noise maks", "there is no noise 'maks'; did you mean 'mask'?"),
    ("pretrain --objective bart --noise infill=2", "must be above 0 and at most 1, not 2"),
    ("pretrain --objective denoise --noise spans=1", "leaves nothing; use a share below 1"),
    ("pretrain -s data.train=[]", "there is no data to train on"),
    ("finetune qa -s data.train=[]", "there is no data to train on"),
    ("tokenize --vocabulary -3", "must be greater than 5"),
    ("probe similarity apple --per-sense 0", "must be greater than 1"),
    ("translate-shift apple --top 0", "must be greater than 0"),
    ("pretrain -c none.yaml", "there is no file none.yaml\nhint:  check the path, which begins in"),
    ("finetune qa -c none.toml", "there is no file none.toml\nhint:  check the path"),
    ("pretrain --tokenizer-from none", "there is no run, folder or tokenizer.json 'none'"),
    ("tokenize --show a --tokenizer-from none", "there is no run, folder or tokenizer.json 'none'"),
    ("pretrain --tokenizer-from none.json", "there is no file or folder none.json"),
    ("pretrain --tokenizer-from a/b", "there is no file or folder a/b"),
    ("pretrain --tokenizer-from .", ". holds no tokenizer.json"),
    ("compare a", "there is no run 'a'"),
]
# Data that is not there, whoever is to read it: one sentence, and one hint.
MISSING = [
    (line, "error: there is no file or folder none.txt\nhint:  check the path, which begins in /")
    for line in (
        "pretrain --data none.txt",
        "pretrain --data en=none.txt",
        "tokenize --data none.txt",
        "finetune qa --data none.txt",
        "finetune sentiment --eval-data none.txt",
        "finetune sentiment --test-data none.txt",
        "evaluate qa --data none.txt",
        "predict qa --data none.txt",
        "probe layers --data none.txt",
        "probe similarity apple --sentences none.txt",
        "probe projection --pairs none.txt",
        "probe alignment --pairs en=none.txt --pairs zh=none.txt",
        "translate-shift apple --data en=none.txt",
        "translate-shift --evaluate none.txt",
        "translate-shift --load none.txt apple",
    )
]
# What contradicts itself, and cannot be done whatever the data is.
CONTRADICTING = [
    ("pretrain --objective mlm+clm", "mlm and clm need different kinds of Transformer"),
    ("pretrain --objective nsp+sop", "nsp and sop both arrange the data"),
    ("pretrain --objective mlm+mlm", "is not an objective"),
    (
        "pretrain --objective clm --arch bert-base",
        "this needs a decoder, and preset 'bert-base' is an encoder",
    ),
    ("pretrain --max-steps 10 --epochs 1", "give max_steps or epochs, not both"),
    ("pretrain --resume --overwrite", "--resume and --overwrite contradict each other"),
    ("pretrain --dry-run --show-batch", "contradict each other"),
    ("pretrain --out a --name b", "--out and --name contradict each other"),
    ("pretrain --model models --arch tiny", "--model and --arch contradict each other"),
    ("pretrain --tokenizer-from models --vocabulary 8k", "contradict each other"),
    ("pretrain --quiet --verbose", "--quiet and --verbose contradict each other"),
    ("pretrain --train head", "a new one knows nothing"),
    ("pretrain --gpus 2 --device cuda:1", "is one GPU"),
    (
        "pretrain --gpus 2 --device cpu --parallel fsdp --optimizer muon",
        "Muon needs whole matrices, and FSDP shards them",
    ),
    ("finetune qa --check --dry-run", "--dry-run and --check contradict each other"),
    ("finetune qa --gpus 2 --seeds 3", "not started in several processes"),
    ("probe embryology runs/a --model runs/b", "are two models"),
    ("export runs/a out --base b", "--base is for adapters"),
]
# What a machine without GPUs cannot do.
WITHOUT_GPU = [
    (line, "there is no CUDA GPU here")
    for line in ("pretrain --gpus 8", "pretrain --gpus 1", "finetune qa --gpus all")
    if not may_have_gpus()
]
LINES = [*MISTYPED, *CONTRADICTING, *IMPOSSIBLE, *MISSING, *WITHOUT_GPU]
CHILD = """
import json, shlex, sys
from sslcli.cli.app import run
for line in sys.stdin.read().splitlines():
    before = sys.stderr
    import io
    sys.stderr = io.StringIO()
    code = run(shlex.split(line))
    said, sys.stderr = sys.stderr.getvalue(), before
    heavy = [name for name in ("torch", "numpy", "sslplugins", "matplotlib", "sklearn") if name in sys.modules]
    print(json.dumps([line, code, said, heavy]), file=before)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Line -> exit code, what was said, and what heavy was imported up to then, of one process that
    runs no line to its end.
    """
    lines = "\n".join(line for line, _ in LINES)
    home = tmp_path_factory.mktemp("home")
    environment = {
        **os.environ,
        "SSLCLI_RUNS_DIR": "runs",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    ended = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=lines,
        capture_output=True,
        text=True,
        cwd=home,
        env=environment,
        check=True,
    )
    assert ended.stdout == ""
    assert not list(home.iterdir())
    return {line: rest for line, *rest in map(json.loads, ended.stderr.splitlines())}


@pytest.mark.parametrize(
    ("line", "answer"),
    LINES,
    ids=lambda text: text[:40],
)
def test_a_mistyped_line_is_answered_with_the_right_one(answers, line, answer):
    code, said, heavy = answers[line]
    assert (code, heavy) == (2, [])
    assert answer in said
    assert said.startswith("error: ")
    assert "\nhint:  " in said


def test_there_are_sixty_of_them():
    assert len({line for line, _ in MISTYPED}) >= 60


@pytest.mark.parametrize(
    "line", ["zzzz", "-x", "pretrain --zzzzzz 1", "runs zzzz", "pretrain zzzz"]
)
def test_where_nothing_is_near_nothing_is_suggested(ssl, line):
    said = ssl(*shlex.split(line)).err
    assert "did you mean" not in said
    assert "use --" not in said
    assert "lists the" in said or "has: " in said


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("pretrain -sobjective=mlm --data none.txt", "no file or folder none.txt"),
        ("pretrain -straining.batch_size=3 --data none.txt", "no file or folder none.txt"),
        ("probe similarity apple -mmodels", "there is no run 'models'"),
        ("generate -mmodels", "there is no run 'models'"),
        ("generate -model model-x", "there is no run 'model-x'"),
        ("probe similarity apple -models x", "use --model"),
    ],
)
def test_a_value_may_follow_a_short_flag_without_a_space(ssl, line, answer):
    assert answer in ssl(*shlex.split(line)).err


@pytest.mark.parametrize("line", ["pretrain --help", "runs --help", "plugins list --help"])
def test_help_may_be_asked_for_as_a_command(ssl, line):
    words = shlex.split(line)
    assert ssl("help", *words[:-1]).out == ssl(*words).out
    assert ssl("help").out == ssl("--help").out


@pytest.mark.parametrize(
    "words",
    [["--alpha", "0", "--alpha", "1"], ["--alpha", "0,1"], ["--alpha=0", "--alpha", "1"]],
    ids=lambda words: " ".join(words),
)
def test_a_list_that_is_said_in_parts_adds_up(ssl, monkeypatch, words):
    seen = []
    monkeypatch.setattr(
        "sslcli.cli.line_checks.check_translate_shift_line",
        lambda command, given: seen.append(given["alpha"]),
    )
    monkeypatch.setattr(
        "sslcli.cli.actions.shifting.translate_shift_action", lambda command, given, screen: 0
    )
    assert ssl("translate-shift", "apple", *words).code == 0
    assert seen == ["0,1"]


COMPLETIONS = [
    ("ssl pretrain --objective ml", ["mlm"]),
    ("ssl pretrain --objective mlm+", ["mlm+nsp", "mlm+sop"]),
    ("ssl pretrain --mask", ["--mask-rate", "--mask-share"]),
    ("ssl pretrain --objective clm --mask", []),
    ("ssl pretrain --objective nobody --lr", ["--lr"]),
    ("ssl pretrain --optimizer ", ["adamw", "muon"]),
    ("ssl pretrain --arch mi", ["mini"]),
    ("ssl pretrain --model f", ["first"]),
    ("ssl pretrain --data c", []),
    ("ssl finetune s", ["sentiment"]),
    ("ssl finetune qa --stri", ["--stride", "--strict-official"]),
    ("ssl probe sim", ["similarity"]),
    ("ssl probe similarity --wo", ["--word"]),
    ("ssl generate --model @latest:", ["@latest:mlm"]),
    ("ssl runs show fi", ["first"]),
    ("ssl pretr", ["pretrain"]),
    ("ssl pretrain --mask-rate x 'unclosed", []),
]
ASKED = """
import os, sys
from sslcli.cli.app import run
try:
    code = run([])
except SystemExit as ended:
    code = ended.code
sys.stdout.flush()
assert not code, code
assert not {"torch", "numpy", "sslplugins"} & set(sys.modules)
"""


@pytest.mark.parametrize(
    ("line", "offered"), COMPLETIONS, ids=lambda text: text if isinstance(text, str) else ""
)
def test_a_shell_is_offered_what_fits_and_nothing_else_is_printed(tmp_path, line, offered):
    run = tmp_path / "runs" / "first"
    run.mkdir(parents=True)
    (run / "run.json").write_text(
        json.dumps({"kind": "pretrain", "objective": "mlm", "status": "done", "started": "2026"})
    )
    asked = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        "_SSL_COMPLETE": "complete_bash",
    }
    environment = {**os.environ, **asked, "SSLCLI_RUNS_DIR": str(run.parent)}
    ended = subprocess.run(
        [sys.executable, "-c", ASKED], capture_output=True, text=True, env=environment, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(ended.stdout.split()) == sorted(offered)
