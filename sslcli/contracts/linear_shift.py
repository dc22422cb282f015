"""The affine map that a shift fits between the hidden states of two languages; frozen, savable.

Letters: N rows, D width.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class LinearShift:
    """x -> x + alpha vector; with a matrix x -> x + alpha ((x - origin) matrix + vector - x).

    alpha 0 changes nothing, alpha 1 applies the full shift. Every row [D] is mapped on its own, and
    affinely, so the shift of a mean is the mean of the shifts. Raises ValueError for tensors whose
    shapes do not fit.
    """

    vector_D: Tensor
    matrix_DD: Tensor | None = None
    origin_D: Tensor | None = None

    def __post_init__(self) -> None:
        width = self.vector_D.shape[0] if self.vector_D.dim() == 1 else -1
        if width < 1:
            raise ValueError(f"the vector of a shift is one row, not {list(self.vector_D.shape)}")
        matrix_DD, origin_D = self.matrix_DD, self.origin_D
        if matrix_DD is None and origin_D is None:
            return
        if matrix_DD is None or origin_D is None:
            raise ValueError("the matrix of a shift and its origin come together")
        if (matrix_DD.shape, origin_D.shape) != ((width, width), (width,)):
            shapes = [list(each.shape) for each in (matrix_DD, origin_D)]
            raise ValueError(
                f"a shift of width {width} has no matrix {shapes[0]} and origin {shapes[1]}"
            )

    def __call__(self, x_ND: Tensor, alpha: float) -> Tensor:
        """Return the shifted rows [N, D], in the dtype and on the device of x."""
        if self.matrix_DD is None or self.origin_D is None:
            return x_ND + alpha * self.vector_D.to(x_ND)
        mapped_ND = (x_ND - self.origin_D.to(x_ND)) @ self.matrix_DD.to(x_ND) + self.vector_D.to(
            x_ND
        )
        return x_ND + alpha * (mapped_ND - x_ND)

    @property
    def width(self) -> int:
        """The number of dimensions D."""
        return len(self.vector_D)

    def tensors(self) -> dict[str, Tensor]:
        """Return vector, matrix and origin by name, where present; `LinearShift.of` is the
        inverse.
        """
        named = {"vector": self.vector_D, "matrix": self.matrix_DD, "origin": self.origin_D}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> "LinearShift":
        """Build a shift from named tensors.

        Raises KeyError without a vector, ValueError for other names and for shapes that do not fit.
        """
        if strange := sorted(tensors.keys() - {"vector", "matrix", "origin"}):
            raise ValueError(f"a shift has no '{strange[0]}'")
        return cls(tensors["vector"], tensors.get("matrix"), tensors.get("origin"))

    def __repr__(self) -> str:
        if self.matrix_DD is None or self.origin_D is None:
            return (
                "LinearShift(a vector of length "
                f"{float(self.vector_D.norm()):.4g} in {self.width} dimensions)"
            )
        unit_DD = torch.eye(self.width, dtype=self.matrix_DD.dtype, device=self.matrix_DD.device)
        kind = (
            "an orthogonal map"
            if torch.allclose(self.matrix_DD @ self.matrix_DD.T, unit_DD, atol=1e-5)
            else "a linear map"
        )
        apart = float((self.vector_D - self.origin_D).norm())
        return f"LinearShift({kind} of {self.width} dimensions between means {apart:.4g} apart)"
