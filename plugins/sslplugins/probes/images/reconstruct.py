"""What a model restores of images, beside filters that have learnt nothing or little.

Letters: N images, H and W pixels, C channels, P numbers of an image.
"""

import numpy as np

from sslcli.api import (
    Config,
    Count,
    FrozenModel,
    Grid,
    Probe,
    Report,
    Restoration,
    Rng,
    Score,
    gallery,
    item_images,
    mean_score,
    principal_components,
    psnr,
    restored_items,
    setting,
    ssim,
    ssim_window,
)

MOST_FITTED = 5_000  # images that the components are of
USUAL_COMPONENTS = 32  # where the model has no code


class Reconstruct(Probe["Reconstruct.Options"]):
    """Images, what the model reads, what it makes of that, and what simple filters do."""

    class Options(Config):
        limit: Count = setting(1_000, "held-out images that are restored", gt=0)
        images: Count = setting(8, "of these in the picture", gt=0, le=64)

    summary = "images as they are, as read and as restored; PSNR and SSIM beside PCA and a filter"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images"})

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        items = model.probe_data.items("held_out").some(self.options.limit)
        grid = items.layout
        assert isinstance(grid, Grid), "they are images"
        found = list(restored_items(model, items, rng))
        whole, read, restored = (
            np.stack([grid.joined(getattr(each, name)) for each in found])
            for name in ("input", "corrupted", "restored")
        )
        is_broken = not np.array_equal(whole, read)
        ways = {f"PCA of {(count := _components(found))}": _projected(model, read, count)}
        if is_broken:
            ways |= {"median of 3 x 3": median(read), "as read": read}
        restored = np.clip(restored, 0, 1)
        ways = {name: np.clip(images, 0, 1) for name, images in ways.items()}
        shown = slice(None, None, max(1, len(whole) // self.options.images))
        rows = {"as it is": whole} | ({"as read": read} if is_broken else {})
        rows |= {"restored": restored, **{name: x for name, x in ways.items() if name != "as read"}}
        window = ssim_window(*whole.shape[1:3]).name
        return Report(
            title=f"{len(whole):,} images restored by {model.name}",
            scores=_scores(whole, restored, ways),
            galleries=[
                gallery(
                    "images as they are and as restored",
                    {name: list(x[shown][: self.options.images]) for name, x in rows.items()},
                )
            ],
            notes=[
                "numbers below 0 and above 1 are clipped before all figures are taken; SSIM has a "
                f"window: {window}",
                *_emerged(whole, restored, ways),
            ],
        )


def _components(found: list[Restoration]) -> int:
    """As many as the code has numbers, or as there are codes where it is of several."""
    codes = found[0].codes
    if codes is None:
        return USUAL_COMPONENTS
    return len(codes) if len(codes) > 1 else codes.size


def _projected(model: FrozenModel, read: np.ndarray, count: int) -> np.ndarray:
    """What is read, on the first principal components of training images."""
    train = item_images(model.probe_data.items("train").some(MOST_FITTED))
    train_NP, read_NP = (x.reshape(len(x), -1).astype(np.float64) for x in (train, read))
    mean_P = train_NP.mean(axis=0)
    directions_KP = principal_components(train_NP - mean_P, count)
    return (mean_P + (read_NP - mean_P) @ directions_KP.T @ directions_KP).reshape(read.shape)


def median(images_NHWC: np.ndarray) -> np.ndarray:
    """The median of each number and its eight neighbours; at the edge it is its own neighbour."""
    padded = np.pad(images_NHWC, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.median(windows, axis=(-2, -1))


def _errors(found: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.square(found - whole).mean(axis=(1, 2, 3))


def _scores(whole: np.ndarray, restored: np.ndarray, ways: dict[str, np.ndarray]) -> list[Score]:
    """Each beside what the other ways reach."""
    errors = _errors(restored, whole)
    return [
        Score(
            "PSNR of the mean error",
            float(psnr(errors.mean())),
            "dB",
            count=len(whole),
            baselines={k: float(psnr(_errors(x, whole).mean())) for k, x in ways.items()},
        ),
        Score(
            "mean PSNR",
            (each := mean_score("mean PSNR", psnr(np.maximum(errors, 1e-10)), "dB")).value,
            "dB",
            count=len(whole),
            interval=each.interval,
            baselines={
                k: float(psnr(np.maximum(_errors(x, whole), 1e-10)).mean()) for k, x in ways.items()
            },
        ),
        Score(
            "SSIM",
            (like := mean_score("SSIM", ssim(restored, whole))).value,
            count=len(whole),
            interval=like.interval,
            baselines={k: float(ssim(x, whole).mean()) for k, x in ways.items()},
        ),
    ]


def _emerged(whole: np.ndarray, restored: np.ndarray, ways: dict[str, np.ndarray]) -> list[str]:
    own = _errors(restored, whole).mean()
    best = min(ways, key=lambda name: _errors(ways[name], whole).mean())
    if own < _errors(ways[best], whole).mean():
        return []
    return [f"not emerged: {best} restores as much"]
