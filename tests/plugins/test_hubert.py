"""Hidden units: cepstra beside librosa's, the clusters that are told, and the second round."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from songs import sung
from sslplugins.objectives.sound.cepstra import cepstra, slopes
from sslplugins.objectives.sound.hubert import HiddenUnits

from sslcli.api import Context, Frames, Inputs, Rng, UsageError
from sslcli.cli.app import run
from sslcli.core.initialize import initialize
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample, collate

SHAPE = TransformerSettings(
    row_features=20, frames=Frames.at(8_000, 20), width=32, depth=2, heads=2, feedforward_width=64,
    positions="rotary", initial_deviation=0.1,
)  # fmt: skip
LENGTHS = (1, 3, 40, 120)


def recordings(seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(size=(length, 20)).astype(np.float32) for length in LENGTHS]


def batch_of(found):
    return collate(range(len(found)), [Sample(rows=rows) for rows in found])


def built(**options):
    backbone = Transformer(SHAPE)
    objective = HiddenUnits(HiddenUnits.Options(**{"clusters": 8, **options}), Context(SHAPE))
    for module in (backbone, objective):
        initialize(module, torch.Generator().manual_seed(0))
    return backbone.eval(), objective.eval()


def begun(**options):
    backbone, objective = built(**options)
    batch = objective.collate(batch_of(recordings()), Rng(0, 0))
    objective.begin(backbone, lambda: batch)
    return backbone, objective, batch


def test_cepstra_are_librosas():
    librosa = pytest.importorskip("librosa")
    (rows_tM,) = recordings()[3:]
    found_tG = cepstra(rows_tM, np.array([len(rows_tM)]))
    wanted_Ct = librosa.feature.mfcc(S=rows_tM.T, n_mfcc=13, dct_type=2, norm="ortho")
    changes = [librosa.feature.delta(wanted_Ct, width=5, mode="nearest")]
    changes.append(librosa.feature.delta(changes[0], width=5, mode="nearest"))
    np.testing.assert_allclose(found_tG, np.concatenate([wanted_Ct, *changes]).T, atol=1e-5)


def test_changes_stay_within_a_recording():
    found = recordings()
    together = cepstra(np.concatenate(found), np.array(LENGTHS))
    for own_tM, (start, stop) in zip(found, pairwise(np.cumsum((0, *LENGTHS))), strict=True):
        np.testing.assert_allclose(
            together[start:stop], cepstra(own_tM, np.array([len(own_tM)])), atol=1e-6
        )


def test_a_straight_line_has_its_slope():
    line_tC = np.arange(10.0)[:, None] * 3
    np.testing.assert_allclose(slopes(line_tC)[2:-2], 3)


@pytest.mark.parametrize("targets", ["cepstra", "features"])
def test_frames_belong_to_the_nearest_centre(targets):
    backbone, objective, batch = begun(targets=targets)
    if targets == "features":
        features_TG = backbone(batch.inputs, keep={1}).kept[1].detach().numpy()
    else:
        features_TG = batch.cepstra_TG.numpy()
    scaled_TG = (features_TG - features_TG.mean(axis=0)) / features_TG.std(axis=0, ddof=1)
    distance_TK = ((scaled_TG[:, None] - objective.centres_KG.numpy()) ** 2).sum(axis=2)
    clusters_T = objective.clusters_of(batch).numpy()
    np.testing.assert_array_equal(clusters_T, distance_TK.argmin(axis=1))
    assert len(set(clusters_T.tolist())) == 8
    for cluster in range(8):  # k-means has come to rest: each centre is the mean of its frames
        mean_G = scaled_TG[clusters_T == cluster].mean(axis=0)
        np.testing.assert_allclose(objective.centres_KG[cluster], mean_G, atol=0.02)


def test_the_loss_is_that_of_hidden_frames_alone():
    backbone, objective, batch = begun()
    torch.nn.init.normal_(objective.blank_M)
    clusters_T, hidden_T = objective.clusters_of(batch), batch.hidden_T
    found, right, beside = 0.0, 0, 0
    for number, (start, stop) in enumerate(pairwise(np.cumsum((0, *LENGTHS)).tolist())):
        rows_tM = torch.from_numpy(recordings()[number]).clone()
        own_t = hidden_T[start:stop]
        rows_tM[own_t] = objective.mean_M + objective.blank_M
        told_tP = objective.project(backbone(Inputs.pack([rows_tM])).last_TD)
        cosine_tK = torch.cosine_similarity(told_tP[:, None], objective.units.weight[None], dim=2)
        chances_tK = (cosine_tK / 0.1).log_softmax(dim=1)
        for place in torch.nonzero(own_t)[:, 0].tolist():
            wanted = int(clusters_T[start + place])
            found -= chances_tK[place, wanted].item()
            right += int(chances_tK[place].argmax()) == wanted
            seen = torch.nonzero(~own_t)[:, 0].tolist()
            if not seen:
                continue  # no other frame tells anything
            nearest = min(seen, key=lambda other: (abs(other - place), other))
            beside += int(clusters_T[start + nearest]) == wanted
    loss = objective(backbone, batch)
    assert loss.sums["hubert"].item() == pytest.approx(found, rel=1e-4)
    assert batch.counts == {"hubert": int(hidden_T.sum())}
    assert loss.metrics["accuracy"].sum.item() == right
    assert loss.metrics["accuracy_of_the_nearest_frame"].sum.item() == beside


def test_the_model_of_before_stays_as_it_was():
    backbone, objective, batch = begun(targets="features")
    clusters_T = objective.clusters_of(batch)
    optimizer = torch.optim.SGD([*backbone.parameters(), *objective.parameters()], lr=0.1)
    objective(backbone.train(), batch).sums["hubert"].backward()
    optimizer.step()
    assert all(parameter.grad is None for parameter in objective.before.parameters())
    torch.testing.assert_close(objective.clusters_of(batch), clusters_T)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(dict(backbone.state_dict()), dict(objective.before.state_dict()))


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="layer 3 does not exist"):
        built(targets="features", layer=3)
    backbone, objective = built(clusters=200)
    with pytest.raises(
        UsageError, match="164 frames of the first batch are too few for 200 clusters"
    ):
        objective.begin(backbone, lambda: objective.collate(batch_of(recordings()), Rng(0, 0)))


def test_two_rounds(tmp_path, monkeypatch):
    """The second one begins with the first one's model, and tells clusters of its features."""
    monkeypatch.chdir(tmp_path)
    sung(tmp_path / "songs")
    line = (
        "pretrain --objective hubert --data songs --arch tiny --clusters 12 --batch-size 8 --lr 3e-3 --device"
        " cpu --no-plot --max-steps 60 --set data.held_out=0.2"
    )
    assert run([*line.split(), "--name", "first"]) == 0
    second = line.replace("--arch tiny", "--model first").replace("--max-steps 60", "--max-steps 5")
    assert run([*second.split(), "--targets", "features", "--name", "second"]) == 0
    lines = map(
        json.loads, (tmp_path / "runs" / "first" / "metrics.jsonl").read_text().splitlines()
    )
    held_out = [line["metrics"] for line in lines if line["split"] == "eval"]
    assert held_out[-1]["accuracy"] > held_out[0]["accuracy"] + 0.2
    assert 1 < held_out[-1]["perplexity_of_targets"] <= 12
