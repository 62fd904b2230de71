"""`MakeLoss` and `make_loss`: any expression as a loss, whose own gradient is constant."""

from typing import Literal

from mxtrain.ops import shapes
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.storage import on_values


def _copy(data, out):
    if out is None:
        return data.copy()
    if out is not data:
        out[...] = data
    return out


@operator("MakeLoss", cases=[Case(data=(2, 3)), Case(data=(2, 3), normalization="valid", grad_scale=2.0)])
class MakeLoss:
    """A copy of the data, with the gradient grad_scale whatever the gradient of the output.

    normalization: divide the gradient by the batch size ("batch"), by the number of values above valid_thresh
    ("valid"), or not ("null"). data: any shape, floating. Output: same shape and dtype. Source: MXNet 1.9.1's
    `MakeLoss`.
    """

    infer_shape = shapes.same
    ignores_head_gradient = True

    def forward(
        xp,
        data,
        *,
        grad_scale: float = 1.0,
        valid_thresh: float = 0.0,
        normalization: Literal["null", "batch", "valid"] = "null",
        out=None,
    ):
        return _copy(data, out)

    def gradient(F, gy, y, data, **params):
        return F._make_loss_backward(data, **params)


@operator("_make_loss_backward", cases=[Case(data=(2, 3), normalization="batch")])
class MakeLossBackward:
    """Gradient of MakeLoss by its data; parameters as there."""

    infer_shape = shapes.same
    gradient = NOT_DIFFERENTIABLE

    def forward(
        xp,
        data,
        *,
        grad_scale: float = 1.0,
        valid_thresh: float = 0.0,
        normalization: Literal["null", "batch", "valid"] = "null",
        out=None,
    ):
        result = xp.empty_like(data) if out is None else out
        divisor = 1
        if normalization == "batch":
            divisor = data.shape[0]
        elif normalization == "valid":
            divisor = xp.maximum((data > valid_thresh).sum(), 1)
        result[...] = grad_scale / divisor
        return result


@operator("make_loss", cases=[Case(data=(2, 3))])
class MakeLossSimple:
    """A copy of the data, with the gradient 1 whatever the gradient of the output. data: any shape, floating."""

    listed_outputs = ("loss",)
    infer_shape = shapes.same
    storage = on_values("csr", "row_sparse")
    ignores_head_gradient = True

    def forward(xp, data, *, out=None):
        return _copy(data, out)

    def gradient(F, gy, y, data):
        return F.ones_like(data)
