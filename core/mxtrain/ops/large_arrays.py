"""The kernel that element-wise operators get for large arrays: the plain forward on blocks, by several threads."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from mxtrain.device import host_memory
from mxtrain.ops.kernels import blocks
from mxtrain.ops.parameters import Params

NAME = "blocks"
Elementwise = bool | Literal["broadcast"] | Callable[[Params], bool]


def add_elementwise_kernel(op: Any, elementwise: Elementwise) -> None:
    """Let an element-wise operator compute large arrays in blocks.

    elementwise: True: inputs and output have one shape; "broadcast": the inputs broadcast to the output's shape, or one
    of both as the parameters tell. The output is the operator's only one.
    """

    def when(arrays: Sequence[Any], p: Params) -> bool:
        applies = elementwise(p) if callable(elementwise) else elementwise
        return bool(applies) and _is_divisible(arrays, applies == "broadcast")

    def forward(xp: Any, *arrays: Any, out: Any = None, **keywords: Any) -> Any:
        given = [array for array in arrays if array is not None]
        target = out if out is None or op.single_output else out[0]
        if target is None:
            dtype = op.infer_type([array.dtype for array in given], [None], Params(**keywords))[1][0]
            target = host_memory.empty(np.broadcast_shapes(*(array.shape for array in given)), dtype)
        blocks.elementwise(computation(op, xp, keywords), given, target)
        return target if op.single_output else (target,)

    op.kernel(NAME, when, min_size=blocks.MIN_ELEMENTS)(forward)


def computes_in_blocks(op: Any, forward: Callable[..., Any]) -> bool:
    """Whether a forward of an operator is the one that works block by block."""
    return any(kernel.name == NAME and kernel.forward is forward for kernel in op.kernels)


def computation(op: Any, xp: Any, keywords: dict[str, Any]) -> Callable[..., Any]:
    """The plain forward, as a function of parts of the inputs and of the output, which it returns or another array."""
    forward = op.forward
    if "out" not in op.runtime:
        return lambda *parts: forward(xp, *parts[:-1], **keywords)
    if op.single_output:
        return lambda *parts: forward(xp, *parts[:-1], out=parts[-1], **keywords)
    return lambda *parts: forward(xp, *parts[:-1], out=parts[-1:], **keywords)[0]


def _is_divisible(arrays: Sequence[Any], broadcast: bool) -> bool:
    """Whether these arrays are on a CPU, and of one shape or with rows of the result to cut between."""
    if not all(isinstance(array, np.ndarray) for array in arrays):
        return False
    dtypes = {array.dtype for array in arrays}
    shapes = {array.shape for array in arrays}
    if len(shapes) == 1:
        return True
    if not broadcast or len(dtypes) > 1:
        return False
    try:
        return np.broadcast_shapes(*shapes)[0] > 1
    except ValueError:  # the plain forward tells what does not fit
        return False
