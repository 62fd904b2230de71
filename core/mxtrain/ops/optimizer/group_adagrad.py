"""AdaGrad with one step size per row."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.optimizer.row_forms import row_forms
from mxtrain.ops.optimizer.steps import target_of
from mxtrain.ops.types import unify


def _group_adagrad(
    xp,
    weight,
    grad,
    history,
    *,
    lr: float,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    epsilon: float = 1e-5,
    out=None,
):
    if weight.ndim != 2:
        raise ArgumentError(f"Expected: weights of 2 axes. Received: shape {weight.shape}.")
    shapes.unify((weight.shape[0], 1), history.shape)
    unify(weight.dtype, history.dtype)
    target = target_of(weight, out, grad)
    options = {"rescale_grad": rescale_grad, "clip_gradient": clip_gradient, "epsilon": epsilon}
    kernels.group_adagrad(xp, target, grad, history, lr=lr, **options)
    return target


@operator(
    "_contrib_group_adagrad_update",
    cases=[Case(weight=(2, 3), grad=(2, 3), history=(2, 1), lr=0.1, low=0.1, differentiable=False)],
)
class GroupAdagradUpdate:
    """Row-wise AdaGrad: history += mean(g * g) of each row; weight -= lr * g / sqrt(history + epsilon).

    g = clip(rescale_grad * grad). weight, grad: (rows, columns), one floating dtype. history: (rows, 1), changed in
    place. Output: the new weight; give `out=weight` to update it. Source: MXNet 1.9.1.
    """

    gradient = NOT_DIFFERENTIABLE
    mutates = ("history",)
    inplace = (0,)
    storage = row_forms(_group_adagrad, 1)

    def infer_shape(ins, outs, p):
        weight = shapes.unify_all([ins[0], ins[1], outs[0]])
        if weight is None:
            return ins, outs
        if len(weight) != 2:
            raise ArgumentError(f"Expected: weights of 2 axes. Received: shape {weight}.")
        history = shapes.unify((weight[0], 1), ins[2])
        weight = (history[0], weight[1])
        return [weight, weight, history], [weight]

    forward = _group_adagrad
