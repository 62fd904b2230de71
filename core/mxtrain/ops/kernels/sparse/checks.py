"""What must hold of a csr matrix before its arrays are used as addresses."""

from typing import Any

from mxtrain.base import ArgumentError


def require_inside(indices: Any, indptr: Any, size: int) -> None:
    """Raise ArgumentError for indices outside [0, size), or pointers that do not rise from 0 to their number."""
    if len(indices) and (int(indices.min()) < 0 or int(indices.max()) >= size):
        raise ArgumentError(
            f"Expected: a csr matrix with columns in [0, {size}). Received: {int(indices.min())} to "
            f"{int(indices.max())}. See check_format."
        )
    if int(indptr[0]) != 0 or int(indptr[-1]) != len(indices) or bool((indptr[1:] < indptr[:-1]).any()):
        raise ArgumentError(f"Expected: an indptr that rises from 0 to {len(indices)}. See check_format.")
