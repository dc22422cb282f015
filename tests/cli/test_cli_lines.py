"""Command lines that cannot work: a sentence on stderr, exit code 2, nothing on stdout, and never a
traceback.
"""

import json
import shlex

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sslcli.cli import app
from sslcli.errors import CheckError, Interrupted, Preempted, RunError, SslError

WRONG = """
fooo
pretran
--foo
-x
pretrain --foo
pretrain foo
pretrain --lr
pretrain --lr x
pretrain --lr -1
pretrain --lr 0
pretrain --lr nan
pretrain --lr inf
pretrain --lr 1e400
pretrain --lr ''
pretrain --lr=
pretrain --lr 1 2
pretrain --max-steps 0
pretrain --max-steps -3
pretrain --max-steps 1.5
pretrain --max-steps 10kk
pretrain --max-steps ten
pretrain --max-steps 10 --epochs 1
pretrain --epochs -1
pretrain --epochs nan
pretrain --max-time 2y
pretrain --max-time -1h
pretrain --max-time ''
pretrain --batch-size 0
pretrain --batch-size 1e400
pretrain --micro-batch-size 0
pretrain --seq-len 2
pretrain --seq-len many
pretrain --limit 0
pretrain --seed -1
pretrain --seed 1.5
pretrain --optimizer adam
pretrain --optimizer ''
pretrain --scheduler step
pretrain --precision fp8
pretrain --warmup -1
pretrain --weight-decay -0.1
pretrain --clip -1
pretrain --keep 0
pretrain --keep none
pretrain --vocabulary 3
pretrain --log-every 0
pretrain --eval-every 0
pretrain --save-every 0
pretrain --plot maybe
pretrain --plot=yes
pretrain --compile=1
pretrain --objective
pretrain --objective ''
pretrain --objective mml
pretrain --objective mlm+mml
pretrain --objective mlm+
pretrain --objective +
pretrain --objective a:b:c
pretrain --objective nobody:mlm
pretrain --objective ../mlm
pretrain --objective sslplugins.objectives.mlm:MaskedLanguageModel
pretrain --mask-rate 0
pretrain --mask-rate 2
pretrain --mask-rate x
pretrain --objective mlm --mask-rate -1
pretrain --objective clm --mask-rate 0.1
pretrain --reader nobody
pretrain --tokenizer nobody
pretrain -c missing.yaml
pretrain -c /
pretrain -c /dev/null
pretrain -c
pretrain -s
pretrain -s x
pretrain -s =1
pretrain -s a..b=1
pretrain -s optimizer=3
pretrain -s optimizer.lr=3
pretrain -s optimizer.rate=yes
pretrain -s optimizer.rate=[1]
pretrain -s 'optimizer.rate=*a'
pretrain -s 'optimizer.rate=!!python/name:os.system'
pretrain -s options.mlm=3
pretrain -s data.reader_options.nothing=1
pretrain -s options=3
pretrain -s options.mlm.nothing=1
pretrain -s 'objective={a: b}'
pretrain -s objective=3
pretrain -s data.train=3
pretrain -s model.shape=3
pretrain --resume nobody
pretrain --resume @latest
pretrain --resume @latest:mlm
pretrain --resume
pretrain --resume --json
pretrain --name ''
pretrain --name .
pretrain --name ..
pretrain --name a/b
pretrain --name "a\tb"
pretrain --name ../a --resume
pretrain -s run.name=a/b
pretrain --learning_rate 3
pretrain --per_device_train_batch_size=8
pretrain --output_dir x
generate
generate text
generate text --model nobody
generate text --model @latest
generate text --model @best
generate text --model /
generate text --seed x
generate text --seed -1
generate text --nothing
generate a b
export
export nobody
export nobody somewhere
export nobody somewhere --to onnx
export / somewhere
tokenize --data missing.txt
tokenize --data nobody:world
tokenize --tokenizer nobody
tokenize --tokenizer-from missing
tokenize --vocabulary 0
tokenize --vocabulary many
tokenize --seq-len 8
tokenize -s tokenizer.options.nothing=1
tokenize -s training.seed=1
tokenize text
runs nothing
runs show nobody
runs show @latest
runs show ''
runs show ../..
runs compare
runs compare one
runs compare one two
runs list extra
compare
compare one
plugins nothing
plugins list nothing
plugins show
plugins show nobody
plugins show a b
plugins check
plugins check nobody
plugins check /
plugins check /tmp/nowhere-at-all
plugins new
plugins new objective
plugins new reader x
plugins new objective 'A B'
plugins new objective mlm
plugins new objective class
plugins new objective ../up
plugins new objective x --out /proc/nowhere/x
doctor extra
doctor --check
"""
LINES = [line for line in WRONG.splitlines() if line]
FAILS_WHILE_RUNNING = {"plugins new objective x --out /proc/nowhere/x": 1}


@pytest.mark.parametrize("line", LINES)
def test_a_wrong_line_ends_in_a_sentence(ssl, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = ssl(*shlex.split(line))
    assert ended.code == FAILS_WHILE_RUNNING.get(line, 2), ended.err
    assert ended.err.startswith("error: ")
    assert "\nhint:  " in ended.err
    assert ended.out == "" or "--json" in line
    assert "Traceback" not in ended.err
    assert "this should not have happened" not in ended.err
    assert not list(tmp_path.iterdir())


def test_there_are_more_than_a_hundred_of_them():
    assert len(set(LINES)) > 100


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("pretrain --learning_rate 3", "use --lr"),
        ("pretrain --learning-rate 3", "use --lr"),
        ("pretrain --num_train_epochs=3", "use --epochs"),
        ("pretrain --output_dir x", "use --out"),
        ("pretrain --mlm_probability 0.3", "use --mask-rate"),
        ("pretrain --batchsize 3", "use --batch-size"),
        ("pretran", "did you mean 'ssl pretrain'?"),
        ("pretrain --objective mml", "did you mean 'mlm'?"),
        ("pretrain --name a/b", "--out"),
        (f"pretrain --name {'n' * 201}", "--out"),
        ("runs frob", "ssl runs has: list, show, tag, compare"),
        ("plugins check /tmp/nowhere-at-all", "the folder of a package"),
        ("plugins list objective-s", "did you mean 'objectives'?"),
    ],
)
def test_the_hint_names_what_was_probably_meant(ssl, line, hint):
    assert hint in ssl(*line.split()).err


def test_all_mistakes_of_a_line_are_told_at_once(ssl):
    err = ssl("pretrain", "--lr", "x", "--max-steps", "-1", "-s", "optimizer.nam=3").err
    assert "3 mistakes" in err
    assert "--lr (optimizer.rate) must be a number, not 'x'" in err
    assert "--max-steps (training.max_steps) must be greater than 0" in err
    assert "did you mean 'optimizer.name'?" in err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--max-steps 1e3x", "--max-steps (training.max_steps) must be a whole number, not '1e3x'"),
        (
            "--batch-size 1.5",
            "--batch-size (training.batch_size) must be a whole number, not '1.5'",
        ),
        (
            "--max-time 2y",
            "--max-time (training.max_time) must be a time, not '2y'; write 2h or 30m",
        ),
        ("--mask-rate x", "--mask-rate (options.mlm.mask_rate) must be a number, not 'x'"),
        ("-s optimizer.rate=x", "optimizer.rate must be a number, not 'x' (--set)"),
        ("-s options.mlm.nothing=1", "there is no setting 'options.mlm.nothing'"),
    ],
)
def test_a_mistake_is_told_by_what_was_typed(ssl, line, words):
    err = ssl("pretrain", *line.split()).err
    assert words in err
    assert "parse" not in err


def test_an_error_is_a_document_with_json(ssl):
    ended = ssl("runs", "show", "nobody", "--json")
    document = json.loads(ended.out)
    assert (document["schema"], document["event"], document["code"]) == ("sslcli/1", "error", 2)
    assert document["message"] in ended.err


class Stop(Exception):
    pass


@pytest.mark.parametrize(
    ("raised", "code", "word"),
    [
        (SslError("it failed", "mend it"), 1, "error: it failed\nhint:  mend it\n"),
        (RunError("no memory"), 1, "error: no memory\n"),
        (CheckError("too low"), 3, "error: too low\n"),
        (Preempted("saved"), 75, "stopped: saved\n"),
        (Interrupted("saved"), 130, "stopped: saved\n"),
        (KeyboardInterrupt(), 130, "stopped: interrupted\n"),
        (
            Stop("oh\nno"),
            1,
            (
                "error: this should not have happened: Stop: oh "
                "no\nhint:  --debug shows where; please report it\n"
            ),
        ),
    ],
)
def test_what_is_raised_becomes_words_and_a_code(ssl, monkeypatch, raised, code, word):
    def fail(words):
        raise raised

    monkeypatch.setattr(app, "build", fail)
    ended = ssl("runs")
    assert (ended.code, ended.err) == (code, word)


def test_a_traceback_only_with_debug(ssl, monkeypatch):
    monkeypatch.setattr(app, "build", lambda words: 1 / 0)
    assert "Traceback" not in ssl("runs").err
    assert "ZeroDivisionError" in ssl("runs", "--debug").err
    monkeypatch.setenv("SSLCLI_DEBUG", "1")
    assert "Traceback" in ssl("runs").err


VOCABULARY = """runs plugins list show compare doctor pretrain --json -q -v --help -h --no-color -c -s --set=a.b=1 --resume --lr --"""
WORDS = st.one_of(
    st.sampled_from(VOCABULARY.split()), st.text(max_size=8).filter(lambda text: "\x00" not in text)
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(WORDS, max_size=5))
def test_any_line_ends_with_a_code_of_the_table_and_without_a_traceback(ssl, words):
    if "pretrain" in words and not {"-h", "--help"} & set(words):
        words = [*words, "--help"]
    if "doctor" in words:
        words = [*words, "--nothing"]
    ended = ssl(*words)
    assert ended.code in (0, 1, 2, 3)
    assert "Traceback" not in ended.err
    assert "this should not have happened" not in ended.err
