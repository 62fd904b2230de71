"""Parameters of a network in files."""

from typing import TYPE_CHECKING, Any

from mxtrain import ndarray as nd
from mxtrain.base import ArgumentError
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.parameter.loading import load_value
from mxtrain.gluon.parameter.parameter_dict import brief

if TYPE_CHECKING:
    from mxtrain.gluon.block.block_type import Block


def save(block: "Block", filename: str, deduplicate: bool) -> None:
    """Write all parameters by their place in the network. deduplicate: shared ones once, under their last place."""
    params = block._collect_params_with_prefix()
    if deduplicate:
        places = {id(parameter): name for name, parameter in params.items()}
        params = {name: params[name] for name in places.values()}
    nd.save(filename, {name: parameter._reduce() for name, parameter in params.items()})


def load(
    block: "Block",
    filename: str,
    ctx: Any,
    allow_missing: bool,
    ignore_extra: bool,
    cast_dtype: bool,
    dtype_source: str,
) -> None:
    """Read parameters by their place in the network, or by their full names; see Block.load_parameters."""
    loaded = nd.load(filename)
    params = block._collect_params_with_prefix()
    if not loaded and not params:
        return
    if not isinstance(loaded, dict):
        raise CheckError(f"{filename}: expected arrays with names. Received: a list of {len(loaded)} without.")
    if not any("." in name for name in loaded):  # full names, without the prefix of the network
        block.collect_params().load(filename, ctx, allow_missing, ignore_extra, block.prefix, cast_dtype, dtype_source)
        return
    if not allow_missing:
        _require_all(params, loaded, filename)
    extra = [] if ignore_extra else [name for name in loaded if name not in params]
    if extra:
        raise ArgumentError(
            f"Parameter '{extra[0]}' loaded from file '{filename}' is not present in ParameterDict, which contains "
            f"parameters {brief(params)}. Set ignore_extra=True to ignore. "
        )
    for name, value in loaded.items():
        if name in params:
            load_value(params[name], value, ctx, cast_dtype, dtype_source)


def _require_all(params: dict[str, Any], loaded: dict[str, Any], filename: str) -> None:
    """Raise CheckError for a parameter that stands under none of its places in the file."""
    present = {id(parameter) for name, parameter in params.items() if name in loaded}
    for name, parameter in params.items():
        if id(parameter) not in present:
            raise CheckError(
                f"Parameter '{name}' is missing in file '{filename}', which contains parameters: {brief(loaded)}. Set "
                "allow_missing=True to ignore missing parameters."
            )
