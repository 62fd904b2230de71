"""The arrays and ufuncs of `fake_cupy`: host memory behind an interface that takes no more than CuPy's."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

# what both CuPy 13 and CuPy 14 have, made by make_cupy_interface.py
INTERFACE: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("cupy_interface.json").read_text())

REDUCING = frozenset(("add", "multiply"))  # the ufuncs whose `reduce` and `accumulate` CuPy has
SCATTERING = frozenset(("add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"))
SCATTER_TYPES = "iILQefd"  # what their `at` takes
UNSUPPORTED_TYPES = frozenset(("bfloat16",))  # CuPy 13 has no arithmetic for it


class _Current(threading.local):
    device = 0


current = _Current()


def unwrap(value: Any) -> Any:
    """The host array of an array of the current device; scalars and the like as they are, sequences element-wise.

    Raises TypeError for a NumPy array, which CuPy's functions refuse, and ValueError for an array of another device.
    """
    if isinstance(value, ndarray):
        if value._device != current.device:
            raise ValueError(
                "Array device must be same as the current device: "
                f"array device = {value._device} while current = {current.device}"
            )
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (list, tuple)):
        return type(value)(unwrap(part) for part in value)
    return value


def wrap(result: Any, base: Any = None) -> Any:
    """NumPy's result as CuPy gives it: arrays on the current device, of no axes where NumPy gives a scalar."""
    if isinstance(result, np.generic):
        result = np.array(result)
    if isinstance(result, np.ndarray):
        return ndarray(result, current.device, base if result.base is not None else None)
    if isinstance(result, (list, tuple)):  # CuPy gives plain tuples where NumPy has named ones
        return (list if isinstance(result, list) else tuple)(wrap(part, base) for part in result)
    return result


def require_keywords(name: str, allowed: str, given: dict[str, Any]) -> None:
    """Raise TypeError for a keyword that CuPy's function does not have."""
    names = allowed.split()
    unknown = set(given) - set(names)
    if unknown and "**" not in names:
        raise TypeError(f"{name}() got an unexpected keyword argument {sorted(unknown)[0]!r}")


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], base: Any = None) -> Any:
    """Call NumPy's function on what arrays hold; `out` is written and returned. CuPy warns of no invalid numbers."""
    out = kwargs.pop("out", None)
    if isinstance(out, tuple):
        (out,) = out
    named = {name: unwrap(value) for name, value in kwargs.items()}
    if out is not None:
        if not isinstance(out, ndarray):
            raise TypeError(f"Unsupported type {type(out)}")
        named["out"] = unwrap(out)
    with np.errstate(all="ignore"):
        result = function(*unwrap(args), **named)
    return wrap(result, base) if out is None else out


class ufunc:
    """A universal function."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self._numpy = getattr(np, name)
        self.nin: int = getattr(self._numpy, "nin", 1)  # some are plain functions in NumPy

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        require_keywords(self.__name__, INTERFACE["ufuncs"][self.__name__], kwargs)
        if any(isinstance(arg, (list, tuple)) for arg in args):
            raise TypeError(f"Unsupported type in {self.__name__}: {[type(arg) for arg in args]}")
        if len(args) > self.nin:
            kwargs["out"] = args[self.nin]
        return call(self._numpy, args[: self.nin], kwargs)

    def reduce(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        self._require(REDUCING, "reduce")
        return call(self._numpy.reduce, (array,), {"axis": axis, "dtype": dtype, "out": out, "keepdims": keepdims})

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        self._require(REDUCING, "accumulate")
        return call(self._numpy.accumulate, (array,), {"axis": axis, "dtype": dtype, "out": out})

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        self._require(SCATTERING, "at")
        if not isinstance(a, ndarray) or a.dtype.char not in SCATTER_TYPES:
            raise TypeError(f"{self.__name__}.at only supports {SCATTER_TYPES}")
        self._numpy.at(unwrap(a), host_key(indices), unwrap(b))

    def _require(self, names: frozenset[str], method: str) -> None:
        if self.__name__ not in names:
            raise NotImplementedError(f"`cupy_{self.__name__}.{method}` is not supported yet")


def host_key(key: Any) -> Any:
    """An index as NumPy takes it. CuPy copies indices that are NumPy arrays or lists to the device itself."""
    if isinstance(key, tuple):
        return tuple(host_key(part) for part in key)
    return key if isinstance(key, (np.ndarray, list)) else unwrap(key)


class _Flags:
    def __init__(self, array: np.ndarray) -> None:
        self.c_contiguous, self.f_contiguous = array.flags.c_contiguous, array.flags.f_contiguous
        self.owndata = array.flags.owndata


class _Pointer:
    def __init__(self, address: int) -> None:
        self.ptr = address


class ndarray:
    """An array on a device; `_host` holds what would lie in the device's memory."""

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]
    ufuncs: ClassVar[dict[str, ufunc]] = {name: ufunc(name) for name in INTERFACE["ufuncs"]}
    functions: ClassVar[dict[str, Callable[..., Any]]] = {}  # filled by fake_cupy

    def __init__(self, host: np.ndarray, device: int, base: Any = None) -> None:
        if host.dtype.name in UNSUPPORTED_TYPES or host.dtype == object:
            raise ValueError(f"Unsupported dtype {host.dtype}")
        self._host = host
        self._device = device
        self.base = base

    # ---------------------------------------------------------------- facts, which need no device

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: _Flags(self._host))
    data = property(lambda self: _Pointer(self._host.ctypes.data))
    T = property(lambda self: self._view(self._host.T))
    real = property(lambda self: self._view(self._host.real))
    imag = property(lambda self: self._view(self._host.imag))

    @property
    def device(self) -> Any:
        return self.functions["Device"](self._device)

    def __len__(self) -> int:
        return len(self._host)

    def _view(self, host: np.ndarray) -> "ndarray":
        return ndarray(host, self._device, self.base if self.base is not None else self)

    # ---------------------------------------------------------------- to the host, only where it is asked for

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        """The values in host memory; from any device."""
        return self._host.copy(order=order)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def item(self) -> Any:
        return self._host.item()

    def tolist(self) -> Any:
        return self._host.tolist()

    def __bool__(self) -> bool:
        return bool(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __repr__(self) -> str:
        return repr(self._host)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self._device

    # ---------------------------------------------------------------- elements

    def __getitem__(self, key: Any) -> "ndarray":
        host = self._host[host_key(key)]
        if isinstance(host, np.generic):  # CuPy gives a view of the element
            parts = key if isinstance(key, tuple) else (key,)
            host = self._host[(*parts, Ellipsis)] if all(isinstance(p, (int, np.integer)) for p in parts) else host
        if isinstance(host, np.ndarray) and np.may_share_memory(host, self._host):
            return self._view(host)
        unwrap(self)  # a gather is computed
        return wrap(host)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        if isinstance(value, (list, tuple)):
            raise TypeError(f"Unsupported type {type(value)}")
        unwrap(self)
        with np.errstate(all="ignore"):
            self._host[host_key(key)] = unwrap(value) if not isinstance(value, np.ndarray) else value

    def __matmul__(self, other: Any) -> Any:
        return self.functions["matmul"](self, other)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def view(self, dtype: Any = None) -> "ndarray":
        return self._view(self._host.view(dtype or self.dtype))

    def reshape(self, *shape: Any, order: str = "C") -> "ndarray":
        host = self._host.reshape(*shape, order=order)
        if np.may_share_memory(host, self._host):
            return self._view(host)
        unwrap(self)
        return wrap(host)

    def transpose(self, *axes: Any) -> "ndarray":
        return self._view(self._host.transpose(*axes))

    def swapaxes(self, axis1: int, axis2: int) -> "ndarray":
        return self._view(self._host.swapaxes(axis1, axis2))

    # ---------------------------------------------------------------- copies

    def copy(self, order: str = "C") -> "ndarray":
        """A copy on the current device, from any device."""
        return ndarray(self._host.copy(order=order), current.device)

    def astype(
        self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: bool = True
    ) -> "ndarray":
        if not copy and self.dtype == dtype:
            return self
        with np.errstate(all="ignore"):
            return wrap(unwrap(self).astype(dtype, order=order))

    def set(self, arr: Any, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray) or arr.dtype != self.dtype or arr.shape != self.shape:
            raise TypeError("set() takes a NumPy array of the same dtype and shape")
        self._host[...] = arr

    # ---------------------------------------------------------------- NumPy's protocols

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """What NumPy's ufuncs do with these arrays: as CuPy, they call CuPy's of the same name."""
        found = self.ufuncs.get(ufunc.__name__)
        if found is None or method not in ("__call__", "reduce", "accumulate", "at"):
            return NotImplemented
        return found(*inputs, **kwargs) if method == "__call__" else getattr(found, method)(*inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """What NumPy's functions do with these arrays: as CuPy, they call CuPy's of the same name."""
        path = ".".join([*func.__module__.split(".")[1:], func.__name__])
        found = self.functions.get(path)
        return NotImplemented if found is None else found(*args, **kwargs)


def _method(name: str) -> Callable[..., Any]:
    allowed = INTERFACE["methods"][name]

    def method(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        require_keywords(name, allowed, kwargs)
        return call(getattr(np.ndarray, name), (self, *args), kwargs, self.base if self.base is not None else self)

    method.__name__ = name
    return method


def _operator(name: str, symbol: str, *, reflected: bool = False, in_place: bool = False) -> Callable[..., Any]:
    function = ndarray.ufuncs[name]

    def operate(self: ndarray, other: Any) -> Any:
        operands = (other, self) if reflected else (self, other)
        return function(*operands, out=self) if in_place else function(*operands)

    operate.__name__ = symbol
    return operate


_ARITHMETIC = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "left_shift", "rshift": "right_shift",
}  # fmt: skip
_COMPARISONS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
}  # fmt: skip
_UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}


def _install() -> None:
    for symbol, name in _ARITHMETIC.items():
        setattr(ndarray, f"__{symbol}__", _operator(name, f"__{symbol}__"))
        setattr(ndarray, f"__r{symbol}__", _operator(name, f"__r{symbol}__", reflected=True))
        setattr(ndarray, f"__i{symbol}__", _operator(name, f"__i{symbol}__", in_place=True))
    for symbol, name in _COMPARISONS.items():
        setattr(ndarray, f"__{symbol}__", _operator(name, f"__{symbol}__"))
    for symbol, name in _UNARY.items():
        setattr(ndarray, f"__{symbol}__", lambda self, function=ndarray.ufuncs[name]: function(self))
    for name in INTERFACE["methods"]:
        if name not in vars(ndarray) and hasattr(np.ndarray, name):
            setattr(ndarray, name, _method(name))
    for kind in (ndarray, ufunc):
        kind.__module__ = "cupy"


_install()
