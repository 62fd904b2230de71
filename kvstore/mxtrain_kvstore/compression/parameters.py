"""The parameters of `set_gradient_compression`, and codecs by their names."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain_kvstore.compression.brain import Brain
from mxtrain_kvstore.compression.codec import Codec
from mxtrain_kvstore.compression.half import Half
from mxtrain_kvstore.compression.one_bit import OneBit
from mxtrain_kvstore.compression.top_k import TopK
from mxtrain_kvstore.compression.two_bit import TwoBit

CODECS: dict[str, type[Codec]] = {codec.name: codec for codec in (TwoBit, OneBit, Half, Brain, TopK)}
#: Codecs that are good enough for weights: what they leave out is not sent later.
PULL_CODECS = (Half.name, Brain.name)


class Compression(NamedTuple):
    """How a store sends gradients, and how servers send values back; None: as they are."""

    push: Codec
    pull: Codec | None


def read_params(params: Any) -> Compression:
    """The codecs that a user asks for: {"type": name, its parameter, "pull": "fp16" or "bf16" where wanted}.

    Raises ArgumentTypeError or ArgumentError for anything else.
    """
    if not isinstance(params, dict):
        raise ArgumentTypeError(f"Expected: compression parameters as a dict. Received: {type(params).__name__}.")
    kind = params.get("type")
    if not isinstance(kind, str) or kind not in CODECS:
        raise ArgumentError(
            f"Unknown type for gradient compression. Expected: one of {', '.join(CODECS)}. Received: {kind!r}."
        )
    name = CODECS[kind].parameter_name
    unknown = sorted(set(params) - {"type", "pull", name})
    if unknown:
        known = ", ".join(filter(None, ("type", "pull", name)))
        raise ArgumentError(f"Gradient compression {kind!r}: expected {known}. Received: {', '.join(unknown)} too.")
    return Compression(CODECS[kind](_number(params, name)), _pull_codec(params.get("pull")))


def _number(params: dict[str, Any], name: str) -> float | None:
    if params.get(name) is None:
        return None
    try:
        return float(params[name])
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"Expected: a number as {name}. Received: {params[name]!r}.") from error


def _pull_codec(name: Any) -> Codec | None:
    if name is None:
        return None
    if name not in PULL_CODECS:
        raise ArgumentError(f"Expected: pull as one of {', '.join(PULL_CODECS)}. Received: {name!r}.")
    return CODECS[name]()


@lru_cache(maxsize=64)
def codec_of(name: str, parameter: float) -> Codec | None:
    """The codec that a message names; None for "". Raises ArgumentError for one that does not exist."""
    if not name:
        return None
    if name not in CODECS:
        raise ArgumentError(f"Expected: a codec of {', '.join(CODECS)}. Received: {name!r}.")
    return CODECS[name](parameter)
