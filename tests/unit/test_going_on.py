"""How a run goes on: by the same line, with more time where it had none, and not in a folder that
is gone.
"""

import shutil
from types import SimpleNamespace

import pytest
from small_runs import ignore
from stops import StopAtPoll

from sslcli.engine.events import Noted, Stepped
from sslcli.engine.stopping import Stopper
from sslcli.errors import ConfigError, RunError
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.pretrain import pretrain, show_batch
from sslcli.workflows.training.resume import Resume, continued_settings
from sslcli.workflows.training.run import RunResult


def going_on_from(model, folder, source, **training):
    """Settings of a run that trains a small model further."""
    return PretrainSettings.model_validate(
        {
            "data": {
                "train": ["demo:world"],
                "reader_options": {"sentences": 300},
                "sequence_tokens": 32,
                "unit": "sentence",
            },
            "model": {"source": str(source)},
            "training": {
                "max_steps": 3,
                "batch_size": 8,
                "eval_samples": 8,
                "log_every": 1,
                **training,
            },
            "run": {"folder": str(folder), "plot": False},
        }
    )


def test_pretraining_goes_on_by_the_line_that_began_it(model, tmp_path):
    """By then the settings name a checkpoint, and the line still names the run that it lies in."""
    asked = going_on_from(model, tmp_path / "run", model)
    assert pretrain(asked, observe=ignore, stopper=StopAtPoll(6)).outcome.reason == "preempted"
    result = pretrain(
        continued_settings(Resume(tmp_path / "run"), asked),
        resume=Resume(tmp_path / "run"),
        observe=ignore,
    )
    assert (result.outcome.reason, result.outcome.progress.step) == ("done", 3)


def test_a_model_that_is_another_one_is_refused_all_the_same(model, tmp_path):
    asked = going_on_from(model, tmp_path / "run", model)
    pretrain(asked, observe=ignore)
    shutil.copytree(model, tmp_path / "other")
    with pytest.raises(ConfigError, match=r"model\.source was .* and would become"):
        pretrain(
            continued_settings(
                Resume(tmp_path / "run"), going_on_from(model, tmp_path / "run", tmp_path / "other")
            ),
            resume=Resume(tmp_path / "run"),
            observe=ignore,
        )


@pytest.mark.parametrize(
    ("reason", "first", "step", "limit", "said"),
    [
        ("out of time", 0, 0, 0.001, " --max-time 1m"),
        ("out of time", 40, 40, 60.0, " --max-time 4m"),
        ("out of time", 0, 0, 3600.0, " --max-time 240m"),
        ("out of time", 0, 1, 3600.0, ""),
        ("interrupted", 0, 0, 3600.0, ""),
        ("preempted", 0, 0, None, ""),
    ],
)
def test_only_a_start_without_a_step_asks_for_more_time(reason, first, step, limit, said):
    outcome = SimpleNamespace(reason=reason, progress=SimpleNamespace(step=step))
    assert RunResult(None, outcome, None, first).more_time(limit) == said


@pytest.mark.parametrize("removed", ["", "checkpoints"])
def test_a_folder_that_is_removed_meanwhile_is_called_that_and_stays_away(removed, model, tmp_path):
    """What lies in a run is made again where it can be; a run without its settings never is."""
    folder = tmp_path / "run"

    def remove(event):
        if isinstance(event, Stepped) and event.step == 1:
            shutil.rmtree(folder / removed, ignore_errors=True)

    settings = going_on_from(model, folder, model, milestones=False)
    if removed:
        assert pretrain(settings, observe=remove).outcome.reason == "done"
        return
    with pytest.raises(RunError, match="not there any more") as caught:
        pretrain(settings, observe=remove)
    assert "free" not in f"{caught.value.message} {caught.value.hint}"
    assert "removed or renamed meanwhile" in caught.value.hint
    assert not folder.exists()


def test_the_time_of_a_start_is_said_where_the_data_took_it(model, tmp_path):
    settings = going_on_from(model, tmp_path / "run", model, max_time=20.0)
    stopper = Stopper(20.0)
    stopper.deadline = 0.0
    with pytest.raises(Exception, match="before the first step") as caught:
        pretrain(_never_read(settings, tmp_path), observe=ignore, stopper=stopper)
    assert (
        caught.value.hint == "the same command begins again, and comes further with --max-time 2m"
    )


def _never_read(settings, folder):
    """On data that is in no cache, so that reading it takes its time."""
    (folder / "text.txt").write_text("one cat sees a dog .\n" * 300, encoding="utf-8")
    data = settings.data.model_copy(
        update={"train": (str(folder / "text.txt"),), "reader_options": {}}
    )
    return settings.model_copy(update={"data": data})


def test_a_setting_that_was_not_set_is_called_so(model, tmp_path):
    asked = going_on_from(model, tmp_path / "run", model)
    pretrain(asked, observe=ignore)
    limited = asked.model_copy(update={"data": asked.data.model_copy(update={"limit": 5})})
    with pytest.raises(ConfigError, match=r"data\.limit was not set and would become 5"):
        continued_settings(Resume(tmp_path / "run"), limited)


def test_a_run_that_was_killed_behind_its_last_evaluation_ends_with_what_it_restored(tmp_path):
    """Its texts are restored once more, by the same weights, and so the scores are the same."""
    settings = PretrainSettings.model_validate(
        {
            "objective": "bart",
            "data": {"train": ["demo:world"], "reader_options": {"sentences": 300}},
            "model": {"preset": "tiny"},
            "training": {"max_steps": 3, "batch_size": 8, "eval_samples": 8},
            "run": {"folder": str(tmp_path / "run"), "plot": False},
        }
    )
    first = pretrain(settings, observe=ignore)
    again = pretrain(settings, resume=Resume(tmp_path / "run"), observe=ignore)
    assert again.first_step == 3
    assert [score.name for score in first.report.scores[-2:]] == ["token error", "chrF"]
    assert again.report.scores == first.report.scores


def test_what_a_noise_cannot_change_is_said_at_the_start_and_beside_a_batch(tmp_path):
    settings = PretrainSettings.model_validate(
        {
            "objective": "bart",
            "data": {
                "train": ["demo:world"],
                "reader_options": {"sentences": 300},
                "unit": "sentence",
            },
            "model": {"preset": "tiny"},
            "training": {"max_steps": 1, "batch_size": 8, "eval_samples": 8},
            "run": {"folder": str(tmp_path / "run"), "plot": False},
        }
    )
    said = "permute changes nothing here: no text has two sentences"
    events = []
    pretrain(settings, observe=events.append)
    assert said in [event.text for event in events if isinstance(event, Noted)]
    assert said in show_batch(settings).notes
