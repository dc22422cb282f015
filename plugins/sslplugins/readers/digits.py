"""demo:digits, the handwritten digits that come with scikit-learn: 8 x 8 pixels in grey, ten
classes (Alpaydin and Kaynak 1998, UCI Machine Learning Repository).

The first 1,437 are to learn from; demo:digits-test are the other 360, which other people wrote.
"""

from collections.abc import Iterator

import numpy as np

from sslcli.api import Deferred, Document, Where
from sslplugins.readers.images.cutting import document_of

datasets = Deferred("sklearn.datasets")  # slow to import

TRAIN, TEST = "demo:digits", "demo:digits-test"
TRAINED = 1_437
DARKEST = 16  # of the pixels of scikit-learn
SIDE = 8
PATCH = 2


def digits(reference: str) -> Iterator[Document]:
    """Yield the images of one part, labelled "0" to "9"."""
    pixels_NP, classes_N = datasets.load_digits(return_X_y=True)
    part = slice(TRAINED) if reference == TRAIN else slice(TRAINED, None)
    pixels_NHW = (pixels_NP[part] / DARKEST).astype(np.float32).reshape(-1, SIDE, SIDE)
    for number, (image_HW, label) in enumerate(
        zip(pixels_NHW, classes_N[part].tolist(), strict=True), start=1
    ):
        yield document_of(image_HW[:, :, None], Where(reference, number), PATCH, str(label))
