"""`mx.nd.zeros` and `mx.nd.ones`: sizes of 0 mean unknown ones to MXNet, but under NumPy's shape semantics."""

from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.ndarray import creation
from mxtrain.ndarray.array_type import NDArray
from mxtrain.util import is_np_shape


def zeros(
    shape: Any,
    ctx: Context | None = None,
    dtype: Any = None,
    stype: str | None = None,
    out: NDArray | None = None,
    **kwargs: Any,
) -> NDArray:
    """A new array of zeros; float32 by default. stype: its storage type. out: an array to fill instead.

    Raises ArgumentError for shapes without elements, and for (), outside of `mx.np_shape()`.
    """
    _require_elements("zeros", shape)
    return creation.zeros(shape, ctx, dtype, stype, out, **kwargs)


def ones(
    shape: Any, ctx: Context | None = None, dtype: Any = None, out: NDArray | None = None, **kwargs: Any
) -> NDArray:
    """A new array of ones; float32 by default. out: an array to fill instead. Raises as `zeros` does."""
    _require_elements("ones", shape)
    return creation.ones(shape, ctx, dtype, out, **kwargs)


def _require_elements(name: str, shape: Any) -> None:
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    if (not sizes or 0 in sizes) and not is_np_shape():
        raise ArgumentError(
            f"{name}: expected sizes > 0, since 0 stands for an unknown size. Received: shape {tuple(sizes)}. "
            "Make arrays without elements, or without axes, `with mx.np_shape():`, or by mx.nd.array."
        )
