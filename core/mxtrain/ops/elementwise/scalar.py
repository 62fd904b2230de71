"""Arithmetic of an array and a number, such as `a + 2` and `2 - a`."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.ops import shapes
from mxtrain.ops.elementwise.binary import require_numbers
from mxtrain.ops.kernels.precision import deliver
from mxtrain.ops.operator import ZERO_GRADIENT, Case, declare_operator
from mxtrain.ops.storage import Form, on_values


def _ufunc(name: str, *, reflected: bool = False) -> Callable[..., Any]:
    function = getattr(np, name)
    if reflected:
        return lambda xp, data, scalar, out: (function if xp is np else getattr(xp, name))(scalar, data, out=out)
    return lambda xp, data, scalar, out: (function if xp is np else getattr(xp, name))(data, scalar, out=out)


def _truth(name: str) -> Callable[..., Any]:
    def compute(xp: Any, data: Any, scalar: Any, out: Any) -> Any:
        return deliver(getattr(xp, name)(data, scalar), out, data.dtype)

    return compute


def _in_floats(name: str, *, reflected: bool = False) -> Callable[..., Any]:
    """A function whose result for integers is that for floats without its fraction."""

    def compute(xp: Any, data: Any, scalar: Any, out: Any) -> Any:
        function = getattr(xp, name)
        if data.dtype.kind not in "iu":
            return function(scalar, data, out=out) if reflected else function(data, scalar, out=out)
        wide, number = data.astype(np.float64), float(scalar)
        return deliver(function(number, wide) if reflected else function(wide, number), out, data.dtype)

    return compute


def _mod(xp: Any, data: Any, scalar: Any, out: Any) -> Any:
    if scalar == 0:
        return _filled(xp, data, 0, out)
    return xp.mod(data, scalar, out=out)


def _mod_gradient(F: Any, gy: Any, y: Any, data: Any, scalar: float) -> Any:
    return F._zero_for_integers(gy)  # as in MXNet 1.9.1


def _rmod(xp: Any, data: Any, scalar: Any, out: Any) -> Any:
    undefined = data == 0  # before anything is written: out may be data
    result = xp.mod(xp.full_like(data, scalar), xp.where(undefined, xp.ones_like(data), data), out=out)
    result[undefined] = 0
    return result


def _filled(xp: Any, data: Any, value: float, out: Any) -> Any:
    if out is None:
        return xp.full_like(data, value)
    out[...] = value
    return out


# names, meaning, compute(xp, data, scalar, out), gradient(F, gy, y, data, scalar), lowest test input
_FAMILY: tuple[tuple[tuple[str, ...], str, Callable[..., Any], Any, float], ...] = (
    (("_plus_scalar", "_PlusScalar"), "data + scalar", _ufunc("add"), lambda F, gy, y, data, scalar: gy, -1),
    (("_minus_scalar", "_MinusScalar"), "data - scalar", _ufunc("subtract"), lambda F, gy, y, data, scalar: gy, -1),
    (
        ("_rminus_scalar", "_RMinusScalar"),
        "scalar - data",
        _ufunc("subtract", reflected=True),
        lambda F, gy, y, data, scalar: -gy,
        -1,
    ),
    (
        ("_mul_scalar", "_MulScalar"),
        "data * scalar",
        _ufunc("multiply"),
        lambda F, gy, y, data, scalar: gy * scalar,
        -1,
    ),
    (
        ("_div_scalar", "_DivScalar"),
        "data / scalar",
        _ufunc("true_divide"),
        lambda F, gy, y, data, scalar: gy / scalar,
        -1,
    ),
    (
        ("_rdiv_scalar", "_RDivScalar"),
        "scalar / data",
        _ufunc("true_divide", reflected=True),
        lambda F, gy, y, data, scalar: -gy * y / data,
        0.5,
    ),
    (("_mod_scalar", "_ModScalar"), "the remainder of data / scalar", _mod, _mod_gradient, 0.6),
    (
        ("_rmod_scalar", "_RModScalar"),
        "the remainder of scalar / data",
        _rmod,
        lambda F, gy, y, data, scalar: -F._zero_for_integers(gy) * F.floor(scalar / data),
        1.6,
    ),
    (
        ("_power_scalar", "_PowerScalar"),
        "data to the power of scalar",
        _in_floats("power"),
        lambda F, gy, y, data, scalar: gy * scalar * data ** (scalar - 1),
        0.5,
    ),
    (
        ("_rpower_scalar", "_RPowerScalar"),
        "scalar to the power of data",
        _in_floats("power", reflected=True),
        lambda F, gy, y, data, scalar: gy * y * F.log(F.ones_like(data) * scalar),
        -1,
    ),
    (
        ("_maximum_scalar", "_MaximumScalar"),
        "the larger of data and scalar",
        _ufunc("maximum"),
        lambda F, gy, y, data, scalar: gy * (data >= scalar),
        -1,
    ),
    (
        ("_minimum_scalar", "_MinimumScalar"),
        "the smaller of data and scalar",
        _ufunc("minimum"),
        lambda F, gy, y, data, scalar: gy * (data <= scalar),
        -1,
    ),
    (
        ("_hypot_scalar", "_HypotScalar"),
        "sqrt(data^2 + scalar^2)",
        _in_floats("hypot"),
        lambda F, gy, y, data, scalar: gy * data / y,
        -1,
    ),
    *(
        ((f"_{name}_scalar", alias), f"1 where {meaning}, else 0", _truth(ufunc), ZERO_GRADIENT, -1.0)
        for name, alias, meaning, ufunc in (
            ("equal", "_EqualScalar", "data == scalar", "equal"),
            ("not_equal", "_NotEqualScalar", "data != scalar", "not_equal"),
            ("greater", "_GreaterScalar", "data > scalar", "greater"),
            ("greater_equal", "_GreaterEqualScalar", "data >= scalar", "greater_equal"),
            ("lesser", "_LesserScalar", "data < scalar", "less"),
            ("lesser_equal", "_LesserEqualScalar", "data <= scalar", "less_equal"),
            ("logical_and", "_LogicalAndScalar", "both are non-zero", "logical_and"),
            ("logical_or", "_LogicalOrScalar", "one is non-zero", "logical_or"),
            ("logical_xor", "_LogicalXorScalar", "exactly one is non-zero", "logical_xor"),
        )
    ),
)


# for which scalars an operator maps 0 to 0, so that sparse arrays stay sparse, as in MXNet 1.9.1
_KEEPS_ZERO: dict[str, Callable[[float], bool]] = {
    "_plus_scalar": lambda scalar: scalar == 0,
    "_minus_scalar": lambda scalar: scalar == 0,
    "_mul_scalar": lambda scalar: True,
    "_div_scalar": lambda scalar: True,
    "_equal_scalar": lambda scalar: scalar != 0,
    "_not_equal_scalar": lambda scalar: scalar == 0,
    "_greater_scalar": lambda scalar: scalar >= 0,
    "_greater_equal_scalar": lambda scalar: scalar > 0,
    "_lesser_scalar": lambda scalar: scalar <= 0,
    "_lesser_equal_scalar": lambda scalar: scalar < 0,
}


def _storage(name: str) -> tuple[Form, ...]:
    keeps_zero = _KEEPS_ZERO.get(name)
    return () if keeps_zero is None else on_values("csr", "row_sparse", when=lambda p: keeps_zero(p.scalar))


def _case_scalars(name: str) -> list[float]:
    """Scalars for the test cases: one, and one that keeps sparse arrays sparse where the first does not."""
    keeps_zero = _KEEPS_ZERO.get(name)
    if keeps_zero is None or keeps_zero(1.5):
        return [1.5]
    return [1.5, next(scalar for scalar in (0.0, -1.5) if keeps_zero(scalar))]


@functools.lru_cache(1024)
def _as_element(dtype: np.dtype, scalar: float) -> Any:
    """A number as MXNet converts it to an integer dtype: without its fraction, wrapped around where it is too large."""
    if dtype.kind == "b":
        return np.bool_(scalar)
    limits = np.iinfo(dtype if dtype.itemsize >= 4 else np.int32)
    if not limits.min <= scalar <= limits.max:
        return dtype.type(limits.min)
    return np.int64(int(scalar)).astype(dtype)


def _declare(names: tuple[str, ...], meaning: str, compute: Callable[..., Any], formula: Any, low: float) -> None:
    is_arithmetic = callable(formula)

    def forward(xp, data, *, scalar: float, out=None):
        if data.dtype.kind not in "iub":
            # in data's own type, since NumPy 1 would widen the result for a number that does not fit
            return compute(xp, data, data.dtype.type(scalar), out)
        if is_arithmetic:
            require_numbers(data.dtype)
        return deliver(compute(xp, data, _as_element(data.dtype, scalar), None), out, data.dtype)

    def gradient(F, gy, y, data, *, scalar):
        return formula(F, gy, y, data, scalar)

    declare_operator(
        *names,
        doc=f"{meaning[0].upper()}{meaning[1:]}, element by element.\n\n"
        "data: any shape and dtype. scalar: a number, converted to that dtype. Output: the same shape and dtype.",
        cases=[Case(data=(2, 3), scalar=scalar, low=low, high=low + 0.8) for scalar in _case_scalars(names[0])],
        forward=forward,
        gradient=gradient if callable(formula) else formula,
        infer_shape=shapes.same,
        inplace=(0,),
        elementwise=True,
        storage=_storage(names[0]),
    )


for _row in _FAMILY:
    _declare(*_row)
