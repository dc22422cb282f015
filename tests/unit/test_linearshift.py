"""The frozen map of a shift: its formula, its limits, and what it says of itself."""

import numpy as np
import pytest
import torch

from sslcli.contracts.linear_shift import LinearShift

WIDTH = 5


def random_map(seed=0):
    rng = np.random.default_rng(seed)
    matrix_DD = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
    return rng.normal(size=WIDTH), matrix_DD, rng.normal(size=WIDTH)


def tensors(*arrays):
    return [torch.from_numpy(np.asarray(array)) for array in arrays]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, -2.0])
def test_with_a_matrix_each_row_goes_its_own_way(alpha):
    vector_D, matrix_DD, origin_D = random_map()
    x_ND = np.random.default_rng(1).normal(size=(3, WIDTH))
    slow = np.stack([x + alpha * (matrix_DD.T @ (x - origin_D) + vector_D - x) for x in x_ND])
    moved = LinearShift(*tensors(vector_D, matrix_DD, origin_D))(torch.from_numpy(x_ND), alpha)
    assert np.allclose(moved, slow)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_keep_their_type_and_alpha_0_their_bits(dtype):
    x_ND = torch.randn(4, WIDTH).to(dtype)
    for shift in (LinearShift(*tensors(*random_map())), LinearShift(tensors(np.ones(WIDTH))[0])):
        assert torch.equal(shift(x_ND, 0.0), x_ND)
        assert shift(x_ND, 1.0).dtype == dtype


@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 5),),
        ((0,),),
        ((5,), (5, 5)),
        ((5,), None, (5,)),
        ((5,), (5, 4), (5,)),
        ((5,), (5, 5), (4,)),
    ],
)
def test_tensors_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match="shift"):
        LinearShift(*(None if shape is None else torch.zeros(shape) for shape in shapes))


def test_it_is_a_value_that_can_be_taken_apart_and_put_together():
    shift = LinearShift(*tensors(*random_map()))
    again = LinearShift.of(shift.tensors())
    x_ND = torch.randn(4, WIDTH)
    assert torch.equal(again(x_ND, 0.7), shift(x_ND, 0.7))
    with pytest.raises(AttributeError):
        shift.vector_D = shift.vector_D * 2
    with pytest.raises(ValueError, match="no 'alpha'"):
        LinearShift.of({**shift.tensors(), "alpha": torch.ones(1)})


def test_it_says_what_it_is():
    vector = LinearShift(torch.tensor([3.0, 4.0]))
    turn = LinearShift(
        torch.tensor([3.0, 4.0]), torch.tensor([[0.0, 1.0], [-1.0, 0.0]]), torch.zeros(2)
    )
    stretch = LinearShift(torch.tensor([3.0, 4.0]), 2 * torch.eye(2), torch.zeros(2))
    assert repr(vector) == "LinearShift(a vector of length 5 in 2 dimensions)"
    assert repr(turn) == "LinearShift(an orthogonal map of 2 dimensions between means 5 apart)"
    assert repr(stretch) == "LinearShift(a linear map of 2 dimensions between means 5 apart)"
