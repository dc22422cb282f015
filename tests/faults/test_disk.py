"""A disk that is full or broken: a sentence, the good checkpoints stay, and the resume ends as if
nothing had been.
"""

import pytest
from sweep_command_disk import refuse
from sweep_disk import refusals, refuse_call, refuse_large_files
from sweep_kills import WINDOWS, noted_calls

WRITING = ("open", "half", "tensors")


@pytest.mark.parametrize(
    ("window", "call", "kind", "lasting"),
    [("save", 3, "full", True), ("save", 19, "broken", False), ("start", 19, "full", True)],
)
def test_a_refused_call_costs_nothing(bench, whole, window, call, kind, lasting):
    refusal = refuse_call(bench, whole, window, call, kind, lasting)
    assert not refusal.fault
    assert refusal.code == 1


@pytest.mark.parametrize(
    ("window", "written", "kind"),
    [
        ("save", "optimizer.safetensors", "full"),
        ("evaluation", "metrics.jsonl", "read-only"),
        ("end", ("run.json", "report.json"), "full"),
    ],
)
def test_nor_does_it_cost_an_encoder_decoder_anything(trained, window, written, kind):
    """In a save, while held-out texts are restored or written, and in the reports of the end."""
    bench, whole = trained
    name = written if isinstance(written, str) else written[bench.job == "rewrite"]
    calls = noted_calls(bench, window)
    # the first: how many follow it depends on how busy the machine is
    call = min(n for n, said in enumerate(calls, 1) if name in said and said.startswith(WRITING))
    refusal = refuse_call(bench, whole, window, call, kind, lasting=True)
    assert not refusal.fault
    assert refusal.code == 1


@pytest.mark.slow
@pytest.mark.parametrize("window", WINDOWS)
def test_refused_calls_of_an_encoder_decoder(trained, window):
    bench, whole = trained
    kinds = ("full", "broken", "read-only")
    found = [
        refuse_call(bench, whole, window, call, kinds[call % 3], lasting=call % 3 != 1)
        for call in range(1, len(noted_calls(bench, window)) + 1, 7)
    ]
    assert len(found) > 10
    assert not [f"{refusal.name}: {refusal.fault}" for refusal in found if refusal.fault]


def test_files_that_may_not_grow(bench, whole):
    """The state of the optimizer has twice the size of the weights."""
    weights = max(path.stat().st_size for path in whole.rglob("backbone.safetensors"))
    refusal = refuse_large_files(bench, whole, weights * 5 // 4)
    assert not refusal.fault
    assert refusal.code == 1


@pytest.mark.parametrize(
    ("name", "kind", "lasting"), [("predict", "full", True), ("evaluate beside", "broken", False)]
)
def test_a_refused_call_of_a_command_costs_nothing(commands, name, kind, lasting):
    """The first and a later call at which something is written."""
    for call in (1, 8):
        tried = refuse(commands, commands.jobs[name], call, kind, lasting)
        assert not tried.fault


@pytest.mark.parametrize("kind", ["broken", "full"])
def test_what_a_command_reads_back_is_of_the_disk_too(commands, kind):
    """The folder was made a moment ago, so it is not the file that wants mending."""
    job = commands.jobs["export"]
    calls = commands.noted_calls(job)
    for name in ("/tokenizer.json", "/config.json"):
        call = next(
            number
            for number, noted in enumerate(calls, 1)
            if noted.startswith("read ") and noted.endswith(name)
        )
        tried = refuse(commands, job, call, kind, lasting=False)
        assert not tried.fault
        assert tried.killed


@pytest.mark.slow
def test_every_refused_call(bench, whole):
    found = [trial() for trial in refusals(bench, whole)]
    assert len(found) > 150
    assert not [f"{refusal.name}: {refusal.fault}" for refusal in found if refusal.fault]
