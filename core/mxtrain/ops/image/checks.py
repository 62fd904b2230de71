"""Checks of images, (H, W, C), and batches of them, (N, H, W, C)."""

from typing import Any

from mxtrain.base import ArgumentError


def require_image(data: Any, *, batches: bool = False) -> None:
    """Raise ArgumentError unless data is an image, or, where these are allowed, a batch of images."""
    if data.ndim != 3 and not (batches and data.ndim == 4):
        expected = "(H, W, C) or (N, H, W, C)" if batches else "(H, W, C)"
        raise ArgumentError(f"Expected: data of shape {expected}. Received: {data.shape}.")


def require_colors(data: Any) -> None:
    """Raise ArgumentError unless data is an image with one or three channels."""
    require_image(data)
    if data.shape[2] not in (1, 3):
        raise ArgumentError(f"Expected: an image (H, W, 1 or 3). Received: {data.shape}.")


def require_factors(low: float, high: float) -> None:
    """Raise ArgumentError unless 0 <= low <= high."""
    if not 0 <= low <= high:
        raise ArgumentError(f"Expected: 0 <= min_factor <= max_factor. Received: {low} and {high}.")
