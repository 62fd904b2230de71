"""Matrix products."""

import math
from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.sparse.dot_forms import dot_forms, gradient_by_rhs_forms


def multiply_matrices(xp: Any, a: Any, b: Any, out: Any = None) -> Any:
    """The product of matrices (or stacks of them) in their own dtype; small floats are summed in float32."""
    types.unify(a.dtype, b.dtype)
    if a.dtype.itemsize < 4 and a.dtype.kind in "fV":
        product = xp.matmul(a.astype("float32"), b.astype("float32")).astype(a.dtype)
        if out is None:
            return product
        out[...] = product
        return out
    return xp.matmul(a, b, out=out) if out is not None else xp.matmul(a, b)


def _left_matrix(a: Any, transposed: bool) -> Any:
    """The left factor of `dot` as a matrix: all axes but the summed one merged."""
    if transposed and a.ndim > 1:
        return a.reshape(a.shape[0], math.prod(a.shape[1:])).T
    return a.reshape(math.prod(a.shape[:-1]), a.shape[-1])


def _right_matrix(b: Any, transposed: bool) -> Any:
    if transposed and b.ndim > 1:
        return b.reshape(math.prod(b.shape[:-1]), b.shape[-1]).T
    return b.reshape(b.shape[0], math.prod(b.shape[1:]))


def _dot_shape(lhs: tuple[int, ...], rhs: tuple[int, ...], transpose_a: bool, transpose_b: bool) -> tuple[int, ...]:
    """The shape of `dot`. Raises ArgumentError where the summed axes differ."""
    if len(lhs) == len(rhs) == 1 and (transpose_a or transpose_b):
        raise ArgumentError("Expected: no transposition of vectors. Received: transpose_a or transpose_b.")
    left, summed = (lhs[1:], lhs[0]) if transpose_a and len(lhs) > 1 else (lhs[:-1], lhs[-1])
    right, other = (rhs[:-1], rhs[-1]) if transpose_b and len(rhs) > 1 else (rhs[1:], rhs[0])
    if summed != other and -1 not in (summed, other):
        raise ArgumentError(
            f"Expected: summed axes of one size. Received: lhs.shape={lhs}, rhs.shape={rhs}, "
            f"transpose_a={transpose_a}, transpose_b={transpose_b}."
        )
    return (*left, *right) or (1,)


def _dense_dot(xp: Any, lhs: Any, rhs: Any, transpose_a: bool, transpose_b: bool, out: Any = None) -> Any:
    shape = _dot_shape(lhs.shape, rhs.shape, transpose_a, transpose_b)
    a, b = _left_matrix(lhs, transpose_a), _right_matrix(rhs, transpose_b)
    if out is not None:
        multiply_matrices(xp, a, b, out.reshape(a.shape[0], b.shape[1]))
        return out
    return multiply_matrices(xp, a, b).reshape(shape)


@operator(
    "dot",
    cases=[
        Case(lhs=(2, 3), rhs=(3, 4)),
        Case(lhs=(3, 2), rhs=(4, 3), transpose_a=True, transpose_b=True),
        Case(lhs=(3,), rhs=(3,)),
        Case(lhs=(2, 2, 3), rhs=(3, 2)),
        Case(lhs=(3, 2, 2), rhs=(2, 2, 3), transpose_a=True, transpose_b=True),
        Case(lhs=(3,), rhs=(2, 3), transpose_b=True),
        Case(lhs=(3, 2), rhs=(3, 4), transpose_a=True),
        Case(lhs=(2, 3), rhs=(4, 3), transpose_b=True),
        *(
            Case(lhs=(3, 2), rhs=(3, 4), transpose_a=True, forward_stype=stype)
            for stype in ("default", "csr", "row_sparse")
        ),
    ],
)
class Dot:
    """The sum of products over the last axis of lhs and the first of rhs.

    lhs, rhs: at least one axis, one dtype. transpose_a: sum over the first axis of lhs; transpose_b: over the last of
    rhs. forward_stype: the storage of the result where lhs or rhs is sparse. Output: the other axes of lhs, then of
    rhs; (1,) for two vectors. Source: MXNet 1.9.1.
    """

    storage = dot_forms(_dense_dot, _dot_shape)

    def infer_shape(ins, outs, p):
        if ins[0] is None or ins[1] is None:
            return ins, outs
        return ins, [shapes.unify(_dot_shape(*ins, p.transpose_a, p.transpose_b), outs[0])]

    def forward(
        xp,
        lhs,
        rhs,
        *,
        transpose_a: bool = False,
        transpose_b: bool = False,
        forward_stype: str | None = None,
        out=None,
    ):
        return _dense_dot(xp, lhs, rhs, transpose_a, transpose_b, out)

    def gradient(F, gy, y, lhs, rhs, *, transpose_a, transpose_b, forward_stype):
        p = {"transpose_a": transpose_a, "transpose_b": transpose_b}
        return F._dot_gradient_lhs(gy, lhs, rhs, **p), F._dot_gradient_rhs(gy, lhs, rhs, **p)


_GRADIENT_CASES = [
    Case(gy=(2, 4), lhs=(2, 3), rhs=(3, 4)),
    Case(gy=(2, 4), lhs=(3, 2), rhs=(4, 3), transpose_a=True, transpose_b=True),
    Case(gy=(2, 2, 2), lhs=(2, 2, 3), rhs=(3, 2)),
]


def _infer_dot_gradient(target: int) -> shapes.ShapeRule:
    def rule(ins, outs, p):
        ins = list(ins)
        ins[target] = shapes.unify(ins[target], outs[0])
        if ins[1] is not None and ins[2] is not None:
            ins[0] = shapes.unify(ins[0], _dot_shape(ins[1], ins[2], p.transpose_a, p.transpose_b))
        return ins, [ins[target]]

    return rule


@operator("_dot_gradient_lhs", cases=_GRADIENT_CASES)
class DotGradientLhs:
    """The gradient of `dot` by lhs. gy: the shape of the product. Output: the shape of lhs, whose values are unused."""

    infer_shape = _infer_dot_gradient(1)

    def forward(xp, gy, lhs, rhs, *, transpose_a: bool = False, transpose_b: bool = False, out=None):
        b = _right_matrix(rhs, transpose_b)
        if transpose_a and lhs.ndim > 1:
            g = gy.reshape(math.prod(lhs.shape[1:]), b.shape[1])
            return _matrix_product(xp, b, g.T, lhs.shape, out)
        g = gy.reshape(math.prod(lhs.shape[:-1]), b.shape[1])
        return _matrix_product(xp, g, b.T, lhs.shape, out)

    def gradient(F, gy, y, out_gradient, lhs, rhs, **p):
        return F.dot(gy, rhs, **p), None, F._dot_gradient_rhs(out_gradient, gy, rhs, **p)


@operator("_dot_gradient_rhs", cases=_GRADIENT_CASES)
class DotGradientRhs:
    """The gradient of `dot` by rhs. gy: the shape of the product. Output: the shape of rhs, whose values are unused."""

    infer_shape = _infer_dot_gradient(2)
    storage = gradient_by_rhs_forms()

    def forward(xp, gy, lhs, rhs, *, transpose_a: bool = False, transpose_b: bool = False, out=None):
        a = _left_matrix(lhs, transpose_a)
        if transpose_b and rhs.ndim > 1:
            g = gy.reshape(a.shape[0], math.prod(rhs.shape[:-1]))
            return _matrix_product(xp, g.T, a, rhs.shape, out)
        g = gy.reshape(a.shape[0], math.prod(rhs.shape[1:]))
        return _matrix_product(xp, a.T, g, rhs.shape, out)

    def gradient(F, gy, y, out_gradient, lhs, rhs, **p):
        return F.dot(lhs, gy, **p), F._dot_gradient_lhs(out_gradient, lhs, gy, **p), None


def _matrix_product(xp: Any, a: Any, b: Any, shape: tuple[int, ...], out: Any) -> Any:
    """a @ b in another shape."""
    if out is None:
        return multiply_matrices(xp, a, b).reshape(shape)
    multiply_matrices(xp, a, b, out.reshape(a.shape[0], b.shape[1]))
    return out


def _batch_shape(lhs: tuple[int, ...], rhs: tuple[int, ...], transpose_a: bool, transpose_b: bool) -> tuple[int, ...]:
    """The shape of `batch_dot`. Raises ArgumentError for factors that do not fit."""
    if len(lhs) != len(rhs) or len(lhs) < 3:
        raise ArgumentError(f"Expected: two stacks of matrices, of 3 axes or more. Received: {lhs} and {rhs}.")
    rows, summed = (lhs[-1], lhs[-2]) if transpose_a else (lhs[-2], lhs[-1])
    other, columns = (rhs[-1], rhs[-2]) if transpose_b else (rhs[-2], rhs[-1])
    lead = shapes.unify(lhs[:-2], rhs[:-2])
    if summed != other and -1 not in (summed, other):
        raise ArgumentError(
            f"Expected: summed axes of one size. Received: {lhs} and {rhs}, "
            f"transpose_a={transpose_a}, transpose_b={transpose_b}."
        )
    return (*lead, rows, columns)


def infer_batch_dot(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    """The shape rule of a product of two stacks of matrices."""
    if ins[0] is None or ins[1] is None or -1 in (*ins[0][-2:], *ins[1][-2:]):
        return ins, outs
    return ins, [shapes.unify(_batch_shape(*ins, p.transpose_a, p.transpose_b), outs[0])]


def batch_product_gradient(product: Any, gy: Any, a: Any, b: Any, transpose_a: bool, transpose_b: bool) -> Any:
    """The gradients of op(a) @ op(b) by a and b; product(x, y, transpose_a=, transpose_b=) multiplies."""
    if transpose_a:
        by_a = product(b, gy, transpose_a=transpose_b, transpose_b=True)
    else:
        by_a = product(gy, b, transpose_a=False, transpose_b=not transpose_b)
    if transpose_b:
        by_b = product(gy, a, transpose_a=True, transpose_b=transpose_a)
    else:
        by_b = product(a, gy, transpose_a=not transpose_a, transpose_b=False)
    return by_a, by_b


@operator(
    "batch_dot",
    cases=[
        Case(lhs=(2, 2, 3), rhs=(2, 3, 2)),
        Case(lhs=(2, 3, 2), rhs=(2, 3, 2), transpose_a=True),
        Case(lhs=(2, 2, 3), rhs=(2, 2, 3), transpose_b=True),
        Case(lhs=(2, 1, 3, 2), rhs=(2, 1, 2, 3), transpose_a=True, transpose_b=True),
    ],
)
class BatchDot:
    """The matrix product of each pair of matrices in two stacks.

    lhs: (..., M, K), or (..., K, M) with transpose_a; rhs: (..., K, N), or (..., N, K) with transpose_b; the leading
    axes are equal. Output: (..., M, N), same dtype. Source: MXNet 1.9.1.
    """

    infer_shape = infer_batch_dot

    def forward(
        xp,
        lhs,
        rhs,
        *,
        transpose_a: bool = False,
        transpose_b: bool = False,
        forward_stype: str | None = None,
        out=None,
    ):
        _batch_shape(lhs.shape, rhs.shape, transpose_a, transpose_b)
        a = lhs.swapaxes(-1, -2) if transpose_a else lhs
        b = rhs.swapaxes(-1, -2) if transpose_b else rhs
        return multiply_matrices(xp, a, b, out)

    def gradient(F, gy, y, lhs, rhs, *, transpose_a, transpose_b, forward_stype):
        return batch_product_gradient(F.batch_dot, gy, lhs, rhs, transpose_a, transpose_b)
