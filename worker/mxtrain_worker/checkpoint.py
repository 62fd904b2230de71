"""Checkpoints in MXNet's files: PREFIX-symbol.json, PREFIX-EPOCH.params, PREFIX-EPOCH.states."""

import os
from collections.abc import Mapping
from typing import Any

from mxtrain import log
from mxtrain import symbol as symbols
from mxtrain.base import MXNetError
from mxtrain.context import cpu
from mxtrain.ndarray import NDArray
from mxtrain.ndarray.serialization import load, save

Arrays = dict[str, NDArray]


def params_path(prefix: str, epoch: int) -> str:
    """The file of the parameters after an epoch."""
    return f"{prefix}-{epoch:04d}.params"


def states_path(prefix: str, epoch: int) -> str:
    """The file of the optimizer's states after an epoch."""
    return f"{prefix}-{epoch:04d}.states"


def symbol_path(prefix: str) -> str:
    """The file of the network."""
    return f"{prefix}-symbol.json"


def save_params(fname: str, arg_params: Mapping[str, NDArray], aux_params: Mapping[str, NDArray]) -> None:
    """Write parameters to a file, arguments as "arg:NAME" and auxiliary states as "aux:NAME"."""
    named = {f"arg:{name}": value.as_in_context(cpu()) for name, value in arg_params.items()}
    named.update((f"aux:{name}", value.as_in_context(cpu())) for name, value in aux_params.items())
    save(fname, named)


def read_params(fname: str) -> tuple[Arrays, Arrays]:
    """(arguments, auxiliary states) of a file. Raises MXNetError naming the file and what is wrong with it."""
    if not os.path.exists(fname):
        raise MXNetError(f"Expected: a file of parameters. Received: {fname!r}, which does not exist.")
    named = load(fname)
    if not isinstance(named, dict):
        raise MXNetError(
            f"{fname}: expected parameters named 'arg:NAME' or 'aux:NAME'. Received: arrays without names."
        )
    tables: dict[str, Arrays] = {"arg": {}, "aux": {}}
    for key, value in named.items():
        kind, colon, name = key.partition(":")
        if not colon or kind not in tables:
            raise MXNetError(f"{fname}: expected names like 'arg:NAME' or 'aux:NAME'. Received: {key!r}.")
        tables[kind][name] = value
    return tables["arg"], tables["aux"]


def read_states(fname: str) -> bytes:
    """The bytes of a file of optimizer states. Raises MXNetError naming the file where it cannot be read."""
    try:
        with open(fname, "rb") as file:
            return file.read()
    except OSError as error:
        raise MXNetError(f"Expected: a file of optimizer states. Received: {fname!r} ({error.strerror}).") from error


def save_checkpoint(
    prefix: str,
    epoch: int,
    symbol: Any,
    arg_params: Mapping[str, NDArray],
    aux_params: Mapping[str, NDArray],
    remove_amp_cast: bool = True,
) -> None:
    """Write the network (where there is one) and its parameters after an epoch; each file whole or not at all."""
    if symbol is not None:
        symbol.save(symbol_path(prefix), remove_amp_cast=remove_amp_cast)
    fname = params_path(prefix, epoch)
    save_params(fname, arg_params, aux_params)
    log.info('Saved checkpoint to "%s"', fname)


def load_params(prefix: str, epoch: int) -> tuple[Arrays, Arrays]:
    """(arguments, auxiliary states) of a checkpoint."""
    return read_params(params_path(prefix, epoch))


def load_checkpoint(prefix: str, epoch: int) -> tuple[Any, Arrays, Arrays]:
    """(symbol, arguments, auxiliary states) of a checkpoint.

    Raises MXNetError naming the file that is missing or damaged.
    """
    fname = symbol_path(prefix)
    if not os.path.exists(fname):
        raise MXNetError(f"Expected: the network of the checkpoint. Received: {fname!r}, which does not exist.")
    symbol = symbols.load(fname)
    return (symbol, *load_params(prefix, epoch))
