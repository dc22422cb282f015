"""demo:digits, the handwritten digits that come with scikit-learn: 8 x 8 pixels in grey, ten
classes (Alpaydin and Kaynak 1998, UCI Machine Learning Repository).

The first 1,437 are to learn from; demo:digits-test are the other 360, which other people wrote.
"""

from collections.abc import Iterator

import numpy as np

from sslcli.api import Document, Where
from sslplugins.readers.images.cutting import document_of

TRAIN, TEST = "demo:digits", "demo:digits-test"
TRAINED = 1_437
DARKEST = 16  # of the pixels of scikit-learn
PATCH = 2


def digits(reference: str) -> Iterator[Document]:
    """Yield the images of one part, labelled "0" to "9"."""
    from sklearn.datasets import load_digits  # slow to import

    held = load_digits()
    part = slice(TRAINED) if reference == TRAIN else slice(TRAINED, None)
    pixels_NHW = (held.images[part] / DARKEST).astype(np.float32)
    for number, (image_HW, label) in enumerate(
        zip(pixels_NHW, held.target[part].tolist(), strict=True), start=1
    ):
        yield document_of(image_HW[:, :, None], Where(reference, number), PATCH, str(label))
