"""`_cvimresize` and `_cvcopyMakeBorder` give MXNet 1.9.1's numbers."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd

IMAGE = (np.arange(4 * 5 * 3) * 4 % 256).astype(np.uint8).reshape(4, 5, 3)
SMALL = nd.array(IMAGE[:2, :2], dtype="uint8")
INTERNAL = nd._internal


@pytest.mark.parametrize(
    ("interp", "first_channels"),
    [
        (0, [0, 4, 8, 12, 16, 20, 36, 40, 44]),
        (1, [14, 18, 22, 34, 38, 42, 54, 58, 62]),
        (2, [11, 15, 19, 32, 36, 40, 52, 56, 60]),
        (3, [20, 24, 28, 39, 43, 47, 58, 62, 66]),
        (4, [10, 14, 18, 31, 35, 39, 52, 56, 60]),
    ],
)
def test_resize(interp, first_channels):
    resized = INTERNAL._cvimresize(nd.array(IMAGE, dtype="uint8"), w=3, h=3, interp=interp)
    assert resized.dtype == np.uint8
    assert resized.shape == (3, 3, 3)
    assert resized.asnumpy()[0].ravel().tolist() == first_channels


@pytest.mark.parametrize(
    ("options", "first_row", "second_row"),
    [
        ({"value": 7.0}, [7] * 12, [7, 7, 7, 7, 7, 7, 0, 4, 8, 12, 16, 20]),
        ({"values": (1, 2, 3)}, [1, 2, 3] * 4, [1, 2, 3, 1, 2, 3, 0, 4, 8, 12, 16, 20]),
        ({"type": 1}, [0, 4, 8, 0, 4, 8, 0, 4, 8, 12, 16, 20], [0, 4, 8, 0, 4, 8, 0, 4, 8, 12, 16, 20]),
        ({"type": 2}, [12, 16, 20, 0, 4, 8, 0, 4, 8, 12, 16, 20], [12, 16, 20, 0, 4, 8, 0, 4, 8, 12, 16, 20]),
        ({"type": 3}, [60, 64, 68, 72, 76, 80] * 2, [0, 4, 8, 12, 16, 20] * 2),
        ({"type": 4}, [60, 64, 68, 72, 76, 80] * 2, [0, 4, 8, 12, 16, 20] * 2),
    ],
)
def test_border(options, first_row, second_row):
    framed = INTERNAL._cvcopyMakeBorder(SMALL, top=1, bot=0, left=2, right=0, **options)
    assert framed.shape == (3, 4, 3)
    assert framed.asnumpy()[0].ravel().tolist() == first_row
    assert framed.asnumpy()[1].ravel().tolist() == second_row


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: INTERNAL._cvimresize(nd.ones((4, 5)), w=3, h=3), r"_cvimresize.*\(H, W, C\)"),
        (lambda: INTERNAL._cvimresize(SMALL, w=0, h=3), "_cvimresize.*positive"),
        (lambda: INTERNAL._cvimresize(SMALL, w=3, h=3, interp=9), "interp"),
        (lambda: INTERNAL._cvcopyMakeBorder(SMALL, top=-1, bot=0, left=2, right=0), "borders"),
        (lambda: INTERNAL._cvcopyMakeBorder(SMALL, top=1, bot=0, left=2, right=0, type=7), "type"),
        (lambda: INTERNAL._cvcopyMakeBorder(SMALL, top=1, bot=0, left=2, right=0, values=(1,)), "per channel"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(mx.MXNetError, match=message):
        call()
