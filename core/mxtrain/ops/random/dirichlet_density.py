"""The density of the Dirichlet distribution."""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels.gamma_function import log_gamma
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.random.densities import require_floating


def _dirichlet_shape(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    sample, alpha = ins
    if sample is None or alpha is None:
        return ins, outs
    if not alpha or len(alpha) > len(sample):
        raise ArgumentError(f"Expected: sample and alpha with one last axis. Received: shapes {sample} and {alpha}.")
    end = len(alpha) - 1
    (*lead, size) = shapes.unify(alpha, (*sample[:end], sample[-1]))
    sample = (*lead, *sample[end:-1], size)
    return [sample, (*lead, size)], [shapes.unify(sample[:-1] or (1,), outs[0])]


@operator(
    "_random_pdf_dirichlet",
    "random_pdf_dirichlet",
    cases=[
        Case(sample=(2, 2, 3), alpha=(2, 3), low=0.5, high=1.5),
        Case(sample=(2, 3), alpha=(3,), is_log=True, low=0.5, high=1.5),
    ],
)
class Dirichlet:
    """Density of the Dirichlet distribution of concentrations alpha.

    alpha: (..., k). sample: (..., *more, k), each row positive and of sum 1. is_log: give the logarithm. Output: the
    shape of the sample without its last axis. Source: MXNet 1.9.1.
    """

    infer_shape = _dirichlet_shape

    def forward(xp, sample, alpha, *, is_log: bool = False):
        require_floating((sample, alpha))
        _, (shape,) = _dirichlet_shape([sample.shape, alpha.shape], [None], None)
        more = (1,) * (sample.ndim - alpha.ndim)
        a = alpha.astype(np.float64).reshape(*alpha.shape[:-1], *more, alpha.shape[-1])
        values = ((a - 1) * xp.log(sample.astype(np.float64)) - log_gamma(xp, a)).sum(-1)
        values = values + log_gamma(xp, a.sum(-1))
        return (values if is_log else xp.exp(values)).astype(sample.dtype).reshape(shape)

    def gradient(F, gy, y, sample, alpha, *, is_log):
        weight = F._spread_reduced(gy if is_log else gy * y, sample, axis=-1)
        rows = F._spread_over_middle(alpha, sample, kept=1)
        total = F._spread_reduced(F.sum(rows, axis=-1), rows, axis=-1)
        by_alpha = weight * (F.log(sample) - F._digamma(rows) + F._digamma(total))
        return weight * (rows - 1) / sample, F._sum_over_middle(by_alpha, alpha, kept=1)
