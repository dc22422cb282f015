"""Array documents on the road of text: reader, shards, sampler, batch, loop; and what is refused on
the way.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from sslcli import registry
from sslcli.core.arithmetic import parameters
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data import shard_writing as shards
from sslcli.data.corpus import Corpus
from sslcli.data.documents import Document, Where
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.datasets import array_rows as road
from sslcli.datasets.cache import quiet
from sslcli.datasets.sources import expand, fingerprint
from sslcli.datasets.tokenized import opened, shards_for, tokenize
from sslcli.engine.checkpoints.tensor_files import load_tensors
from sslcli.engine.stopping import Stopper
from sslcli.errors import DataError, UsageError
from sslcli.models.loading import load_pretrained
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.pretrain import dry_run_pretrain, pretrain
from sslcli.workflows.training.resume import Resume, continued_settings

PLUGINS = Path(__file__).parents[1] / "plugins"
FOUND = {
    "objectives": {"visible-rows": "visible_rows:VisibleRows", "reversal": "reversal:Reversal"},
    "readers": {"waves": "visible_rows:Waves"},
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The rivals of tests/plugins as a distribution of their own."""
    site = tmp_path_factory.mktemp("site")
    metadata = site / "rows-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: rows\nVersion: 1.0\n")
    groups = [
        f"[sslcli.{kind}]\n" + "".join(f"{k} = {v}\n" for k, v in found.items())
        for kind, found in FOUND.items()
    ]
    (metadata / "entry_points.txt").write_text("".join(groups))
    modules = {"visible_rows", "reversal"} - sys.modules.keys()
    with pytest.MonkeyPatch.context() as patch:
        for folder in (site, PLUGINS):
            patch.syspath_prepend(str(folder))
        yield
    for module in modules:
        sys.modules.pop(module, None)


def settings_of(folder, data="waves:60", objective="visible-rows", **more):
    return PretrainSettings.model_validate(
        {
            "objective": objective,
            "data": data if isinstance(data, dict) else {"train": [str(data)]},
            "tokenizer": {"vocabulary": 120},
            "model": {
                "preset": "tiny",
                "shape": {"width": 16, "heads": 2, "feedforward_width": 32, "dropout": 0.1},
            },
            "training": {
                "max_steps": 10,
                "batch_size": 9,
                "micro_batch_size": 4,
                "log_every": 3,
                "eval_every": 5,
                "keep": 9,
            },
            "hardware": {"device": "cpu"},
            "run": {"folder": str(folder), "plot": False},
            **more,
        }
    )


def arrays_of(count):
    waves = registry.load("readers", "waves")
    return [document.array for document in waves(waves.Options()).documents(f"waves:{count}")]


def test_documents_come_back_from_their_shards_to_the_bit(installed, tmp_path, monkeypatch):
    """In several files, and mapped, not read."""
    monkeypatch.setattr(shards, "SHARD_NUMBERS", 500)
    found = tokenize(DataSettings(train=["waves:40"]), TokenizerSettings(), tmp_path / "shards")
    assert found.tokenizer is None
    assert len(list((tmp_path / "shards").glob("rows-*.safetensors"))) > 3
    corpus = Corpus.open(tmp_path / "shards", 16)
    expected = arrays_of(40)
    assert (corpus.modality, corpus.row_shape, len(corpus.spans)) == ("sound", (6,), 40)
    assert all(np.array_equal(corpus.array(number), array) for number, array in enumerate(expected))
    assert all(isinstance(shard.base, np.memmap) for shard in corpus._shards)
    train, held_out = corpus.split(0.2, 0)
    together = sorted([*train.spans[:, 0].tolist(), *held_out.spans[:, 0].tolist()])
    assert together == list(range(40))


def test_the_cache_knows_arrays_by_their_numbers(installed, tmp_path):
    """Without a tokenizer having a part in it."""
    first, other = (
        shards_for(DataSettings(train=["waves:20"]), TokenizerSettings(vocabulary=size), tmp_path)
        for size in (90, 200)
    )
    assert first.folder == other.folder
    data = DataSettings(train=["waves:20"], reader_options={"features": 5})
    assert shards_for(data, TokenizerSettings(), tmp_path).folder != first.folder
    (one,), (another,) = (expand([f"waves:{count}"], None) for count in (20, 21))
    assert fingerprint(one, DataSettings()) != fingerprint(another, DataSettings())


@pytest.mark.parametrize("change", [lambda array: array.T, lambda array: array.astype(np.int64)])
def test_the_same_bytes_in_another_shape_or_type_are_other_data(change, installed, monkeypatch):
    (source,) = expand(["waves:20"], None)
    zeros, found = np.zeros((2, 6)), []
    for array in (zeros, change(zeros)):
        assert array.tobytes() == zeros.tobytes()
        monkeypatch.setattr(
            "sslcli.datasets.sources.documents_of",
            lambda *given, array=array: iter([Document(Where("x", 1), array=array)]),
        )
        found.append(fingerprint(source, DataSettings()))
    assert found[0] != found[1]


def test_the_last_of_many_generated_documents_is_known_to_the_cache(installed, monkeypatch):
    (source,) = expand(["waves:200"], None)
    found = []
    for last in (1.0, 1.0, 2.0):
        arrays = [*np.zeros((199, 2, 6)), np.full((2, 6), last)]
        monkeypatch.setattr(
            "sslcli.datasets.sources.documents_of",
            lambda *given, arrays=arrays: (
                Document(Where("x", place), array=array) for place, array in enumerate(arrays)
            ),
        )
        found.append([fingerprint(source, DataSettings(limit=limit)) for limit in (None, 199)])
    assert found[0] == found[1]
    assert [one == other for one, other in zip(found[0], found[2], strict=True)] == [False, True]


BAD = {
    "is text where sound belong": Document(Where("x", 3), text="a"),
    "x, record 3 is no array of numbers in rows: <U1": Document(
        Where("x", 3), array=np.asarray([["a"]])
    ),
    "no array of numbers in rows: float64 of shape [4]": Document(Where("x", 3), array=np.zeros(4)),
    "x, record 3: row 2 holds a value that is no finite number": Document(
        Where("x", 3), array=np.asarray([[1.0, 2.0], [3.0, np.nan]])
    ),
    "x, record 3: row 1 holds a value that is no finite": Document(
        Where("x", 3), array=np.asarray([[1e300, 2.0]])
    ),
    "x, record 3: row 1 holds a value that is masked out": Document(
        Where("x", 3), array=np.ma.masked_array([[1.0, np.nan]], mask=[[False, True]])
    ),
    "no array of numbers in rows: list": Document(Where("x", 3), array=[[1.0, 2.0]]),
    "x, record 3 holds rows of 3 numbers, and what comes before it rows of 2 numbers": Document(
        Where("x", 3), array=np.zeros((2, 3))
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_a_document_that_cannot_be_used_is_named(message, tmp_path, monkeypatch):
    good = Document(Where("x", 1), array=np.ones((2, 2)))
    monkeypatch.setattr(road, "documents", lambda *asked: iter([good, BAD[message]]))
    with pytest.raises(DataError) as error:
        road.write_rows([], DataSettings(train=["x"]), "sound", tmp_path / "shards", quiet)
    assert message in error.value.message
    assert not (tmp_path / "shards").exists()


def test_documents_without_a_row_leave_no_trace(tmp_path, monkeypatch):
    given = [Document(Where("x", number), array=np.ones((number % 2, 2))) for number in range(4)]
    monkeypatch.setattr(road, "documents", lambda *asked: iter(given))
    road.write_rows([], DataSettings(train=["x"]), "table", tmp_path / "shards", quiet)
    assert len(Corpus.open(tmp_path / "shards", 16).spans) == 2
    monkeypatch.setattr(road, "documents", lambda *asked: iter(given[:1]))
    with pytest.raises(DataError, match="there is no row in x"):
        road.write_rows([], DataSettings(train=["x"]), "table", tmp_path / "none", quiet)


@pytest.mark.parametrize(
    ("kind", "numbers", "said"),
    [
        (np.int64, [0, 1 << 24, -(1 << 30)], None),
        (np.int64, [0, (1 << 24) + 1, 5], "16777217 as 16777216"),
        (np.int64, [-(1 << 24) - 1, 3, 1 << 62], "-16777217 as -16777216"),
        (np.int64, [(1 << 63) - 1, 3, 4], "9223372036854775807 as 9223372036854775808"),
        (np.uint64, [(1 << 40) + 1, 3, 4], "1099511627777 as 1099511627776"),
        (np.int32, [7, 33_554_433, 4], "33554433 as 33554432"),
        (np.float64, [7, 33_554_433, 4], "33554433 as 33554432"),
        (np.float64, [7.1, 33_554_432.5, 0.1], None),
        (np.float32, [7.1, 1e30, 0.1], None),
        (np.uint8, [7, 255, 4], None),
    ],
)
def test_whole_numbers_that_float32_does_not_hold_are_counted_aloud(
    tmp_path, monkeypatch, kind, numbers, said
):
    array = np.asarray([[1, 2, 3], numbers, numbers], dtype=kind)
    monkeypatch.setattr(
        road, "documents", lambda *asked: iter([Document(Where("x", 3), array=array)])
    )
    road.write_rows([], DataSettings(train=["x"]), "table", tmp_path / "shards", quiet)
    notes = opened(tmp_path / "shards").notes
    count = sum(
        int(np.float32(number)) != number
        for number in numbers
        if number == int(number) and kind != np.float32
    )
    assert bool(count) == (said is not None)
    if said is None:
        assert notes == []
        return
    (note,) = notes
    assert note.startswith(f"{2 * count:,} whole numbers are rounded")
    assert f"(the first: x, record 3, row 2: {said})" in note


def test_what_an_objective_does_not_read_is_refused_before_anything_is_read(
    installed, text_corpus, tmp_path, monkeypatch, module_cache
):
    tokenize(DataSettings(train=["waves:20"]), TokenizerSettings(), tmp_path / "shards")
    monkeypatch.setattr(
        "sslcli.workflows.pretrain.prepare.shards_for", lambda *given: pytest.fail("data was read")
    )
    for data, objective, message in (
        ("waves:20", "mlm", "'mlm' reads text, and waves:20 holds sound"),
        (tmp_path / "shards", "mlm", f"'mlm' reads text, and {tmp_path / 'shards'} holds sound"),
        (
            text_corpus,
            "visible-rows",
            f"'visible-rows' reads sound and tables, and {text_corpus} holds text",
        ),
    ):
        with pytest.raises(UsageError) as error:
            pretrain(settings_of(tmp_path / "run", data, objective), observe=lambda event: None)
        assert error.value.message == message
    evaluated = settings_of(
        tmp_path / "run", {"train": ["waves:20"], "evaluation": [str(text_corpus)]}
    )
    with pytest.raises(UsageError, match="holds text"):
        pretrain(evaluated, observe=lambda event: None)
    with pytest.raises(DataError, match=r"waves:20 holds sound, and .* holds text"):
        road.refuse_unread({"both": {"sound", "text"}}, evaluated.data)
    assert not (tmp_path / "run").exists()


def test_documents_that_are_too_long_or_too_wide_for_the_model_are_refused(
    installed, tmp_path, module_cache
):
    short = {"preset": "tiny", "shape": {"width": 16, "heads": 2, "longest_tokens": 11}}
    with pytest.raises(
        UsageError, match=r"a document has 12 rows, and the model has positions for 11"
    ):
        pretrain(
            settings_of(tmp_path / "a", {"train": ["waves:60"], "sequence_tokens": 8}, model=short),
            observe=print,
        )
    pretrain(settings_of(tmp_path / "b"), observe=lambda event: None)
    other = {"train": ["waves:60"], "reader_options": {"features": 5}}
    with pytest.raises(
        DataError, match="holds rows of 5 numbers, and the model reads rows of 6 numbers"
    ):
        pretrain(
            settings_of(tmp_path / "c", other, model={"source": str(tmp_path / "b")}), observe=print
        )


class StopAt(Stopper):
    def __init__(self, step):
        super().__init__()
        self.left = step

    def poll(self):
        self.left -= 1
        if self.left < 0:
            self.asked = "preempted"
        return super().poll()


def logged(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [
        {k: v for k, v in line.items() if k not in ("seconds", "tokens_per_second")}
        for line in lines
    ]


def test_a_run_on_arrays_goes_on_to_the_bit(installed, tmp_path, module_cache):
    quietly = {"observe": lambda event: None}
    pretrain(settings_of(tmp_path / "whole"), **quietly)
    cut = pretrain(settings_of(tmp_path / "cut"), stopper=StopAt(30), **quietly)
    assert 0 < cut.outcome.progress.step < 10
    resumed = pretrain(
        continued_settings(Resume(tmp_path / "cut"), settings_of(tmp_path / "cut")),
        resume=Resume(tmp_path / "cut"),
        **quietly,
    )
    assert (resumed.outcome.reason, resumed.outcome.progress.step) == ("done", 10)
    assert logged(tmp_path / "whole") == logged(tmp_path / "cut")
    for part in ("backbone", "learnable"):
        one, other = (
            load_tensors(tmp_path / name / "checkpoints/step-000010" / f"{part}.safetensors")
            for name in ("whole", "cut")
        )
        assert one.keys() == other.keys()
        assert all(np.array_equal(value, other[name]) for name, value in one.items())
    assert not (tmp_path / "whole" / "tokenizer").exists()
    with pytest.raises(Exception, match="reads rows of 6 numbers and no text"):
        load_pretrained(str(tmp_path / "whole")).tokenizer()


def test_a_dry_run_counts_what_the_backbone_reads(installed, text_corpus, tmp_path, module_cache):
    """The visible rows of one objective, the encoder of another, and says so."""
    for data, objective, said in (
        ("waves:60", "visible-rows", "of one pass of the backbone alone"),
        (text_corpus, "reversal", "of the encoder alone"),
        (text_corpus, "mlm", ""),
        (text_corpus, "mlm+nsp", ""),
    ):
        header, report = dry_run_pretrain(settings_of(tmp_path / "run", data, objective))
        figures = dict(report.tables[0].rows)
        assert figures["useful arithmetic"].rpartition(" TFLOP/s")[2].removeprefix(", ") == said
        assert ("rows of 6" in header["model"]) == (objective == "visible-rows")


def test_a_shape_counts_the_layer_that_reads_rows():
    settings = TransformerSettings(row_features=7, width=16, heads=2, depth=1, feedforward_width=8)
    assert sum(parameter.numel() for parameter in Transformer(settings).parameters()) == parameters(
        settings
    )
