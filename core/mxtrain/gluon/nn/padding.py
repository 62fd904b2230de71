"""Padding layers."""

from collections.abc import Sequence
from typing import Any

from mxtrain.gluon.block import HybridBlock
from mxtrain.gluon.errors import CheckError


class ReflectionPad2D(HybridBlock):
    """Pads x (N, C, H, W) with its own values, mirrored at the border.

    padding: one number for all sides of H and W, or eight: before and after of each axis.
    """

    def __init__(self, padding: int | Sequence[int] = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._padding = (0, 0, 0, 0, *(padding,) * 4) if isinstance(padding, int) else tuple(padding)
        if len(self._padding) != 8:
            raise CheckError(f"Expected: one number or eight of them as padding. Received: {padding!r}.")

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The padded x."""
        return F.pad(x, mode="reflect", pad_width=self._padding)
