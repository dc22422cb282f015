"""Small English texts about animals, as many as wanted."""

import numpy as np

NOUNS = ["cat", "dog", "bird", "fish", "horse", "mouse", "lion", "bear", "wolf", "goat"]
VERBS = ["sees", "likes", "follows", "hears", "finds"]
PLACES = ["garden", "house", "river", "forest", "street", "market"]


def generated_paragraphs(count: int, seed: int = 0) -> list[str]:
    """Small paragraphs of three to six sentences about one animal; what it does depends on what it
    is.
    """
    random = np.random.default_rng(seed)
    paragraphs = []
    for _ in range(count):
        subject = int(random.integers(len(NOUNS)))
        sentences = []
        for _ in range(int(random.integers(3, 7))):
            place, other = (
                PLACES[(subject + int(random.integers(2))) % len(PLACES)],
                NOUNS[int(random.integers(len(NOUNS)))],
            )
            sentences.append(
                f"The {NOUNS[subject]} {VERBS[subject % len(VERBS)]} the {other} in the {place}."
            )
        paragraphs.append(" ".join(sentences))
    return paragraphs
