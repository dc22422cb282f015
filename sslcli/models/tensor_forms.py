"""The forms in which files hold a tensor of ours: transposed, as a row, or as a kernel.

Letters: D outputs, C channels, P pixels of a patch's side, F numbers of a patch.
"""

from torch import Tensor

from sslcli.models.tensor_names import TensorKey


def shape_in_file(key: TensorKey, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that a file has for tensors of ours which, joined, have `shape`."""
    if key.patch:
        width, features = shape
        return width, features // key.patch**2, key.patch, key.patch
    shape = shape[::-1] if key.transposed else shape
    return (*(1,) * key.leading, *shape)


def from_file(key: TensorKey, whole: Tensor) -> Tensor:
    """Ours out of theirs: of a kernel [D, C, P, P] rows [D, F], the channel last."""
    if key.patch:
        return whole.permute(0, 2, 3, 1).flatten(1)
    whole = whole[(0,) * key.leading] if key.leading else whole
    return whole.T if key.transposed else whole


def to_file(key: TensorKey, whole: Tensor) -> Tensor:
    """Theirs out of ours."""
    if key.patch:
        return whole.unflatten(1, (key.patch, key.patch, -1)).permute(0, 3, 1, 2)
    whole = whole.T if key.transposed else whole
    return whole[(None,) * key.leading] if key.leading else whole
