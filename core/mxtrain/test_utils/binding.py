"""From what a test gives (lists or dicts of NumPy arrays) to what an executor takes (dicts of NDArrays)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.creation import array
from mxtrain.symbol.symbol_type import Symbol
from mxtrain.test_utils.defaults import default_context, default_dtype

__all__ = ["simple_forward"]


def by_name(values: Any, names: Sequence[str], what: str) -> dict[str, Any]:
    """Values by name, from a mapping or from a sequence in the order of the names.

    Raises ArgumentError naming the ones that a mapping lacks or has too many, or the count of a sequence that differs.
    """
    if isinstance(values, Mapping):
        unknown = sorted(set(values) - set(names))
        if unknown:
            raise ArgumentError(f"{what}: expected values for {list(names)}. Received: {unknown} too.")
        return dict(values)
    listed = [] if values is None else list(values)
    if len(listed) != len(names):
        raise ArgumentError(f"{what}: expected {len(names)} values, for {list(names)}. Received: {len(listed)}.")
    return dict(zip(names, listed, strict=True))


def as_ndarray(value: Any, ctx: Context, dtype: Any) -> NDArray:
    """A new NDArray on a context with a test's values. dtype: of arrays that are no NDArrays; "asnumpy": their own."""
    if isinstance(value, NDArray):
        return value.copyto(ctx)
    values = np.asarray(value)
    made = array(values, ctx, values.dtype if isinstance(dtype, str) and dtype == "asnumpy" else dtype)
    return made.reshape(values.shape) if values.shape else made


def parse_location(symbol: Symbol, location: Any, ctx: Context, dtype: Any) -> dict[str, NDArray]:
    """The arguments of a symbol by name. Raises ArgumentError for one that is missing."""
    return _complete(location, symbol.list_arguments(), "location", ctx, dtype)


def parse_aux_states(symbol: Symbol, aux_states: Any, ctx: Context, dtype: Any) -> dict[str, NDArray]:
    """The auxiliary states of a symbol by name; zeros are not assumed: each must be given."""
    names = symbol.list_auxiliary_states()
    return _complete(aux_states or {}, names, "aux_states", ctx, dtype) if names or aux_states else {}


def _complete(values: Any, names: Sequence[str], what: str, ctx: Context, dtype: Any) -> dict[str, NDArray]:
    given = by_name(values, names, what)
    missing = [name for name in names if name not in given]
    if missing:
        raise ArgumentError(f"{what}: expected values for {list(names)}. Received: none for {missing}.")
    return {name: as_ndarray(given[name], ctx, dtype) for name in names}


def gradient_arrays(
    values: Mapping[str, Any], args: Mapping[str, NDArray], stypes: Mapping[str, str] | None, ctx: Context
) -> dict[str, NDArray]:
    """Gradient arrays with given values, of the arguments' dtypes and of their storage where stypes tells none."""
    return {
        name: as_ndarray(value, ctx, args[name].dtype).tostype((stypes or {}).get(name) or args[name].stype)
        for name, value in values.items()
    }


def parse_grad_req(grad_req: Any, names: Sequence[str]) -> dict[str, str]:
    """What happens to the gradient of each argument, "null" for those that a mapping leaves out."""
    if isinstance(grad_req, str):
        return dict.fromkeys(names, grad_req)
    return {**dict.fromkeys(names, "null"), **by_name(grad_req, names, "grad_req")}


def simple_forward(sym: Symbol, ctx: Context | None = None, is_train: bool = False, **inputs: Any) -> Any:
    """The outputs of a symbol for inputs (NumPy arrays by name), as NumPy arrays; the array itself where it is one."""
    ctx = ctx or default_context()
    arrays = {name: as_ndarray(value, ctx, default_dtype()) for name, value in inputs.items()}
    executor = sym.bind(ctx, args=arrays, grad_req="null")
    outputs = [output.asnumpy() for output in executor.forward(is_train=is_train)]
    return outputs[0] if len(outputs) == 1 else outputs
