"""Which KVStore a Trainer uses, and whether the optimizer runs in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mxtrain import kvstore, model
from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.context import Context
from mxtrain.gluon.parameter import Parameter


@dataclass
class Choice:
    """A store (None: every device updates for itself, and there is only one) and where the optimizer runs."""

    store: Any
    update_on_kvstore: bool

    @property
    def is_distributed(self) -> bool:
        """Whether the store spans several processes."""
        return self.store is not None and "dist" in self.store.type


def choose_store(params: Sequence[Parameter], contexts: Sequence[Context], wanted: Any, update: bool | None) -> Choice:
    """The choice for a store (or its kind, or None) and for what the user says of update_on_kvstore (None: nothing).

    Raises ArgumentError (a ValueError) for combinations that cannot work.
    Source: the rules of mxnet.gluon.Trainer of MXNet 1.9.1.
    """
    if any(parameter.stype != "default" for parameter in params):
        return _for_sparse_weights(wanted, update)
    values = {parameter.name: parameter.data(contexts[0]) for parameter in params}
    choice = Choice(*model._create_kvstore(wanted, len(contexts), values))
    if any(parameter.grad_stype != "default" for parameter in params):
        return _for_sparse_gradients(choice, update)
    return _for_dense(choice, update)


def _for_sparse_weights(wanted: Any, update: bool | None) -> Choice:
    """A store is needed: it holds the weights, of which rows are pulled."""
    if update is False:
        raise ArgumentError("Cannot set update_on_kvstore=False when sparse weights are present.")
    store = kvstore.create(wanted) if isinstance(wanted, str) else wanted
    if not isinstance(store, kvstore.KVStore):
        raise ArgumentTypeError(
            f"Cannot create kvstore {wanted!r} for sparse weights. Expected: the name of a built-in store, or one."
        )
    return Choice(store, True)


def _for_sparse_gradients(choice: Choice, update: bool | None) -> Choice:
    """Within one process each device updates for itself: only the gradients then travel, as rows."""
    if update is False and choice.is_distributed:
        raise ArgumentError("Cannot set update_on_kvstore=False on dist kvstore when sparse gradients are present.")
    if choice.store is not None and not isinstance(choice.store, kvstore.KVStore):
        raise ArgumentError(
            f"Cannot use {type(choice.store).__name__} for multi-device training with sparse gradients. Expected: a "
            "built-in store."
        )
    return Choice(choice.store, choice.is_distributed if update is None else update)


def _for_dense(choice: Choice, update: bool | None) -> Choice:
    is_async = choice.is_distributed and "async" in choice.store.type
    if is_async and update is False:
        raise ArgumentError("Please set update_on_kvstore=True when training in async mode.")
    on_kvstore = True if is_async else choice.update_on_kvstore if update is None else update
    if on_kvstore and choice.store is not None and not choice.store.is_capable("optimizer"):
        raise ArgumentError(
            f"Please set update_on_kvstore=False when training with {type(choice.store).__name__}, which has no "
            "optimizer."
        )
    return Choice(choice.store, on_kvstore)
