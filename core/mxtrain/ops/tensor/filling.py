"""Operators that make arrays out of nothing but a shape, and out of another array's shape."""

import math
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import ZERO_GRADIENT, Case, declare_operator, operator
from mxtrain.ops.parameters import DType, Shape
from mxtrain.ops.sparse.containers import empty_container
from mxtrain.ops.storage import form


def infer_from_parameter(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    """The output has the shape that the parameter `shape` names, in which 0 is unknown."""
    if any(size < 0 for size in p.shape):
        raise ArgumentError(f"Expected: sizes >= 0. Received: shape={p.shape}.")
    wanted = tuple(size or -1 for size in p.shape)
    return ins, [shapes.unify(wanted or None, outs[0])]


def _filled(xp: Any, shape: tuple[int, ...], value: float, dtype: Any, out: Any) -> Any:
    if out is not None:  # its shape may have been inferred where the parameter's has unknown sizes
        out[...] = value
        return out
    if any(size < 0 for size in shape):
        raise ArgumentError(f"Expected: sizes >= 0. Received: shape={shape}.")
    return xp.full(shape or (1,), value, dtype)


def _declare_like(name: str, value: int) -> None:
    def forward(xp, data, *, out=None):
        out = xp.empty(data.shape, data.dtype) if out is None else out
        out[...] = value
        return out

    declare_operator(
        name,
        doc=f"An array of {value}s. data: any shape and dtype, its values unused. Output: the same shape and dtype.",
        cases=[Case(data=(2, 3))],
        forward=forward,
        gradient=ZERO_GRADIENT,
        infer_shape=shapes.same,
        inplace=(0,),
        storage=(form("csr -> csr", _empty_like), form("row_sparse -> row_sparse", _empty_like)) if not value else (),
    )


def _empty_like(xp: Any, data: Any) -> Any:
    return empty_container(xp, data.stype, data.shape, data.dtype)


def _declare_constant(name: str, value: int) -> None:
    def forward(xp, *, shape: Shape = (), dtype: DType = np.dtype(np.float32), out=None):
        return _filled(xp, shape, value, dtype, out)

    declare_operator(
        name,
        doc=f"An array of {value}s. shape, dtype: those of the output.",
        cases=[Case(shape=(2, 3)), Case(shape=(2,), dtype="int32")],
        forward=forward,
        gradient=ZERO_GRADIENT,
        infer_shape=infer_from_parameter,
        infer_type=types.from_parameter,
    )


for _word, _value in (("zeros", 0), ("ones", 1)):
    _declare_like(f"{_word}_like", _value)
    _declare_constant(f"_{_word}", _value)


@operator("_full", cases=[Case(shape=(2, 3), value=2.5), Case(shape=(2,), value=3, dtype="int32")])
class Full:
    """An array filled with `value`. shape, dtype: those of the output."""

    infer_shape = infer_from_parameter
    infer_type = types.from_parameter
    gradient = ZERO_GRADIENT

    def forward(xp, *, shape: Shape = (), dtype: DType = np.dtype(np.float32), value: float, out=None):
        return _filled(xp, shape, value, dtype, out)


# more than any memory holds
MAX_LENGTH = 2**48


def _arange_count(start: float, stop: float | None, step: float, repeat: int) -> int:
    if stop is None:
        start, stop = 0.0, start
    steps = (stop - start) / step if step else 0.0
    if not 0 < steps < MAX_LENGTH or repeat < 1:
        raise ArgumentError(
            f"Expected: a range that is finite and not empty. Received: start={start}, stop={stop}, step={step}, "
            f"repeat={repeat}."
        )
    return math.ceil(steps) * repeat


def _inferred_count(out: Any) -> int:
    if out is None:
        raise ArgumentError("Expected: a length that follows from how the output is used. Received: infer_range=True.")
    return int(out.size)


@operator("_arange", cases=[Case(start=0, stop=5), Case(start=1, stop=6, step=2, repeat=2, dtype="int32")])
class Arange:
    """The numbers from start (inclusive) to stop (exclusive), each `repeat` times; from 0 to start without stop.

    infer_range: the numbers run from start on, and what the output is used with tells how many there are; only in
    symbols. Output: (n,), dtype `dtype`.
    """

    infer_type = types.from_parameter
    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        if p.infer_range:
            return ins, outs
        return ins, [shapes.unify((_arange_count(p.start, p.stop, p.step, p.repeat),), outs[0])]

    def forward(
        xp,
        *,
        start: float,
        stop: float | None = None,
        step: float = 1.0,
        repeat: int = 1,
        infer_range: bool = False,
        dtype: DType = np.dtype(np.float32),
        out=None,
    ):
        first = start if infer_range or stop is not None else 0.0
        if dtype.kind in "iu":  # integers all along, as in C
            first, step = int(first), int(step)
        count = _inferred_count(out) if infer_range else _arange_count(start, stop, step, repeat)
        numbers = xp.repeat((first + step * xp.arange(-(-count // repeat))).astype(dtype), repeat)[:count]
        if out is None:
            return numbers
        out[...] = numbers
        return out


@operator("_linspace", cases=[Case(start=0, stop=1, num=5), Case(start=0, stop=1, num=4, endpoint=False)])
class Linspace:
    """`num` evenly spaced numbers from start to stop, which is among them with `endpoint`. Output: (num,)."""

    infer_type = types.from_parameter
    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        if p.num < 0:
            raise ArgumentError(f"Expected: num >= 0. Received: {p.num}.")
        return ins, [shapes.unify((p.num,), outs[0])]

    def forward(
        xp,
        *,
        start: float,
        stop: float,
        num: int,
        endpoint: bool = True,
        dtype: DType = np.dtype(np.float32),
    ):
        return xp.linspace(start, stop, num, endpoint).astype(dtype)


@operator("_eye", cases=[Case(N=3), Case(N=2, M=3, k=1, dtype="int32")])
class Eye:
    """An (N, M) array with ones on the k-th diagonal; M = N where M is 0. Output: dtype `dtype`."""

    infer_type = types.from_parameter
    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        if p.N < 0 or p.M < 0:
            raise ArgumentError(f"Expected: sizes >= 0. Received: N={p.N}, M={p.M}.")
        return ins, [shapes.unify((p.N, p.M or p.N), outs[0])]

    def forward(xp, *, N: int, M: int = 0, k: int = 0, dtype: DType = np.dtype(np.float32)):
        return xp.eye(N, M or N, k, dtype=dtype)
