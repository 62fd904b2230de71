"""Names of blocks: prefixes, and the scopes in which child blocks get theirs."""

import threading
from typing import TYPE_CHECKING, Any

from mxtrain import name as names
from mxtrain.gluon.parameter import ParameterDict

if TYPE_CHECKING:
    from mxtrain.gluon.block.block_type import Block


class _Current(threading.local):
    scope: "BlockScope | None" = None


_current = _Current()


class BlockScope:
    """The scope of a block: blocks made inside `with block.name_scope():` are named below it.

    Source: the names are those of MXNet 1.9.1 (mxnet.gluon.block._BlockScope).
    """

    def __init__(self, block: "Block") -> None:
        self._block = block
        self._numbers: dict[str, int] = {}
        self._entered: list[tuple[BlockScope | None, names.Prefix]] = []

    @staticmethod
    def create(prefix: str | None, params: ParameterDict | None, hint: str) -> tuple[str, ParameterDict]:
        """The full prefix of a new block and the dictionary of its own parameters.

        prefix: as given; None numbers the block after its hint. params: a dictionary whose parameters are shared.
        """
        current = _current.scope
        if current is None:
            if prefix is None:
                prefix = names.current().get(None, hint) + "_"
            return prefix, ParameterDict(prefix) if params is None else ParameterDict(params.prefix, params)
        if prefix is None:
            prefix = current._next(hint)
        if params is None:
            parent = current._block.params
            params = ParameterDict(parent.prefix + prefix, parent._shared)
        else:
            params = ParameterDict(params.prefix, params)
        return current._block.prefix + prefix, params

    def _next(self, hint: str) -> str:
        number = self._numbers.get(hint, 0)
        self._numbers[hint] = number + 1
        return f"{hint}{number}_"

    def __enter__(self) -> "BlockScope":
        if not self._block._empty_prefix:
            manager = names.Prefix(self._block.prefix)
            self._entered.append((_current.scope, manager))
            _current.scope = self
            manager.__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        if not self._block._empty_prefix:
            _current.scope, manager = self._entered.pop()
            manager.__exit__(*exc_info)
