"""`group2ctxs`: on which contexts the parts of a graph that carry `ctx_group` run, per device."""

from collections.abc import Mapping, Sequence
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.context import Context

GroupContexts = dict[str, Context]


def per_device(group2ctxs: Any, num_devices: int) -> list[GroupContexts | None]:
    """For each device the context of each group.

    group2ctxs: None; a dictionary from group to a context, or to a list of one or `num_devices` contexts; or a list of
    dictionaries, one per device. Raises ArgumentError or ArgumentTypeError for anything else.
    """
    if group2ctxs is None:
        return [None] * num_devices
    if isinstance(group2ctxs, Mapping):
        return [
            {group: _pick(group, ctxs, device, num_devices) for group, ctxs in group2ctxs.items()}
            for device in range(num_devices)
        ]
    if isinstance(group2ctxs, Sequence) and len(group2ctxs) == num_devices:
        return [dict(of_device) for of_device in group2ctxs]
    raise ArgumentTypeError(
        f"Expected: group2ctxs as a dictionary, or as a list of {num_devices} of them. Received: {group2ctxs!r}."
    )


def _pick(group: str, ctxs: Any, device: int, num_devices: int) -> Context:
    if isinstance(ctxs, Context):
        return ctxs
    if len(ctxs) not in (1, num_devices):
        raise ArgumentError(f"Expected: 1 or {num_devices} contexts for the group {group!r}. Received: {len(ctxs)}.")
    ctx: Context = ctxs[device if len(ctxs) > 1 else 0]
    return ctx
