"""Values from files taken over by a parameter."""

from typing import Any

import numpy as np

from mxtrain.context import Context, cpu
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.parameter.arguments import as_contexts, one_of
from mxtrain.gluon.parameter.parameter_type import Parameter
from mxtrain.gluon.parameter.shapes import agree, completed
from mxtrain.ndarray import NDArray


def load_value(
    parameter: Parameter, data: NDArray, ctx: Any = None, cast_dtype: bool = False, dtype_source: str = "current"
) -> None:
    """Take a value over, whether or not the parameter is initialized.

    ctx: where it goes if it is not; cpu by default. cast_dtype: let dtypes differ; dtype_source: which counts then, the
    parameter's ("current") or the "saved" one. Raises CheckError naming what does not fit.
    """
    _take_shape(parameter, data)
    data = _with_dtype(parameter, data, cast_dtype, dtype_source)
    if data.stype != parameter.stype:
        data = data.tostype(parameter.stype)
    contexts = None if ctx is None else as_contexts(ctx)
    if parameter._data is not None:
        _check_contexts(parameter, contexts, parameter._ctx_list)
        parameter.set_data(data)
    else:
        if parameter._deferred_init is not None:
            _check_contexts(parameter, contexts, parameter._deferred_init.contexts)
            contexts = parameter._deferred_init.contexts
        parameter._init_impl(data, contexts or [cpu()])
    parameter._deferred_init = None


def _take_shape(parameter: Parameter, data: NDArray) -> None:
    shape = parameter.shape
    if shape and not agree(shape, data.shape):
        raise CheckError(
            f"Failed loading Parameter '{parameter.name}' from saved params: shape incompatible expected {shape} vs "
            f"saved {data.shape}"
        )
    parameter.shape = completed(shape, data.shape) if shape else data.shape


def _with_dtype(parameter: Parameter, data: NDArray, cast_dtype: bool, dtype_source: str) -> NDArray:
    if cast_dtype:
        one_of("dtype_source", dtype_source, ("current", "saved"))
    if not parameter.dtype or np.dtype(parameter.dtype) == np.dtype(data.dtype):
        return data
    if not cast_dtype:
        raise CheckError(
            f"Failed loading Parameter '{parameter.name}' from saved params: dtype incompatible expected "
            f"{parameter.dtype} vs saved {data.dtype}. Set cast_dtype=True to cast the dtype of saved params."
        )
    if dtype_source == "current":
        return data.astype(parameter.dtype)
    parameter.dtype = data.dtype
    return data


def _check_contexts(parameter: Parameter, given: list[Context] | None, own: list[Context]) -> None:
    if given is not None and set(given) != set(own):
        raise CheckError(
            f"Failed to load Parameter '{parameter.name}' on {given} because it was previously initialized on {own}."
        )
