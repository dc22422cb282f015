"""What few labelled images tell without a network: pixels.py FEW.npz DEV.npz

Logistic regression on pixels, as `ssl probe layers` has it, and the nearest neighbour.
"""

import sys

import numpy as np

from sslcli.api import linear_probe, neighbor_probe


def read(file: str) -> tuple[np.ndarray, list[str]]:
    found = np.load(file)
    images = found["images"]
    return images.reshape(len(images), -1) / 255, [str(label) for label in found["labels"]]


def main(few: str, dev: str) -> None:
    pair = (*read(few), *read(dev))
    for name, score in (
        ("logistic regression", linear_probe(*pair)),
        ("nearest neighbour", neighbor_probe(*pair, 1)),
    ):
        low, high = score.ends
        print(f"{name} on the pixels of {few}: {score.value:.3f} ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
