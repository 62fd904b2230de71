"""Permuting axes into new memory."""

from typing import Any


def transposed(xp: Any, data: Any, axes: tuple[int, ...], out: Any = None) -> Any:
    """A C-contiguous array whose axis i is axis axes[i] of data; written to `out` if given."""
    view = data.transpose(axes)
    if out is None:
        return xp.ascontiguousarray(view) if view.flags.c_contiguous is False else view.copy()
    out[...] = view
    return out
