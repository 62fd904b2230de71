"""What codes have left out of a worker's gradients, read and restored key by key, whatever servers the keys lie on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed.client import ParameterClient
from mxtrain_kvstore.distributed.parameter import Parameter


def read(client: ParameterClient, parameters: Mapping[Hashable, Parameter]) -> dict[Hashable, np.ndarray]:
    """The residual of every key that is compressed, flat float32; everything that was pushed is encoded before."""
    with client.lock:
        client.flush()
        return {key: _read(parameter) for key, parameter in parameters.items() if _is_compressed(parameter)}


def _read(parameter: Parameter) -> np.ndarray:
    whole = np.zeros(parameter.size, np.float32)
    for block in parameter.blocks:
        whole[block.offset : block.stop] = block.segment.residual(block.position, block.position + block.length)
    return whole


def _is_compressed(parameter: Parameter) -> bool:
    return any(block.segment.codec is not None for block in parameter.blocks)


def restore(
    client: ParameterClient, parameters: Mapping[Hashable, Parameter], residuals: Mapping[Hashable, np.ndarray]
) -> None:
    """Go on with residuals that `read` gave. Raises MXNetError, and changes nothing, where they are of other keys."""
    sizes = {key: parameter.size for key, parameter in parameters.items() if _is_compressed(parameter)}
    given = {key: values.size for key, values in residuals.items()}
    if sizes != given:
        differing = sorted(str(key) for key in set(sizes.items()) ^ set(given.items()))[:4]
        raise MXNetError(
            f"Expected: residuals of the keys that are compressed. Received: others; differing {differing}."
        )
    with client.lock:
        client.flush()
        for key, values in residuals.items():
            for block in parameters[key].blocks:
                part = block.segment.residual(block.position, block.position + block.length)
                part[:] = values[block.offset : block.stop]
