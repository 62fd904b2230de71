"""The states of all random generators of a process, as plain values."""

import random
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mxtrain.context import Context

#: From here on integers are kept as text: msgpack has 64 bits.
_LARGE = 1 << 64


def random_states(contexts: Iterable[Context]) -> dict[str, Any]:
    """The states of Python's, NumPy's and the devices' random generators, as plain values."""
    return {
        "python": random.getstate(),
        "numpy": _plain(np.random.get_state(legacy=False)),
        "devices": [[ctx.device_type, ctx.device_id, _device_state(ctx)] for ctx in sorted(contexts, key=str)],
    }


def set_random_states(states: Mapping[str, Any]) -> None:
    """Go on from what `random_states` gave."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(_with_arrays(states["numpy"]))
    for device_type, device_id, state in states["devices"]:
        generator = Context(device_type, device_id).backend.rng
        if isinstance(state, int):
            generator.seed(state)
        else:
            generator.generator.bit_generator.state = _with_arrays(state)


def _device_state(ctx: Context) -> Any:
    """The state of a device's generator; a GPU's cannot be read, so it is seeded anew, here as when it is restored."""
    state = ctx.backend.rng
    if ctx.device_typeid == 2:
        with ctx.backend.active():
            seed = int(state.generator.integers(0, 1 << 62))
        state.seed(seed)
        return seed
    return _plain(state.generator.bit_generator.state)


def _plain(value: Any) -> Any:
    """Nested dictionaries with their arrays as {"array": numbers, "dtype": name}, and numbers of any size."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.name}
    value = value.item() if isinstance(value, np.generic) else value
    return {"integer": str(value)} if isinstance(value, int) and value >= _LARGE else value


def _with_arrays(value: Any) -> Any:
    """What `_plain` was given."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"array", "dtype"}:
        return np.array(value["array"], dtype=value["dtype"])
    if set(value) == {"integer"}:
        return int(value["integer"])
    return {key: _with_arrays(inner) for key, inner in value.items()}
