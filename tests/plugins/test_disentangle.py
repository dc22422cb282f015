"""Disentangling: its parts beside slow references, what the adversary sees, and files it writes."""

import json

import numpy as np
import pytest
import soundfile
import torch
import yaml
from songs import melodies
from sslplugins.objectives.disentangle.clips import LEAST_VARIANCE, Clips, Pools
from sslplugins.objectives.disentangle.networks import (
    Convolution,
    adapted,
    reversed_gradient,
)
from sslplugins.objectives.disentangle.objective import LEAST, SPEAKER, STYLE, Disentangle
from torch.nn.functional import conv1d, instance_norm

from sslcli.api import Context, Frames, Inputs, Packing, Rng
from sslcli.cli.app import run
from sslcli.core.initialize import initialize
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample, collate

BANDS = 12
SHAPE = TransformerSettings(
    row_features=BANDS, frames=Frames.at(8_000, BANDS), width=16, depth=1, heads=2,
    feedforward_width=32, positions="rotary", initial_deviation=0.1,
)  # fmt: skip
LENGTHS = (9, 1, 24, 7)


def rows_of(lengths=LENGTHS, features=BANDS, seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(size=(each, features)).astype(np.float32) for each in lengths]


def built(**options):
    options = {"speakers": ("a", "b"), "decoder_width": 16, "code": 3, **options}
    backbone = Transformer(SHAPE)
    objective = Disentangle(Disentangle.Options(**options), Context(SHAPE))
    for module in (backbone, objective):
        initialize(module, torch.Generator().manual_seed(0))
    return backbone.eval(), objective.eval()


def batch_of(objective, speakers=(0, 1, 1, -1), seed=0):
    samples = [
        Sample(rows=rows, fields={SPEAKER: speaker}, streams={STYLE: Sample(rows=other)})
        for rows, other, speaker in zip(rows_of(), rows_of(seed=1), speakers, strict=True)
    ]
    return objective.collate(collate(range(len(samples)), samples), Rng(seed, 0))


def test_a_reversed_gradient_is_the_other_way():
    x, weight = torch.tensor([1.0, -2.0], requires_grad=True), 0.3
    plain = torch.tensor([1.0, -2.0], requires_grad=True)
    torch.testing.assert_close(reversed_gradient(x, weight), x)
    reversed_gradient(x, weight).pow(3).sum().backward()
    plain.pow(3).sum().backward()
    torch.testing.assert_close(x.grad, -weight * plain.grad)


def test_instance_norm_is_torchs():
    rows = rows_of((9, 5, 24))
    clips = Clips.of(Packing.of([len(each) for each in rows]))
    found = clips.normed(torch.from_numpy(np.concatenate(rows)))
    for own, part in zip(rows, found.split(clips.packing.lengths), strict=True):
        wanted = instance_norm(torch.from_numpy(own.T[None]), eps=LEAST_VARIANCE)[0].T
        torch.testing.assert_close(part, wanted)


def test_a_convolution_stays_within_its_recording():
    rows, layer = rows_of(), Convolution(BANDS, 5)
    clips = Clips.of(Packing.of(LENGTHS))
    found = layer(torch.from_numpy(np.concatenate(rows)), clips)
    weight_EDO = layer.weigh.weight.unflatten(1, (-1, BANDS)).transpose(1, 2)
    for own, part in zip(rows, found.split(LENGTHS), strict=True):
        wanted = conv1d(torch.from_numpy(own.T[None]), weight_EDO, layer.weigh.bias, padding=2)
        torch.testing.assert_close(part, wanted[0].T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("every", [1, 3, 4])
def test_codes_are_means_of_their_frames(every):
    rows = rows_of()
    pools = Pools.of(Packing.of(LENGTHS), every)
    joined = torch.from_numpy(np.concatenate(rows))
    wanted = [
        own[start : start + every].mean(axis=0)
        for own in rows
        for start in range(0, len(own), every)
    ]
    np.testing.assert_allclose(pools.mean(joined), np.stack(wanted), atol=1e-6)
    assert [len(own) for own in wanted] == [BANDS] * pools.codes.packing.total
    codes = torch.arange(pools.codes.packing.total * every * 2.0).view(-1, every * 2)
    found, first = pools.unfolded(codes).split(LENGTHS), 0
    for own in found:
        count = -(-len(own) // every)
        wanted = codes[first : first + count].reshape(-1, 2)[: len(own)]
        torch.testing.assert_close(own, wanted)
        first += count


def test_a_style_scales_and_shifts_what_is_normed():
    rows = rows_of((9, 5), 3)
    clips = Clips.of(Packing.of((9, 5)))
    told = torch.tensor([[0.5, 0.0, -1.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.0, 0.0, -1.0, 4.0]])
    found = adapted(torch.from_numpy(np.concatenate(rows)), told, clips).split((9, 5))
    for own, part, (*scale, a, b, c) in zip(rows, found, told.tolist(), strict=True):
        wanted = own * (1 + np.asarray(scale)) + np.asarray([a, b, c])
        np.testing.assert_allclose(part, wanted, atol=1e-6)


def test_the_backbone_reads_recordings_in_their_own_deviations():
    _, objective = built()
    batch = batch_of(objective)
    for own, part in zip(rows_of(), batch.inputs.ready_TF.split(LENGTHS), strict=True):
        wanted = (own - own.mean(axis=0)) / np.maximum(own.std(axis=0), LEAST)
        np.testing.assert_allclose(part, wanted, atol=1e-5)


def test_codes_say_nothing_of_level_and_stretch_of_a_recording():
    backbone, objective = built()
    rows = np.concatenate(rows_of())
    codes = [
        torch.cat(list(objective.codes_along(backbone, Inputs.pack([x[:9], x[10:34]]))))
        for x in (rows, 3 * rows + 5)
    ]
    torch.testing.assert_close(codes[0], codes[1], rtol=1e-3, atol=1e-3)
    own = codes[0][:3]  # of the first recording: 9 frames are 3 codes
    torch.testing.assert_close(own.mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0)


def test_who_guesses_learns_and_who_is_guessed_at_unlearns():
    """Both follow the gradient of the loss; the code is pulled the other way, by the weight."""
    found = {}
    for weight in (0.0, 0.5):
        backbone, objective = built(adversary=1.0)
        batch = batch_of(objective)
        batch = type(batch)(**{**vars(batch), "progress": weight})
        loss = objective(backbone, batch)
        loss.sums["disentangle"].backward()
        found[weight] = [
            objective.adversary.tell.weight.grad.clone(),
            objective.tell_code.weight.grad.clone(),
        ]
    torch.testing.assert_close(found[0.0][0], found[0.5][0])
    assert found[0.0][0].abs().max() > 0
    backbone, objective = built()
    batch = batch_of(objective)
    code_CK, pools = objective.code_of(backbone, batch.inputs)
    told_CV = objective.adversary(code_CK, pools.codes)
    right_C = torch.tensor([0] * 3 + [1] * 1 + [1] * 6 + [-1] * 2)
    guessed = torch.nn.functional.cross_entropy(told_CV, right_C, ignore_index=-1, reduction="sum")
    (pull,) = torch.autograd.grad(guessed, objective.tell_code.weight)
    difference = found[0.5][1] - found[0.0][1]
    torch.testing.assert_close(difference, -0.5 * 4 * BANDS * pull, rtol=1e-3, atol=1e-3)


def test_losses_are_the_error_and_how_much_bands_vary():
    backbone, objective = built()
    batch = batch_of(objective)
    loss = objective(backbone, batch)
    code_CK, pools = objective.code_of(backbone, batch.inputs)
    style_BS = objective.style_of(batch.style_PM, batch.style_packing)
    told_TM = objective.frames_of(code_CK, style_BS, pools)
    error = (told_TM - torch.from_numpy(np.concatenate(rows_of()))).abs().sum()
    torch.testing.assert_close(loss.sums["disentangle"], error)
    spreads = [
        [(part.var(dim=0, correction=0) + LEAST_VARIANCE).sqrt() for part in rows_TM.split(LENGTHS)]
        for rows_TM in (told_TM, batch.frames_TM)
    ]
    apart = torch.stack(spreads[0]) - torch.stack(spreads[1])
    torch.testing.assert_close(loss.sums["spread"], 0.5 * apart.abs().sum())
    assert loss.metrics["speaker_told"].count == 3 + 1 + 6  # codes of who is named


def test_codes_of_bits_are_signs_with_the_gradient_of_what_they_are_signs_of():
    """Of a loss that is a line in the codes, the gradient is that of the numbers."""
    found = {}
    for kind in ("numbers", "bits"):
        backbone, objective = built(codes=kind, adversary=0.0)
        code_CK, _ = objective.code_of(backbone, batch_of(objective).inputs)
        weight_CK = torch.linspace(-1, 1, code_CK.numel()).view_as(code_CK)
        (code_CK * weight_CK).sum().backward()
        found[kind] = code_CK.detach(), objective.tell_code.weight.grad
    torch.testing.assert_close(found["bits"][0], torch.where(found["numbers"][0] > 0, 1.0, -1.0))
    torch.testing.assert_close(found["bits"][1], found["numbers"][1])


def test_a_style_of_several_recordings_is_their_mean():
    _, objective = built()
    inputs = Inputs.pack(rows_of((8, 12)))
    apart_BS = objective.styles(inputs)
    assert apart_BS.shape == (2, 4)
    alone_S = objective.styles(Inputs.pack(rows_of((8, 12))[1:]))[0]
    torch.testing.assert_close(apart_BS[1], alone_S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, module_cache):
    folder = tmp_path_factory.mktemp("voices")
    melodies(folder / "train", 12, 0)
    melodies(folder / "test", 8, 1)
    for path in (folder / "test").rglob("*.wav"):
        path.rename(path.with_name(f"t{path.name}"))
    (folder / "flat").mkdir()
    for path in sorted((folder / "train" / "a").iterdir()):
        (folder / "flat" / path.name).write_bytes(path.read_bytes())
    line = (
        "pretrain --objective disentangle --eval-data test --arch tiny --batch-size 8 --device cpu"
        " --max-steps 3 --no-plot --overwrite"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run([*line.split(), "--data", "train", "--name", "model"]) == 0
        ahead = "pretrain --objective clm --data train --arch tiny --max-steps 1 --no-plot"
        assert run([*ahead.split(), "--device", "cpu", "--name", "ahead"]) == 0
    return folder


def test_the_adversary_and_styles_are_fed_training_recordings_alone(folder, monkeypatch):
    """Held-out recordings of the same folders are never heard in training."""
    from sslcli.data.corpus import Corpus

    corpus = _corpus(folder)
    train, held_out = corpus.split(0.4, 0)
    assert isinstance(train, Corpus)
    _, objective = built(style_clips=2)
    own = {_key(train.array(int(document))) for document in train.spans[:, 0]}
    kept = {_key(held_out.array(int(document))) for document in held_out.spans[:, 0]}
    assert not own & kept
    for epoch in range(3):
        for document in train.spans[:, 0]:
            rng = Rng(0, epoch).sample(int(document))
            sample = objective.sample(train, np.asarray([document]), rng)
            heard = _apart(sample[STYLE].rows, train)
            assert len(heard) == 2
            assert heard <= own
            assert _key(sample.rows) not in heard


def _corpus(folder):
    from sslcli.data.corpus import Corpus
    from sslcli.data.settings import DataSettings, TokenizerSettings
    from sslcli.datasets.cache import cache_folder
    from sslcli.datasets.tokenized import shards_for

    data = DataSettings(train=[str(folder / "train")])
    return Corpus.open(shards_for(data, TokenizerSettings(), cache_folder()).folder, 512)


def _key(rows):
    return rows.tobytes()


def _apart(rows, corpus):
    """The recordings of the corpus that lie end to end in `rows`."""
    arrays = (corpus.array(int(document)) for document in corpus.spans[:, 0])
    known = {own.tobytes(): own for own in arrays}
    found, start = set(), 0
    while start < len(rows):
        key, own = next(
            (key, own)
            for key, own in known.items()
            if np.array_equal(rows[start : start + len(own)], own)
        )
        found.add(key)
        start += len(own)
    return found


def test_speakers_are_the_folders_and_none_is_said_aloud(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    kept = (folder / "runs" / "model" / "config.yaml").read_text()
    assert yaml.safe_load(kept)["options"]["disentangle"]["speakers"] == ["a", "b"]
    line = (
        "pretrain --objective disentangle --data flat --eval-data test --arch tiny --device cpu"
        " --batch-size 8 --max-steps 2 --no-plot --name alone"
    )
    assert run(line.split()) == 0
    said = capsys.readouterr()
    assert "no two folders tell speakers apart" in " ".join((said.out + said.err).split())
    metrics = (folder / "runs" / "alone" / "metrics.jsonl").read_text()
    assert "speaker_told" not in metrics


def test_generate_writes_a_recording_as_long_as_what_is_said(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    content, styles = sorted((folder / "test" / "a").iterdir()), folder / "test" / "b"
    line = ["generate", "--model", "model", "--style", str(styles), "--out", "spoken", "--json"]
    line += ["--content", str(content[0]), "--content", str(content[1])]
    assert run(line) == 0
    first = {path.name: path.read_bytes() for path in (folder / "spoken").glob("*.wav")}
    voice = sorted(styles.iterdir())[0].stem
    assert set(first) == {
        f"{content[0].stem}-converted.wav",
        f"{content[1].stem}-converted.wav",
        f"{content[0].stem}-content-copy.wav",
        f"{content[1].stem}-content-copy.wav",
        f"{voice}-style-copy.wav",
    }
    for name in ("converted", "content-copy"):
        samples, rate = soundfile.read(folder / "spoken" / f"{content[0].stem}-{name}.wav")
        whole, own_rate = soundfile.read(content[0])
        assert rate == own_rate
        assert len(samples) == len(whole) // 80 * 80
        assert np.abs(samples).max() > 0
    assert run(line) == 0  # the same seed, the same files
    assert first == {path.name: path.read_bytes() for path in (folder / "spoken").glob("*.wav")}
    assert run([*line, "--seed", "1"]) == 0
    other = {path.name: path.read_bytes() for path in (folder / "spoken").glob("*.wav")}
    assert other != first
    line.remove("--out")
    line.remove("spoken")
    assert run([*line, "--seed", "1"]) == 0  # below the run, where nothing else is said
    (report,) = (folder / "runs" / "model" / "generated").glob("*/report.json")
    assert other == {path.name: path.read_bytes() for path in report.parent.glob("*.wav")}


def test_what_cannot_be_converted_is_said_in_a_sentence(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    soundfile.write("silent.wav", np.zeros(8_000), 8_000)
    soundfile.write("fast.wav", np.random.default_rng(0).normal(size=16_000) / 9, 16_000)
    (folder / "empty").mkdir(exist_ok=True)
    good = str(next((folder / "test" / "a").iterdir()))
    lines = {
        "silent.wav is silent": (2, ["--content", "silent.wav", "--style", good]),
        "and the model reads 8,000": (2, ["--content", "fast.wav", "--style", good]),
        "empty holds no file that can be read": (2, ["--content", good, "--style", "empty"]),
        "there is no --style: ": (2, ["--content", good]),
    }
    for sentence, (code, words) in lines.items():
        assert run(["generate", "--model", "model", *words, "--out", "spoken"]) == code
        said = " ".join(capsys.readouterr().err.split())
        assert sentence in said, said
        assert "Traceback" not in said
    assert run(["generate", "--model", "ahead", "--out", "spoken"]) == 2
    assert "does not generate" in capsys.readouterr().err


def test_codes_and_styles_are_probed_beside_the_layers(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run(["probe", "voices", "--model", "model", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])["report"]
    (table,) = report["tables"]
    assert [row[0] for row in table["rows"]][-2:] == ["code", "style"]
