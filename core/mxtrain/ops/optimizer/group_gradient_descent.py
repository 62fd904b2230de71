"""Update operators of several parameters at once along the gradient, and the layer-wise rates that go with them.

The `preloaded` forms take the learning rates and weight decays as arrays, which may be results of other operators.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.ops import shapes, types
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.optimizer.groups import MASTER, declare_group_update, require_one_each, split, update_each
from mxtrain.ops.parameters import Floats

_RATES = ("lrs", "wds")


def _run(
    xp: Any, kernel: Any, data: Any, names: Any, extra: Any, count: int, lrs: Any, wds: Any, **options: Any
) -> tuple[Any, ...]:
    groups = split(data, names, extra, count)
    require_one_each(count, lrs=lrs, wds=wds)
    keywords = [{"lr": lr, "wd": wd, **options} for lr, wd in zip(lrs, wds, strict=True)]
    return update_each(xp, kernel, groups, names, keywords)


def _rates(data: Sequence[Any]) -> tuple[list[float], list[float]]:
    """The learning rates and weight decays at the end of the inputs of a `preloaded` form."""
    if len(data) < 2:
        return [], []
    return data[-2].reshape(-1).tolist(), data[-1].reshape(-1).tolist()


def _sgd(names: Sequence[str]) -> Callable[..., Any]:
    def forward(
        xp,
        *data,
        lrs: Floats,
        wds: Floats,
        rescale_grad: float = 1.0,
        clip_gradient: float = -1.0,
        num_weights: int = 1,
    ):
        options = {"rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
        return _run(xp, kernels.sgd, data, names, (), num_weights, lrs, wds, **options)

    return forward


def _sgd_mom(names: Sequence[str]) -> Callable[..., Any]:
    def forward(
        xp,
        *data,
        lrs: Floats,
        wds: Floats,
        momentum: float = 0.0,
        rescale_grad: float = 1.0,
        clip_gradient: float = -1.0,
        num_weights: int = 1,
    ):
        options = {"momentum": momentum, "rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
        return _run(xp, kernels.sgd_mom, data, names, (), num_weights, lrs, wds, **options)

    return forward


def _preloaded_sgd(names: Sequence[str]) -> Callable[..., Any]:
    def forward(xp, *data, rescale_grad: float = 1.0, clip_gradient: float = -1.0, num_weights: int = 1):
        options = {"rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
        return _run(xp, kernels.sgd, data, names, _RATES, num_weights, *_rates(data), **options)

    return forward


def _preloaded_sgd_mom(names: Sequence[str]) -> Callable[..., Any]:
    def forward(
        xp,
        *data,
        momentum: float = 0.0,
        rescale_grad: float = 1.0,
        clip_gradient: float = -1.0,
        num_weights: int = 1,
    ):
        options = {"momentum": momentum, "rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
        return _run(xp, kernels.sgd_mom, data, names, _RATES, num_weights, *_rates(data), **options)

    return forward


def _declare(single: str, make: Any, make_preloaded: Any, states: tuple[str, ...], example: dict[str, Any]) -> None:
    """The operators on several parameters, with and without master copies, that each make the step `single`."""
    for prefix, master in (("", ()), ("mp_", (MASTER,))):
        names = ("weight", "grad", *states, *master)
        meaning = f"{prefix}{single} on several parameters at once"
        declare_group_update(
            f"multi_{prefix}{single}",
            make(names),
            f"{meaning}. lrs, wds: a number for each.",
            names,
            {**example, "lrs": (0.1, 0.2), "wds": (0.01, 0.0)},
        )
        declare_group_update(
            f"preloaded_multi_{prefix}{single}",
            make_preloaded(names),
            f"{meaning}, with rates in arrays.",
            names,
            example,
            extra=_RATES,
            extra_examples=(np.array([0.1, 0.2]), np.array([0.01, 0.0])),
        )


_declare("sgd_update", _sgd, _preloaded_sgd, (), {"clip_gradient": 0.3})
_declare("sgd_mom_update", _sgd_mom, _preloaded_sgd_mom, ("mom",), {"momentum": 0.9, "rescale_grad": 0.5})


@operator(
    "multi_lars",
    cases=[Case(lrs=(3,), weights_sum_sq=(3,), grads_sum_sq=(3,), wds=(3,), eta=0.5, eps=1e-3, low=0.1)],
)
class MultiLars:
    """Layer-wise learning rates: lr * eta * |w| / (rescale_grad * |g| + wd * |w| + eps); lr where |w| or |g| is 0.

    lrs, wds: one number per layer. weights_sum_sq, grads_sum_sq: |w|^2 and |g|^2 (see multi_sum_sq). All of one shape,
    floating. Output: the same. Source: MXNet 1.9.1; arXiv:1708.03888.
    """

    infer_shape = shapes.same
    gradient = NOT_DIFFERENTIABLE

    def forward(xp, lrs, weights_sum_sq, grads_sum_sq, wds, *, eta: float, eps: float, rescale_grad: float = 1.0):
        inputs = (lrs, weights_sum_sq, grads_sum_sq, wds)
        shapes.unify_all([array.shape for array in inputs])
        types.unify_all([array.dtype for array in inputs])
        types.require_floating(lrs.dtype)
        weights, grads = xp.sqrt(weights_sum_sq), xp.sqrt(grads_sum_sq)
        usable = (weights > 0) & (grads > 0)
        bottom = xp.where(usable, grads * rescale_grad + wds * weights + eps, 1)
        return xp.where(usable, lrs * (eta * weights / bottom), lrs).astype(lrs.dtype)
