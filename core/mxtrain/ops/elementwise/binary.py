"""Arithmetic of two arrays: the same-shape form (`elemwise_*`, `_*`) and the broadcasting one (`broadcast_*`)."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import deliver
from mxtrain.ops.kernels.sparse import pairs
from mxtrain.ops.operator import ZERO_GRADIENT, Case, declare_operator
from mxtrain.ops.storage import Form, form


@dataclass(frozen=True)
class Binary:
    """A function of two numbers: `compute(xp, lhs, rhs, out)` and `gradient(F, gy, y, lhs, rhs)`, by lhs and by rhs."""

    elementwise: tuple[str, ...]  # names of the same-shape operator
    broadcasting: tuple[str, ...]  # names of the broadcasting operator
    meaning: str
    compute: Callable[..., Any]
    gradient: Any
    low: float = -1.0  # range of the test inputs
    storage: Callable[[Any], tuple[Form, ...]] = lambda forward: ()  # the same-shape operator's forms
    broadcast_storage: Callable[[Any], tuple[Form, ...]] = lambda forward: ()


def _ufunc(name: str) -> Callable[..., Any]:
    function = getattr(np, name)
    return lambda xp, lhs, rhs, out: (function if xp is np else getattr(xp, name))(lhs, rhs, out=out)


def _in_floats(name: str) -> Callable[..., Any]:
    """A function whose result for integers is that for floats without its fraction."""

    def compute(xp: Any, lhs: Any, rhs: Any, out: Any) -> Any:
        if lhs.dtype.kind not in "iu":
            return getattr(xp, name)(lhs, rhs, out=out)
        return deliver(getattr(xp, name)(lhs.astype(np.float64), rhs.astype(np.float64)), out, lhs.dtype)

    return compute


def _truth(name: str) -> Callable[..., Any]:
    """A comparison whose result is 0 or 1 in the inputs' dtype."""

    def compute(xp: Any, lhs: Any, rhs: Any, out: Any) -> Any:
        return deliver(getattr(xp, name)(lhs, rhs), out, lhs.dtype)

    return compute


def _mod(xp: Any, lhs: Any, rhs: Any, out: Any) -> Any:
    """The remainder with the divisor's sign; 0 where the divisor is 0, as in MXNet."""
    undefined = rhs == 0  # before anything is written: out may be rhs
    result = xp.mod(lhs, xp.where(undefined, xp.ones_like(rhs), rhs), out=out)
    result[xp.broadcast_to(undefined, result.shape)] = 0
    return result


def _divide(xp: Any, lhs: Any, rhs: Any, out: Any) -> Any:
    if lhs.dtype.kind in "iu":  # C's integer division, which truncates
        return deliver(xp.trunc(xp.true_divide(lhs, rhs)), out, lhs.dtype)
    return xp.true_divide(lhs, rhs, out=out)


def _union(forward: Any, by_scipy: Any = None) -> tuple[Form, ...]:
    compute = pairs.on_union(forward, by_scipy)
    return form("csr, csr -> csr", compute), form("row_sparse, row_sparse -> row_sparse", compute)


def _sum_forms(forward: Any) -> tuple[Form, ...]:
    left, right = pairs.into_lhs(forward), pairs.into_rhs(forward)
    return (
        *_union(forward, operator.add),
        form("default, csr -> default", left),
        form("default, row_sparse -> default", left),
        form("csr, default -> default", right),
        form("row_sparse, default -> default", right),
    )


def _difference_forms(forward: Any) -> tuple[Form, ...]:
    left = pairs.into_lhs(forward)
    return (
        *_union(forward, operator.sub),
        form("default, csr -> default", left),
        form("default, row_sparse -> default", left),
    )


def _product_forms(forward: Any) -> tuple[Form, ...]:
    both, left, right = (
        make(forward) for make in (pairs.on_intersection, pairs.at_stored_of_lhs, pairs.at_stored_of_rhs)
    )
    return (
        form("csr, csr -> csr", both),
        form("row_sparse, row_sparse -> row_sparse", both),
        form("csr, default -> csr", left),
        form("row_sparse, default -> row_sparse", left),
        form("default, csr -> csr", right),
        form("default, row_sparse -> row_sparse", right),
    )


def _onto_csr(forward: Any) -> tuple[Form, ...]:
    return (form("csr, default -> csr", pairs.broadcast_onto_csr(forward)),)


def _mod_gradient(F: Any, gy: Any, y: Any, lhs: Any, rhs: Any) -> Any:
    gy = F._zero_for_integers(gy)  # as in MXNet 1.9.1
    return gy, -gy * F.floor(lhs / rhs)


ARITHMETIC = (
    Binary(
        ("elemwise_add", "_plus", "_Plus", "_add", "_grad_add"),
        ("broadcast_add", "broadcast_plus"),
        "lhs + rhs",
        _ufunc("add"),
        lambda F, gy, y, lhs, rhs: (gy, gy),
        storage=_sum_forms,
    ),
    Binary(
        ("elemwise_sub", "_minus", "_Minus", "_sub"),
        ("broadcast_sub", "broadcast_minus"),
        "lhs - rhs",
        _ufunc("subtract"),
        lambda F, gy, y, lhs, rhs: (gy, -gy),
        storage=_difference_forms,
    ),
    Binary(
        ("elemwise_mul", "_mul", "_Mul"),
        ("broadcast_mul",),
        "lhs * rhs",
        _ufunc("multiply"),
        lambda F, gy, y, lhs, rhs: (gy * rhs, gy * lhs),
        storage=_product_forms,
        broadcast_storage=_onto_csr,
    ),
    Binary(
        ("elemwise_div", "_div", "_Div"),
        ("broadcast_div",),
        "lhs / rhs",
        _divide,
        lambda F, gy, y, lhs, rhs: (gy / rhs, -gy * lhs / (rhs * rhs)),
        low=0.5,
        broadcast_storage=_onto_csr,
    ),
    Binary(
        ("_mod", "_Mod"),
        ("broadcast_mod",),
        "the remainder of lhs / rhs, with the sign of rhs",
        _mod,
        _mod_gradient,
        low=0.6,
    ),
    Binary(
        ("_power", "_Power", "_pow"),
        ("broadcast_power",),
        "lhs to the power of rhs",
        _in_floats("power"),
        lambda F, gy, y, lhs, rhs: (gy * rhs * lhs ** (rhs - 1), gy * y * F.log(lhs)),
        low=0.5,
    ),
    Binary(
        ("_maximum", "_Maximum"),
        ("broadcast_maximum",),
        "the larger one",
        _ufunc("maximum"),
        lambda F, gy, y, lhs, rhs: (gy * (lhs >= rhs), gy * (lhs < rhs)),
        storage=_union,
    ),
    Binary(
        ("_minimum", "_Minimum"),
        ("broadcast_minimum",),
        "the smaller one",
        _ufunc("minimum"),
        lambda F, gy, y, lhs, rhs: (gy * (lhs <= rhs), gy * (lhs > rhs)),
        storage=_union,
    ),
    Binary(
        ("_hypot", "_Hypot"),
        ("broadcast_hypot",),
        "sqrt(lhs^2 + rhs^2)",
        _in_floats("hypot"),
        lambda F, gy, y, lhs, rhs: (gy * lhs / y, gy * rhs / y),
        storage=_union,
    ),
)
LOGIC = tuple(
    Binary((f"_{name}", *more), (f"broadcast_{name}",), f"1 where {meaning}, else 0", _truth(ufunc), ZERO_GRADIENT)
    for name, more, meaning, ufunc in (
        ("equal", ("_Equal",), "lhs == rhs", "equal"),
        ("not_equal", ("_Not_Equal",), "lhs != rhs", "not_equal"),
        ("greater", ("_Greater",), "lhs > rhs", "greater"),
        ("greater_equal", ("_Greater_Equal",), "lhs >= rhs", "greater_equal"),
        ("lesser", ("_Lesser",), "lhs < rhs", "less"),
        ("lesser_equal", ("_Lesser_Equal",), "lhs <= rhs", "less_equal"),
        ("logical_and", ("_Logical_And",), "both are non-zero", "logical_and"),
        ("logical_or", ("_Logical_Or",), "one is non-zero", "logical_or"),
        ("logical_xor", ("_Logical_Xor",), "exactly one is non-zero", "logical_xor"),
    )
)


def require_same_dtype(lhs: Any, rhs: Any) -> None:
    """Raise ArgumentTypeError unless both arrays have one element type (MXNet never promotes)."""
    if lhs.dtype != rhs.dtype:
        raise ArgumentTypeError(
            f"Expected: one dtype on both sides. Received: {lhs.dtype.name} and {rhs.dtype.name}. "
            "Convert one with astype."
        )


def require_numbers(dtype: Any) -> None:
    """Raise ArgumentTypeError for arithmetic on truth values."""
    if dtype.kind == "b":
        raise ArgumentTypeError("Expected: numbers. Received: arrays of dtype bool. Convert them with astype.")


def _declare_elementwise(function: Binary) -> None:
    compute, is_arithmetic = function.compute, callable(function.gradient)

    def forward(xp, lhs, rhs, *, out=None):
        if lhs.shape != rhs.shape:
            raise ArgumentError(f"Expected: two arrays of one shape. Received: {lhs.shape} and {rhs.shape}.")
        if lhs.dtype is not rhs.dtype:
            require_same_dtype(lhs, rhs)
        if is_arithmetic and lhs.dtype.kind == "b":
            require_numbers(lhs.dtype)
        return compute(xp, lhs, rhs, out)

    declare_operator(
        *function.elementwise,
        doc=f"{function.meaning[0].upper()}{function.meaning[1:]}, element by element.\n\n"
        "lhs, rhs: one shape and dtype. Output: the same.",
        cases=[Case(lhs=(2, 3), rhs=(2, 3), low=function.low, high=function.low + 1.1)],
        forward=forward,
        gradient=function.gradient,
        infer_shape=shapes.same,
        inplace=(0, 1),
        elementwise=True,
        storage=function.storage(forward),
    )


def _declare_broadcasting(function: Binary) -> None:
    compute, differentiate = function.compute, function.gradient
    is_arithmetic = callable(differentiate)

    def forward(xp, lhs, rhs, *, out=None):
        if lhs.dtype is not rhs.dtype:
            require_same_dtype(lhs, rhs)
        if is_arithmetic and lhs.dtype.kind == "b":
            require_numbers(lhs.dtype)
        return compute(xp, lhs, rhs, out)

    def gradient(F, gy, y, lhs, rhs):
        by_lhs, by_rhs = differentiate(F, gy, y, lhs, rhs)
        return F._sum_to_shape_of(by_lhs, lhs), F._sum_to_shape_of(by_rhs, rhs)

    low = function.low
    declare_operator(
        *function.broadcasting,
        doc=f"{function.meaning[0].upper()}{function.meaning[1:]}, with broadcasting.\n\n"
        "lhs, rhs: shapes that broadcast together, one dtype. Output: the broadcast shape, same dtype.",
        cases=[
            Case(lhs=lhs, rhs=rhs, low=low, high=low + 1.1)
            for lhs, rhs in (((2, 3), (2, 3)), ((2, 1, 3), (1, 4, 1)), ((2, 3), (1, 3)))
        ],
        forward=forward,
        gradient=gradient if callable(differentiate) else differentiate,
        infer_shape=shapes.broadcast,
        inplace=(0, 1),
        elementwise="broadcast",
        storage=function.broadcast_storage(forward),
    )


for _function in (*ARITHMETIC, *LOGIC):
    _declare_elementwise(_function)
    _declare_broadcasting(_function)
