"""Scaled products of matrices, or of stacks of them: linalg_gemm, linalg_gemm2, linalg_syrk."""

import functools
from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Params
from mxtrain.ops.tensor.matrix import batch_product_gradient, multiply_matrices


def _rows_beside_columns(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The order of axes in which `axis`, which holds the rows, stands just before the last one."""
    rows = shapes.normalize_axis(axis, len(shape))
    if len(shape) < 2 or rows == len(shape) - 1:
        raise ArgumentError(f"Expected: 2 or more axes, rows in one before the last. Received: {shape}, axis={axis}.")
    return (*(n for n in range(len(shape) - 1) if n != rows), rows, len(shape) - 1)


def _product_shape(a: tuple[int, ...], b: tuple[int, ...], p: Any) -> tuple[int, ...]:
    """The shape of op(A) op(B), its rows in `axis`. Raises ArgumentError for factors that do not fit."""
    if len(a) != len(b):
        raise ArgumentError(f"Expected: factors of one rank. Received: {a} and {b}.")
    order = _rows_beside_columns(a, p.axis)
    (*lead_a, rows, inner), (*lead_b, other, columns) = (tuple(shape[n] for n in order) for shape in (a, b))
    if p.transpose_a:
        rows, inner = inner, rows
    if p.transpose_b:
        other, columns = columns, other
    lead = shapes.unify(tuple(lead_a), tuple(lead_b))
    shapes.unify((inner,), (other,))
    moved = (*lead, rows, columns)
    return tuple(moved[order.index(n)] for n in range(len(a)))


def _multiply(xp: Any, a: Any, b: Any, alpha: float, transpose_a: bool, transpose_b: bool, axis: int) -> Any:
    order = _rows_beside_columns(a.shape, axis)
    left, right = a.transpose(order), b.transpose(order)
    left = left.swapaxes(-1, -2) if transpose_a else left
    right = right.swapaxes(-1, -2) if transpose_b else right
    product = multiply_matrices(xp, left, right)
    if alpha != 1:
        product *= product.dtype.type(alpha)
    return product.transpose([order.index(n) for n in range(a.ndim)])


_CASES = (
    {"A": (2, 3), "B": (3, 2), "alpha": 2.0},
    {"A": (2, 3, 2), "B": (2, 3, 4), "transpose_a": True},
    {"A": (2, 1, 3), "B": (4, 1, 3), "transpose_b": True, "axis": 0},
    {"A": (3, 2), "B": (4, 3), "transpose_a": True, "transpose_b": True},
)


@operator("_linalg_gemm2", "linalg_gemm2", cases=[Case(case) for case in _CASES])
class Gemm2:
    """alpha * op(A) op(B), for matrices or stacks of them.

    A, B: (..., rows, columns), one floating dtype, equal leading axes; transpose_a, transpose_b: take the transposed
    matrices. axis: the axis of the rows, -2 by default. Output: (..., rows of op(A), columns of op(B)).
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None or ins[1] is None:
            return ins, outs
        return ins, [shapes.unify(_product_shape(*ins, p), outs[0])]

    def forward(xp, A, B, *, transpose_a: bool = False, transpose_b: bool = False, alpha: float = 1.0, axis: int = -2):
        _product_shape(A.shape, B.shape, Params(transpose_a=transpose_a, transpose_b=transpose_b, axis=axis))
        return _multiply(xp, A, B, alpha, transpose_a, transpose_b, axis)

    def gradient(F, gy, y, A, B, *, transpose_a, transpose_b, alpha, axis):
        product = functools.partial(F._linalg_gemm2, alpha=alpha, axis=axis)
        return batch_product_gradient(product, gy, A, B, transpose_a, transpose_b)


@operator(
    "_linalg_gemm",
    "linalg_gemm",
    cases=[
        Case({**case, "C": shape, "beta": 0.5})
        for case, shape in zip(_CASES, ((2, 2), (2, 2, 4), (2, 1, 4), (2, 4)), strict=True)
    ],
)
class Gemm:
    """alpha * op(A) op(B) + beta * C; else as linalg_gemm2. C: the shape of the product. Output: the same."""

    def infer_shape(ins, outs, p):
        if ins[0] is None or ins[1] is None:
            return ins, outs
        product = shapes.unify_all([_product_shape(*ins[:2], p), ins[2], outs[0]])
        return [*ins[:2], product], [product]

    def forward(
        xp,
        A,
        B,
        C,
        *,
        transpose_a: bool = False,
        transpose_b: bool = False,
        alpha: float = 1.0,
        beta: float = 1.0,
        axis: int = -2,
    ):
        p = Params(transpose_a=transpose_a, transpose_b=transpose_b, axis=axis)
        shapes.unify(_product_shape(A.shape, B.shape, p), C.shape)
        types.unify(A.dtype, C.dtype)
        return _multiply(xp, A, B, alpha, transpose_a, transpose_b, axis) + C * C.dtype.type(beta)

    def gradient(F, gy, y, A, B, C, *, transpose_a, transpose_b, alpha, beta, axis):
        product = functools.partial(F._linalg_gemm2, alpha=alpha, axis=axis)
        return (*batch_product_gradient(product, gy, A, B, transpose_a, transpose_b), gy * beta)


@operator(
    "_linalg_syrk",
    "linalg_syrk",
    cases=[Case(A=(2, 3), alpha=0.5), Case(A=(2, 3, 2), transpose=True)],
)
class Syrk:
    """alpha * A transposed(A), or with `transpose` alpha * transposed(A) A. A: (..., rows, columns), floating."""

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(_square_shape(ins[0], p.transpose), outs[0])]

    def forward(xp, A, *, transpose: bool = False, alpha: float = 1.0):
        _square_shape(A.shape, transpose)
        return _multiply(xp, A, A, alpha, transpose, not transpose, -2)

    def gradient(F, gy, y, A, *, transpose, alpha):
        symmetric = gy + F.SwapAxis(gy, dim1=-1, dim2=-2)
        if transpose:
            return F._linalg_gemm2(A, symmetric, alpha=alpha)
        return F._linalg_gemm2(symmetric, A, alpha=alpha)


def _square_shape(shape: tuple[int, ...], transpose: bool) -> tuple[int, ...]:
    if len(shape) < 2:
        raise ArgumentError(f"Expected: matrices, of 2 or more axes. Received: shape {shape}.")
    size = shape[-1] if transpose else shape[-2]
    return (*shape[:-2], size, size)
