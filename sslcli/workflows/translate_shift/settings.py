"""Settings of `ssl translate-shift`, beside the options of the shift itself."""

from typing import Self

from pydantic import model_validator

from sslcli.config import Config, Count, setting


class ShiftSettings(Config):
    """Settings of `ssl translate-shift`."""

    source: str = setting("en", "language of the text", "--from", min_length=1)
    target: str = setting("zh", "language that it is moved into", "--to", min_length=1)
    alpha: tuple[float, ...] = setting(
        (), "how far to go, 1 is the whole way (0,0.5,1,1.5,2); 1 for a text", "--alpha"
    )
    layers: tuple[int, ...] = setting(
        (),
        "layers to move at, 0 the embeddings (0,2,4); the last for a text, up to five to evaluate",
        "--layers",
    )
    sentences: Count = setting(
        2_000,
        "sentences of each language, or translations, that the shift is estimated on",
        "--sentences",
        gt=1,
    )
    limit: Count = setting(500, "sentences, or translations, that it is tested on", "--limit", gt=1)
    top: Count = setting(3, "candidates to show for each token", "--top", gt=0, le=100)
    random_vectors: Count = setting(
        5,
        "random vectors of equal length that are tried beside the shift",
        "--random-vectors",
        gt=0,
        le=1_000,
    )

    @model_validator(mode="after")
    def _two_languages(self) -> Self:
        if self.source == self.target:
            raise ValueError(f"--from and --to are both '{self.source}'")
        return self
