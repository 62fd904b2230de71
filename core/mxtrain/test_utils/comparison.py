"""Comparison of arrays: equal, almost equal, and where they are not."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ndarray.array_type import NDArray
from mxtrain.test_utils.tolerance import Tolerance, get_etol, get_tols

__all__ = [
    "almost_equal",
    "assert_allclose",
    "assert_almost_equal",
    "assert_almost_equal_ignore_nan",
    "assert_almost_equal_with_err",
    "assert_exception",
    "checkShapes",
    "compare_ndarray_tuple",
    "locationError",
    "same",
    "same_array",
]

BLOCK = 1 << 20  # elements compared at a time


def as_numpy(value: Any) -> np.ndarray:
    """The values of an NDArray, a NumPy array, a list or a number; 16-bit brain floats as float32."""
    array = value.asnumpy() if isinstance(value, NDArray) else np.asarray(value)
    return array if array.dtype.kind in "biufc" else array.astype(np.float32)


def same(a: Any, b: Any) -> bool:
    """Whether two arrays have one shape and equal values (NaN equals nothing)."""
    return np.array_equal(as_numpy(a), as_numpy(b))


def same_array(array1: NDArray, array2: NDArray) -> bool:
    """Whether two NDArrays of one shape share their memory: a write to either is seen in the other."""
    if array1.shape != array2.shape or array1.context is not array2.context:
        return False
    probe = array1.asnumpy()
    array1[:] = probe + 1
    shared = same(array1, array2)
    array1[:] = probe
    return shared and same(array1, array2)


def checkShapes(a: Any, b: Any) -> None:
    """Raise AssertionError unless two arrays have one shape."""
    if a.shape != b.shape:
        raise AssertionError(f"Expected: one shape. Received: a.shape={a.shape}, b.shape={b.shape}.\n{_both(a, b)}")


def _both(a: Any, b: Any) -> str:
    return f" ACTUAL: {as_numpy(a)!r}\n DESIRED: {as_numpy(b)!r}"


def _errors(a: np.ndarray, b: np.ndarray, rtol: float, atol: float, equal_nan: bool) -> np.ndarray:
    """|a - b| relative to what is tolerated, per element: above 1 it is too much. NaN and infinities count as inf."""
    wide = np.result_type(a.dtype, b.dtype, np.float64)
    a, b = np.broadcast_arrays(a.astype(wide), b.astype(wide))
    with np.errstate(all="ignore"):
        difference = np.abs(a - b)
        allowed = atol + rtol * np.abs(b)
        errors = np.where(difference == 0, 0.0, difference / allowed)
    errors = np.where((a == b) | ((np.isnan(a) & np.isnan(b)) & equal_nan), 0.0, errors)
    return np.where(np.isfinite(a) & np.isfinite(b) | (errors == 0), errors, np.inf)


def _num_wrong(a: np.ndarray, b: np.ndarray, rtol: float, atol: float, equal_nan: bool) -> int:
    """How many elements differ by more than is tolerated. Large arrays are compared piece by piece, to spare memory."""
    if a.shape != b.shape or a.size <= BLOCK:
        return int((_errors(a, b, rtol, atol, equal_nan) > 1).sum())
    a, b = a.reshape(-1), b.reshape(-1)
    pieces = (slice(start, start + BLOCK) for start in range(0, a.size, BLOCK))
    different = [piece for piece in pieces if not np.array_equal(a[piece], b[piece])]
    return sum(int((_errors(a[piece], b[piece], rtol, atol, equal_nan) > 1).sum()) for piece in different)


def almost_equal(
    a: Any,
    b: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    equal_nan: bool = False,
    use_broadcast: bool = True,
) -> bool:
    """Whether |a - b| <= atol + rtol * |b| holds for every element.

    rtol, atol: numbers, or by dtype; by default those of `default_rtols` and `default_atols`, of the less precise
    dtype.
    use_broadcast: whether shapes that broadcast together may be compared.
    """
    rtol, atol = get_tols(a, b, rtol, atol)
    a, b = as_numpy(a), as_numpy(b)
    if not use_broadcast and a.shape != b.shape:
        return False
    return _num_wrong(a, b, rtol, atol, equal_nan) == 0


def assert_almost_equal(
    a: Any,
    b: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    names: Sequence[str] = ("a", "b"),
    equal_nan: bool = False,
    use_broadcast: bool = True,
    mismatches: tuple[int, int] = (10, 10),
) -> None:
    """Raise AssertionError unless |a - b| <= atol + rtol * |b| for every element; arguments as in `almost_equal`.

    mismatches: how many of the largest errors the message lists, and how many are looked for (kept for MXNet's sake).
    """
    assert_almost_equal_with_err(a, b, rtol, atol, 0, names, equal_nan, mismatches, use_broadcast=use_broadcast)


def assert_almost_equal_with_err(
    a: Any,
    b: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    etol: float | None = None,
    names: Sequence[str] = ("a", "b"),
    equal_nan: bool = False,
    mismatches: tuple[int, int] = (10, 10),
    *,
    use_broadcast: bool = True,
) -> None:
    """As `assert_almost_equal`, but a share `etol` (0 to 1) of the elements may differ."""
    rtol, atol = get_tols(a, b, rtol, atol)
    a, b = as_numpy(a), as_numpy(b)
    if not use_broadcast:
        checkShapes(a, b)
    wrong = _num_wrong(a, b, rtol, atol, equal_nan)
    if not wrong or wrong <= get_etol(etol) * np.broadcast(a, b).size:
        return
    errors = _errors(a, b, rtol, atol, equal_nan)
    a, b = np.broadcast_arrays(a, b)
    order = np.argsort(-errors, axis=None, kind="stable")[: min(max(mismatches[0], 1), wrong)]
    places = [np.unravel_index(flat, errors.shape) for flat in order]
    lines = [f"  {i}: {_location(a, b, place, errors, names)}" for i, place in enumerate(places, 1)]
    raise AssertionError(
        f"\nItems are not equal:\nError {errors[places[0]]:f} exceeds tolerance rtol={rtol:e}, atol={atol:e} "
        f"(mismatch {100 * wrong / errors.size:f}%, {wrong} of {errors.size}).\n"
        f"Largest errors, in units of what is tolerated:\n" + "\n".join(lines) + f"\n{_both(a, b)}"
    )


def _location(a: np.ndarray, b: np.ndarray, place: Any, errors: np.ndarray, names: Sequence[str]) -> str:
    where = tuple(int(i) for i in place)
    return f"Error {errors[place]:f}  Location of error: {where}, {names[0]}={a[place]:.8f}, {names[1]}={b[place]:.8f}"


def locationError(a: Any, b: Any, index: Sequence[int], names: Sequence[str], maxError: bool = False) -> str:
    """Words for the place of an error and the two values there. maxError: say that it is the largest one."""
    a, b = as_numpy(a), as_numpy(b)
    place = tuple(int(i) for i in index)
    values = f"{place}, {names[0]}={a[place]:.8f}, {names[1]}={b[place]:.8f}"
    return f"Location of {'maximum ' if maxError else ''}error: {values}"


def assert_allclose(a: Any, b: Any, rtol: float = 1e-07, atol: float = 0, equal_nan: bool = True) -> None:
    """`assert_almost_equal` with NumPy's tolerances."""
    assert_almost_equal(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


def assert_almost_equal_ignore_nan(
    a: Any, b: Any, rtol: Tolerance = None, atol: Tolerance = None, names: Sequence[str] = ("a", "b")
) -> None:
    """`assert_almost_equal` of the elements that are NaN in neither array."""
    a, b = as_numpy(a).copy(), as_numpy(b).copy()
    either = np.isnan(a) | np.isnan(b)
    a[either] = 0
    b[either] = 0
    assert_almost_equal(a, b, rtol, atol, names)


def compare_ndarray_tuple(t1: Any, t2: Any, rtol: Tolerance = None, atol: Tolerance = None) -> None:
    """`assert_almost_equal` of the arrays in two nested tuples of one structure; None stands for nothing."""
    if t1 is None and t2 is None:
        return
    if isinstance(t1, (tuple, list)) and isinstance(t2, (tuple, list)):
        if len(t1) != len(t2):
            raise AssertionError(f"Expected: tuples of one length. Received: {len(t1)} and {len(t2)}.")
        for one, other in zip(t1, t2, strict=True):
            compare_ndarray_tuple(one, other, rtol, atol)
    elif t1 is None or t2 is None:
        raise AssertionError(f"Expected: arrays on both sides. Received: {type(t1).__name__} and {type(t2).__name__}.")
    else:
        assert_almost_equal(t1, t2, rtol=rtol, atol=atol)


def assert_exception(f: Callable[..., Any], exception_type: Any, *args: Any, **kwargs: Any) -> None:
    """Call f(*args, **kwargs) and raise AssertionError unless it raises exception_type; other errors pass through."""
    if not (isinstance(exception_type, (type, tuple))):
        raise ArgumentError(f"Expected: an exception type. Received: {exception_type!r}.")
    try:
        f(*args, **kwargs)
    except exception_type:  # type: ignore[misc]
        return
    raise AssertionError(f"Expected: {exception_type} from {getattr(f, '__name__', f)!r}. Received: no exception.")
