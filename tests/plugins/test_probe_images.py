"""Probes of images and their codes: coding against entropies and exact round trips, likeness against
slow references, reports against what they are of.

Letters: N images, H and W pixels, C channels, G codes of an image, V values of a code.
"""

import io
import math

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import median_filter
from sklearn.decomposition import PCA
from sslplugins.probes.images import arithmetic, compressors
from sslplugins.probes.images.code_model import CodeModel
from sslplugins.probes.images.codes import Codes
from sslplugins.probes.images.compress import Compress
from sslplugins.probes.images.latent import Latent
from sslplugins.probes.images.reconstruct import Reconstruct, median
from test_autoencoder import images

from sslcli.api import (
    Rng,
    UsageError,
    contingency,
    decoded_codes,
    decoded_ids,
    item_code_ids,
    item_codes,
    item_images,
    normalized_mutual_information,
    psnr,
    purity,
    ssim,
    ssim_window,
)
from sslcli.cli.app import run
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.testing import check_probe
from sslcli.workflows.probe.frozen_model import load_frozen_model

random = np.random.default_rng(0)


def bounds_of(shares_V):
    widths_V = np.maximum(1, np.floor(shares_V * (arithmetic.TOTAL - len(shares_V)))).astype(int)
    widths_V[widths_V.argmax()] += arithmetic.TOTAL - widths_V.sum()
    return [0, *np.cumsum(widths_V).tolist()]


@pytest.mark.parametrize("size", [1, 2, 3, 40, 3_000])
@pytest.mark.parametrize("evenness", [0.01, 1.0, 50.0])
@pytest.mark.parametrize("length", [0, 1, 2, 7, 300])
def test_symbols_come_back_from_hardly_more_bits_than_their_entropy(size, evenness, length):
    """Of likely symbols and of any."""
    shares_V = random.dirichlet(np.full(size, evenness))
    bounds = bounds_of(shares_V)
    for symbols in (random.choice(size, length, p=shares_V), random.integers(0, size, length)):
        content = arithmetic.encoded((bounds[s], bounds[s + 1]) for s in symbols)
        assert arithmetic.decoded(content, length, lambda found: bounds) == symbols.tolist()
        least = sum(-math.log2((bounds[s + 1] - bounds[s]) / arithmetic.TOTAL) for s in symbols)
        assert 8 * len(content) <= least + 9 + length / 1_000


def test_intervals_may_depend_on_what_was_decoded():
    tables = [bounds_of(random.dirichlet(np.ones(5))) for _ in range(5)]
    symbols = random.integers(0, 5, 200).tolist()
    before = [0, *symbols]
    content = arithmetic.encoded(
        (tables[last][s], tables[last][s + 1]) for last, s in zip(before, symbols, strict=False)
    )
    found = arithmetic.decoded(content, 200, lambda found: tables[found[-1] if found else 0])
    assert found == symbols


def correlated(count, seed):
    """The third code says nearly what the first does; the second and fourth say nothing."""
    own = np.random.default_rng(seed)
    first, second, fourth = (
        own.choice(6, count, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05]) for _ in range(3)
    )
    third = np.where(own.uniform(size=count) < 0.9, (first * 5 + 2) % 6, own.integers(0, 6, count))
    return np.stack([first, second, third, fourth], axis=1)


@pytest.mark.parametrize("in_context", [False, True])
def test_codes_of_new_images_come_back_from_as_many_bits_as_the_training_images_say(in_context):
    train_NG, ids_NG = correlated(3_000, 1), correlated(500, 2)
    model = CodeModel(train_NG, [6, 6, 6, 7], in_context=in_context)
    content = model.encoded(ids_NG)
    assert np.array_equal(model.decoded(content, 500), ids_NG)
    assert model.parents[:2] == [None, None]
    assert (model.parents[2] is not None and model.parents[2][0] == 0) == in_context
    bits = 0.0
    for place, size in enumerate([6, 6, 6, 7]):
        for row in ids_NG:
            known = train_NG if place != 2 or not in_context else train_NG[train_NG[:, 0] == row[0]]
            bits -= math.log2(
                ((known[:, place] == row[place]).sum() + 0.5) / (len(known) + 0.5 * size)
            )
    assert 8 * len(content) == pytest.approx(bits, rel=0.02)
    unseen = np.asarray([[5, 5, 5, 6]])
    assert np.array_equal(model.decoded(model.encoded(unseen), 1), unseen)


def test_a_code_that_is_told_by_another_costs_less_in_context():
    train_NG, ids_NG = correlated(3_000, 1), correlated(500, 2)
    plain, behind = (CodeModel(train_NG, [6] * 4, in_context=each) for each in (False, True))
    assert len(behind.encoded(ids_NG)) < 0.85 * len(plain.encoded(ids_NG))


def pairs(height, width, channels, count=3):
    one = random.uniform(size=(count, height, width, channels))
    return one, np.clip(one + random.normal(size=one.shape) * 0.2, 0, 1)


@pytest.mark.parametrize("size", [(28, 28, 1), (13, 20, 3), (8, 9, 2), (4, 5, 1), (1, 6, 1)])
def test_structural_similarity_is_that_of_every_window(size):
    """By the formula of the paper, window by window."""
    one, other = pairs(*size)
    height, width, _ = size
    smallest = min(height, width)
    if smallest >= 11:
        apart = np.arange(-5, 6)
        line = np.exp(-(apart**2) / (2 * 1.5**2))
        name = "Gaussian 11 x 11"
    else:
        side = min(7, smallest if smallest % 2 else smallest - 1)
        line, name = np.ones(side), f"uniform {side} x {side}"
    assert ssim_window(height, width).name.startswith(name)
    weights = np.outer(line, line) / line.sum() ** 2
    side = len(line)
    for x, y, found in zip(one, other, ssim(one, other), strict=True):
        values = []
        for channel in range(x.shape[2]):
            for top in range(height - side + 1):
                for left in range(width - side + 1):
                    a, b = (z[top : top + side, left : left + side, channel] for z in (x, y))
                    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
                    spread_a = (weights * (a - mean_a) ** 2).sum()
                    spread_b = (weights * (b - mean_b) ** 2).sum()
                    shared = (weights * (a - mean_a) * (b - mean_b)).sum()
                    values.append(
                        (2 * mean_a * mean_b + 1e-4) * (2 * shared + 9e-4)
                        / ((mean_a**2 + mean_b**2 + 1e-4) * (spread_a + spread_b + 9e-4))
                    )  # fmt: skip
        assert found == pytest.approx(np.mean(values), abs=1e-9)
    np.testing.assert_allclose(ssim(one, one), 1)


@pytest.mark.parametrize("size", [(28, 28), (16, 40)])
def test_structural_similarity_is_that_of_scikit_image(size):
    metrics = pytest.importorskip("skimage.metrics")
    one, other = pairs(*size, 1)
    for x, y, found in zip(one, other, ssim(one, other), strict=True):
        expected = metrics.structural_similarity(
            x[..., 0],
            y[..., 0],
            data_range=1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert found == pytest.approx(expected, abs=1e-6)


def test_noise_is_told_in_decibels():
    assert psnr(0.09) == pytest.approx(20 * math.log10(1 / 0.3))
    assert psnr(np.asarray([1.0, 0.01, 0.0])).tolist() == [0.0, 20.0, math.inf]


def test_medians_are_those_of_scipy():
    some = random.uniform(size=(4, 9, 7, 3))
    expected = median_filter(some, size=(1, 3, 3, 1), mode="nearest")
    np.testing.assert_allclose(median(some), expected)


@pytest.mark.parametrize("count", [1, 4, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_in_one_file_are_cut_out_of_it_again(count, channels):
    some = random.uniform(size=(count, 4, 6, channels))
    assert np.array_equal(compressors.parts_of(compressors.mosaic_of(some), some.shape), some)


@pytest.mark.parametrize("channels", [1, 3])
def test_files_are_as_large_as_pillow_writes_them_and_are_read_again(channels):
    some = np.clip(random.normal(0.5, 0.2, (5, 16, 16, channels)), 0, 1)
    found = {(each.name, each.setting): each for each in compressors.by_files(some)}
    for form, quality, options in (("JPEG", 25, {"optimize": True}), ("WebP", 50, {"method": 6})):
        made = found[form, f"quality {quality}"]
        sizes, back = [], []
        for image in [*some, np.zeros_like(some[0])]:
            pixels = (image * 255).round().astype(np.uint8)
            file = io.BytesIO()
            picture = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
            picture.save(file, form, quality=quality, **options)
            sizes.append(len(file.getvalue()))
            read = Image.open(io.BytesIO(file.getvalue())).convert("L" if channels == 1 else "RGB")
            back.append(np.asarray(read).reshape(image.shape) / 255)
        assert made.files == sum(sizes[:-1])
        assert made.blank == sizes[-1]
        np.testing.assert_allclose(made.images, back[:-1])
        assert np.square(made.tiled_images - some).mean() < some.var()
        assert made.tiled < made.files


def test_components_in_8_bits_are_those_of_scikit_learn_but_for_half_a_level():
    train, some = images(300, seed=1), images(40, seed=2)
    found = {(each.name, each.setting): each for each in compressors.by_components(train, some)}
    pca = PCA(8, svd_solver="full").fit(train.reshape(300, -1))
    numbers = pca.transform(some.reshape(40, -1))
    exact = pca.inverse_transform(numbers).reshape(some.shape)
    made = found["PCA, 8 bits", "8 x 8 bits"]
    levels = np.ptp(pca.transform(train.reshape(300, -1)), axis=0) / 255
    inside = (numbers >= pca.transform(train.reshape(300, -1)).min(axis=0) - levels / 2).all(axis=1)
    inside &= (numbers <= pca.transform(train.reshape(300, -1)).max(axis=0) + levels / 2).all(
        axis=1
    )
    apart = np.square(made.images - exact).sum(axis=(1, 2, 3))
    assert inside.sum() > 20
    assert (apart[inside] <= (levels**2).sum() / 4 + 1e-9).all()
    assert made.tiled <= 40 * 8 + 8
    finer, coarser = (found["PCA, equal steps", f"steps of {step}"] for step in (0.15, 0.9))
    errors = [np.square(each.images - some).mean() for each in (finer, coarser)]
    assert errors[0] < errors[1]
    assert finer.tiled > coarser.tiled


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs on bars that are bright above or below, which are the labels."""
    folder = tmp_path_factory.mktemp("bars")
    pixels = (images(700, seed=4)[..., 0] * 255).astype(np.uint8)
    labels = np.where(pixels[:, :4].sum(axis=(1, 2)) > pixels[:, 4:].sum(axis=(1, 2)), "up", "down")
    np.savez(folder / "train.npz", images=pixels[:600], labels=labels[:600])
    np.savez(folder / "dev.npz", images=pixels[600:], labels=labels[600:])
    np.savez(folder / "bare.npz", images=pixels[600:])
    short = [
        "pretrain", "--data", "train.npz", "--eval-data", "dev.npz", "--arch", "tiny", "--batch-size", "32",
        "--device", "cpu", "--no-plot", "-q", "-s", "model.shape.width=32", "-s", "model.shape.heads=2", "--lr", "3e-3",
    ]  # fmt: skip
    coded = ["--objective", "vq", "--code-width", "4", "--codebook-size", "8"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run([*short, *coded, "--positions", "6", "--max-steps", "300", "--name", "six"]) == 0
        one = ["--codes", "one-hot", "--positions", "1", "--max-steps", "200"]
        assert run([*short, *coded, *one, "--name", "one"]) == 0
        noisy = [
            "--objective",
            "autoencoder",
            "--code",
            "16",
            "--corrupt",
            "salt",
            "--max-steps",
            "300",
        ]
        assert run([*short, *noisy, "--name", "noisy"]) == 0
        assert run([*short, "--objective", "mae", "--max-steps", "2", "--name", "masked"]) == 0
    return folder


@pytest.fixture
def model(folder, monkeypatch):
    monkeypatch.chdir(folder)
    cpu = choose_hardware(HardwareSettings(device="cpu"))
    return lambda name, *given: load_frozen_model(name, given, cpu)


@pytest.mark.parametrize("probe", [Codes, Compress, Reconstruct, Latent])
def test_probes_conform(probe):
    check_probe(probe)


def test_the_size_of_codes_is_that_of_a_file_that_gives_them_back(model):
    frozen = model("six")
    report = Compress(Compress.Options()).run(frozen, Rng(0, 0))
    items = frozen.probe_data.items("held_out")
    whole, ids_NG = item_images(items), item_code_ids(frozen, items)
    train_NG = item_code_ids(frozen, frozen.probe_data.items("train"))
    files = [
        CodeModel(train_NG, [8] * 6, in_context=each).encoded(ids_NG) for each in (False, True)
    ]
    score = report.score("bits per pixel")
    assert score.value == pytest.approx(8 * min(map(len, files)) / (100 * 64))
    assert score.baselines["of equal length"] == pytest.approx(18 / 64)
    assert score.baselines["by histogram"] == pytest.approx(8 * len(files[0]) / (100 * 64))
    restored = np.clip(decoded_ids(frozen, ids_NG), 0, 1)
    error = np.square(restored - whole).mean()
    assert report.score("PSNR of the mean error").value == pytest.approx(-10 * math.log10(error))
    assert report.score("SSIM").value == pytest.approx(ssim(restored, whole).mean())
    ways = {row[0] for row in report.tables[0].rows}
    assert ways == {"codes", "JPEG", "WebP", "PCA, 8 bits", "PCA, equal steps"}
    assert {curve.title for curve in report.plots[0].curves} == ways
    said = " ".join(report.notes)
    assert "JPEG" in said
    assert "WebP" in said
    assert "uniform 7 x 7" in said


def test_values_of_a_code_are_drawn_and_held_against_labels(model):
    frozen = model("one")
    report = Codes(Codes.Options(values=3, images=4)).run(frozen, Rng(0, 0))
    items = frozen.probe_data.items("held_out")
    ids_N = item_code_ids(frozen, items)[:, 0]
    classes_N = np.asarray([label == "up" for label in items.labels], dtype=int)
    table = contingency(ids_N, classes_N)
    assert report.score("purity").value == purity(table)
    assert report.score("NMI").value == normalized_mutual_information(table)
    assert report.score("purity").baselines.keys() == {"shuffled labels", "k-means of 8 on pixels"}
    counts = np.bincount(ids_N, minlength=8)
    assert report.score("usage, code 1").value == (counts > 0).mean()
    drawn = report.galleries[0]
    commonest = np.argsort(-counts, kind="stable")[:3]
    assert list(drawn.rows) == [f"value {v}, {counts[v]} images" for v in commonest]
    whole = item_images(items)
    for value, row in zip(commonest, drawn.images, strict=True):
        assert len(row) == 5
        own = {
            (image * 255).round().astype(np.uint8).tobytes().hex()
            for image in whole[ids_N == value]
        }
        assert {*row[1:]} - {""} <= own
    six = Codes(Codes.Options(place=6)).run(model("six"), Rng(0, 0))
    assert len(six.tables[0].rows) == 6
    assert six.score("usage, all codes").count == 600


def test_restored_images_stand_beside_filters(model):
    frozen = model("noisy")
    report = Reconstruct(Reconstruct.Options(images=5)).run(frozen, Rng(0, 0))
    score = report.score("PSNR of the mean error")
    assert score.baselines.keys() == {"PCA of 16", "median of 3 x 3", "as read"}
    assert score.value > max(score.baselines.values())
    assert list(report.galleries[0].rows) == [
        "as it is",
        "as read",
        "restored",
        "PCA of 16",
        "median of 3 x 3",
    ]
    assert [len(row) for row in report.galleries[0].images] == [5] * 5
    plain = Reconstruct(Reconstruct.Options()).run(model("six"), Rng(0, 0))
    assert plain.score("SSIM").baselines.keys() == {"PCA of 6"}
    assert list(plain.galleries[0].rows) == ["as it is", "restored", "PCA of 6"]
    masked = Reconstruct(Reconstruct.Options()).run(model("masked"), Rng(0, 0))
    assert any(note.startswith("not emerged") for note in masked.notes)


def test_codes_lie_in_the_plane_of_scikit_learn_and_images_on_a_line(model):
    frozen = model("noisy")
    report = Latent(Latent.Options(steps=5)).run(frozen, Rng(0, 0))
    items = frozen.probe_data.items("held_out")
    codes_NK = item_codes(frozen, items).astype(float)
    pca = PCA(2, svd_solver="full").fit(codes_NK)
    expected = pca.transform(codes_NK)
    (drawn,) = report.scatters
    for found, wanted in zip((drawn.xs, drawn.ys), expected.T, strict=True):
        assert np.allclose(found, wanted, atol=1e-4) or np.allclose(found, -wanted, atol=1e-4)
    share = report.score("variance in the plane").value
    assert share == pytest.approx(100 * pca.explained_variance_ratio_.sum(), rel=1e-6)
    assert list(drawn.groups) == list(items.labels)
    (ways,) = report.galleries
    assert list(ways.columns) == ["as it is", "0.00", "0.25", "0.50", "0.75", "1.00", "as it is"]
    first, last = (int(number) - 1 for number in ways.rows[0].split(" to "))
    middle = decoded_codes(frozen, (codes_NK[[first]] + codes_NK[[last]]) / 2)[0]
    shown = np.frombuffer(bytes.fromhex(ways.images[0][3]), np.uint8).reshape(middle.shape)
    np.testing.assert_allclose(shown / 255, np.clip(middle, 0, 1), atol=0.5 / 255 + 1e-6)
    even = Latent(Latent.Options(steps=4)).run(frozen, Rng(0, 0))
    name = "squared error of the middle to the mean of both ends"
    assert even.score(name).value == pytest.approx(report.score(name).value, rel=1e-4)
    assert not Latent(Latent.Options()).run(model("six"), Rng(0, 0)).galleries
    assert not Latent(Latent.Options()).run(model("masked"), Rng(0, 0)).galleries


@pytest.mark.parametrize("probe", [Codes, Compress])
def test_a_model_without_codes_of_few_values_is_refused(probe, model):
    with pytest.raises(UsageError, match="has no codes that could be counted") as raised:
        probe(probe.Options()).run(model("noisy"), Rng(0, 0))
    assert "vq" in raised.value.hint


def test_what_is_not_there_is_said(model, capsys):
    with pytest.raises(UsageError, match="there is no code 7: an image has 6"):
        Codes(Codes.Options(place=7)).run(model("six"), Rng(0, 0))
    report = Codes(Codes.Options()).run(model("six", "bare.npz"), Rng(0, 0))
    assert "without labels" in " ".join(report.notes)
    assert "purity" not in [score.name for score in report.scores]
    assert run(["probe", "compress", "--model", "six", "--limit", "0"]) == 2
    assert "--limit" in capsys.readouterr().err


@pytest.mark.parametrize("probe", ["codes", "compress", "reconstruct", "latent"])
def test_a_report_is_written_with_its_pictures(probe, model, folder, capsys):
    assert run(["probe", probe, "--model", "six", "--limit", "40"]) == 0
    pictures = list((folder / "runs" / "six" / "probes" / probe).glob("*.png"))
    assert pictures
    assert "saved" in capsys.readouterr().err
