"""Values of runs of blocks in payloads: raw, or encoded by a codec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mxtrain_kvstore.compression.codec import Codec
from mxtrain_kvstore.compression.parameters import PULL_CODECS, codec_of
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.segment import Segment


class Place(NamedTuple):
    """Blocks `first` to `stop` of a segment, and the round that is meant."""

    segment: Segment
    first: int
    stop: int
    number: int


def read_values(places: Sequence[Place], payload: np.ndarray | None, codec_form: Sequence[Any]) -> list[np.ndarray]:
    """The values of each place, flat. payload: bytes, uint8. codec_form: as in a message.

    Raises RequestError unless the payload fits exactly, MXNetError for a codec or a code that does not exist.
    """
    codec = codec_of(*codec_form)
    for place in places if codec is not None else ():
        _require_float32(place.segment, place.first, place.stop)
    sizes = [_nbytes(place, codec) for place in places]
    given = 0 if payload is None else payload.nbytes
    if payload is None or sum(sizes) != given:
        raise RequestError(f"Expected: a payload as long as its {len(places)} run(s). Received: {given} bytes.")
    values = []
    end = 0
    for place, size in zip(places, sizes, strict=True):
        start, end = end, end + size
        part = payload[start:end]
        values.append(part.view(place.segment.dtype) if codec is None else _decoded(place, part, codec))
    return values


def _lengths(place: Place, codec: Codec) -> list[int]:
    """The numbers of values that are encoded together."""
    starts = place.segment.starts
    if codec.elementwise:
        return [starts[place.stop] - starts[place.first]]
    return [starts[block + 1] - starts[block] for block in range(place.first, place.stop)]


def _nbytes(place: Place, codec: Codec | None) -> int:
    low, high = place.segment.bounds(place.first, place.stop)
    if codec is None:
        return (high - low) * place.segment.dtype.itemsize
    return sum(map(codec.encoded_size, _lengths(place, codec)))


def _decoded(place: Place, data: np.ndarray, codec: Codec) -> np.ndarray:
    parts = []
    end = 0
    for length in _lengths(place, codec):
        start, end = end, end + codec.encoded_size(length)
        parts.append(codec.decode(data[start:end], length))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def pull_codec(segment: Segment, first: int, stop: int, codec_form: Sequence[Any]) -> Codec | None:
    """The codec that a pull of some blocks asks for. Raises RequestError for one that does not fit."""
    codec = codec_of(*codec_form)
    if codec is not None:
        _require_float32(segment, first, stop)
        if codec.name not in PULL_CODECS:
            raise RequestError(f"Expected: values as one of {', '.join(PULL_CODECS)}. Received: {codec.name!r}.")
    return codec


def _require_float32(segment: Segment, first: int, stop: int) -> None:
    if segment.dtype != np.float32:
        raise RequestError(
            f"Keys {segment.names(first, stop)[:3]}: gradient compression is only supported for float32 parameters. "
            f"Received: {segment.dtype.name}."
        )
