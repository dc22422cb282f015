"""The space of codes: the plane in which they vary most, and images on the way from one to another.

Letters: N images, H and W pixels, C channels, K numbers of a code.
"""

import numpy as np

from sslcli.api import (
    Config,
    Count,
    FrozenModel,
    Gallery,
    Probe,
    Quantizes,
    Report,
    Rng,
    Scatter,
    Score,
    decoded_codes,
    gallery,
    item_codes,
    item_images,
    part_with,
    principal_components,
    setting,
)

ROWS = 4  # ways from one image to another


class Latent(Probe["Latent.Options"]):
    """Codes in a plane, coloured by label, and the images of codes in between."""

    class Options(Config):
        limit: Count = setting(1_000, "held-out images whose codes are drawn", gt=3)
        steps: Count = setting(7, "images from one to another, both included", gt=2, le=20)

    summary = "codes in the plane of their first two directions; images on the way between two"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images"})

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        items = model.probe_data.items("held_out").some(self.options.limit)
        codes_NK = item_codes(model, items).astype(np.float64)
        centred_NK = codes_NK - codes_NK.mean(axis=0)
        directions_K2 = principal_components(centred_NK, 2).T
        plane_N2 = centred_NK @ directions_K2
        if plane_N2.shape[1] < 2:
            plane_N2 = np.pad(plane_N2, ((0, 0), (0, 2 - plane_N2.shape[1])))
        whole = max(float(np.square(centred_NK).sum()), np.finfo(float).tiny)
        shares = np.square(plane_N2).sum(axis=0) / whole
        images = item_images(items)
        way, apart = self._way(model, images, codes_NK, rng)
        return Report(
            title=f"codes of {model.name}, {codes_NK.shape[1]} numbers",
            scores=[
                Score(
                    "variance in the plane", float(100 * shares.sum()), "%", None, len(items),
                    baselines={"if all directions were alike": 200 / max(2, codes_NK.shape[1])},
                ),
                *apart,
            ],
            scatters=[
                Scatter(
                    "codes in the plane of their first two directions",
                    plane_N2[:, 0].tolist(), plane_N2[:, 1].tolist(), [""] * len(items),
                    [label or "" for label in items.labels],
                    x=f"{100 * shares[0]:.1f} % of the variance",
                    y=f"{100 * shares[1]:.1f} %",
                )
            ],
            galleries=way,
            notes=[
                "images in between are those of codes on a straight line from one to the other"
            ],
        )  # fmt: skip

    def _way(
        self, model: FrozenModel, images: np.ndarray, codes_NK: np.ndarray, rng: Rng
    ) -> tuple[list[Gallery], list[Score]]:
        """From each of some random images to another; how near the middle is to a mere mean of
        both, which is what a space without shape would give.
        """
        if part_with(model, Quantizes) is not None:  # there is nothing between two codes
            return [], []
        chosen = rng.some("ways", range(len(images)), 2 * ROWS)
        pairs = list(zip(chosen[::2], chosen[1::2], strict=False))
        shares = np.linspace(0, 1, self.options.steps)
        rows, sharper = {}, []
        for first, last in pairs:
            line = np.stack(
                [(1 - s) * codes_NK[first] + s * codes_NK[last] for s in (*shares, 0.5)]
            )
            decoded = decoded_codes(model, line)
            if decoded is None:
                return [], []
            *made, between = np.clip(decoded, 0, 1)
            both = (made[0] + made[-1]) / 2
            sharper.append(float(np.square(between - both).mean()))
            rows[f"{first + 1} to {last + 1}"] = [images[first], *made, images[last]]
        columns = ["as it is", *(f"{s:.2f}" for s in shares), "as it is"]
        apart = Score(
            "squared error of the middle to the mean of both ends",
            float(np.mean(sharper)), "", None, len(pairs), baselines={"a mean of pixels": 0.0},
        )  # fmt: skip
        return [gallery("images on the way between two", rows, columns)], [apart]
