"""So many labelled images of a file, evenly over the labels: sample.py TRAIN.npz COUNT OUT.npz"""

import sys

import numpy as np

SEED = 0


def sampled(labels: np.ndarray, count: int) -> np.ndarray:
    """Places of as many images of each label, in the order of the file."""
    names = np.unique(labels)
    shuffled = np.random.default_rng(SEED).permutation(len(labels))
    each = [shuffled[labels[shuffled] == name][: max(1, count // len(names))] for name in names]
    return np.sort(np.concatenate(each))


def main(file: str, count: int, out: str) -> None:
    found = np.load(file)
    chosen = sampled(found["labels"], count)
    np.savez(out, images=found["images"][chosen], labels=found["labels"][chosen])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
