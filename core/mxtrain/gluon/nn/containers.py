"""Blocks in a row: `Sequential` and `HybridSequential`."""

import warnings
from collections.abc import Iterator
from typing import Any, TypeVar

from mxtrain.gluon.block import Block, HybridBlock
from mxtrain.gluon.parameter import ParameterDict

_Container = TypeVar("_Container", bound="_Row")


class _Row(Block):
    """What both containers do."""

    def add(self, *blocks: Any) -> None:
        """Put blocks at the end."""
        for block in blocks:
            self.register_child(block)

    def _run(self, x: Any, *args: Any) -> Any:
        """Each block gets what the one before returned; several values as several arguments."""
        for block in self._children.values():
            x = block(x, *args)
            args = ()
            if isinstance(x, (tuple, list)):
                x, *rest = x
                args = tuple(rest)
        return [x, *args] if args else x

    def __repr__(self) -> str:
        lines = "\n".join(f"  ({name}): " + repr(block).replace("\n", "\n  ") for name, block in self._children.items())
        return f"{type(self).__name__}(\n{lines}\n)"

    def __getitem__(self: _Container, key: Any) -> Any:
        """A block; for a slice, a container of the same kind that shares the blocks."""
        blocks = list(self._children.values())[key]
        if not isinstance(blocks, list):
            return blocks
        part = type(self)(prefix=self._prefix)
        with part.name_scope():
            part.add(*blocks)
        return part

    def __iter__(self) -> Iterator[Block]:
        return iter(self._children.values())

    def __len__(self) -> int:
        return len(self._children)


class Sequential(_Row):
    """Runs blocks one after the other. For HybridBlocks only, HybridSequential can be compiled as a whole."""

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)

    def forward(self, x: Any, *args: Any) -> Any:
        """The last block's output."""
        return self._run(x, *args)

    def hybridize(self, active: bool = True, **kwargs: Any) -> None:
        """Hybridize every block; warns where all of them could be compiled together."""
        if self._children and all(isinstance(block, HybridBlock) for block in self._children.values()):
            warnings.warn(
                f'All children of this Sequential layer "{self.prefix}" are HybridBlocks. Consider using '
                "HybridSequential for the best performance.",
                stacklevel=2,
            )
        super().hybridize(active, **kwargs)


class HybridSequential(_Row, HybridBlock):
    """Runs HybridBlocks one after the other."""

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The last block's output."""
        return self._run(x, *args)
