"""`Trainer`: applies an optimizer to the parameters of a network."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mxtrain.atomic_write import write_atomically
from mxtrain.base import ArgumentError, MXNetError
from mxtrain.context import Context
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.parameter import Parameter, ParameterDict
from mxtrain.gluon.trainer.store_choice import choose_store
from mxtrain.ndarray import NDArray
from mxtrain.optimizer import Optimizer, create, get_updater


class Trainer:
    """Updates parameters by their gradients, on one device, several devices or several machines.

    params: a ParameterDict, a dict or a list of Parameters, which must be initialized on the same contexts. optimizer:
    an Optimizer, or its name with optimizer_params as its arguments. kvstore: a kind of KVStore, a store, or None.
    compression_params: for KVStore.set_gradient_compression. update_on_kvstore: whether the optimizer runs in the
    store; None: as fits.
    Source: follows mxnet.gluon.Trainer of MXNet 1.9.1.
    """

    def __init__(
        self,
        params: ParameterDict | Mapping[str, Parameter] | Iterable[Parameter],
        optimizer: str | Optimizer,
        optimizer_params: Mapping[str, Any] | None = None,
        kvstore: Any = "device",
        compression_params: dict[str, Any] | None = None,
        update_on_kvstore: bool | None = None,
    ) -> None:
        self._params = _listed(params)
        self._param2idx = {parameter.name: number for number, parameter in enumerate(self._params)}
        for parameter in self._params:
            parameter._set_trainer(self)
        self._compression_params = compression_params
        self._contexts = self._common_contexts()
        self._optimizer = self._made_optimizer(optimizer, optimizer_params)
        self._updaters = [get_updater(self._optimizer) for _ in self._contexts]
        self._scale = self._optimizer.rescale_grad
        self._wanted_store = kvstore
        self._wanted_update = update_on_kvstore
        self._kvstore: Any = None
        self._params_to_init: list[Parameter] = []
        self._reset_kvstore()

    def _common_contexts(self) -> list[Context]:
        contexts: list[Context] | None = None
        for parameter in self._params:
            own = parameter.list_ctx()
            if contexts is not None and contexts != own:
                raise CheckError(
                    f"All Parameters must be initialized on the same set of contexts, but Parameter {parameter.name} "
                    f"is initialized on {own} while previous Parameters are initialized on {contexts}."
                )
            contexts = own
        return contexts or []

    def _made_optimizer(self, optimizer: str | Optimizer, settings: Mapping[str, Any] | None) -> Optimizer:
        if isinstance(optimizer, Optimizer):
            if settings:
                raise CheckError(
                    "optimizer_params must be None if optimizer is an instance of Optimizer instead of str"
                )
            made: Optimizer = optimizer
        else:
            made = create(optimizer, **(settings or {}))
        made.param_dict = dict(enumerate(self._params))
        return made

    # ---------------------------------------------------------------- settings

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer."""
        return self._optimizer

    @property
    def learning_rate(self) -> float:
        """The current learning rate."""
        return self._optimizer.learning_rate

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate. Raises UserWarning where a scheduler decides it, as MXNet does."""
        self._optimizer.set_learning_rate(lr)

    # ---------------------------------------------------------------- the store

    def _reset_kvstore(self) -> None:
        """Forget the store: the parameters' values have been set by somebody else."""
        if self._kvstore is not None and "dist" in self._kvstore.type:
            raise MXNetError("Cannot reset distributed KVStore.")
        self._kv_initialized = False
        self._kvstore = None
        self._distributed: bool | None = None
        self._update_on_kvstore: bool | None = None
        self._params_to_init = list(self._params)

    def _init_kvstore(self) -> None:
        """Make the store; parameters that wait for their shape follow later."""
        choice = choose_store(self._params, self._contexts, self._wanted_store, self._wanted_update)
        self._distributed = choice.is_distributed
        self._kvstore = choice.store
        if self._kvstore is not None:
            if self._compression_params:
                self._kvstore.set_gradient_compression(self._compression_params)
            if choice.update_on_kvstore:
                self._kvstore.set_optimizer(self._optimizer)
            self._update_on_kvstore = choice.update_on_kvstore
        self._kv_initialized = True

    def _init_params(self) -> None:
        """Give the store the parameters that it does not have yet."""
        waiting = []
        for parameter in self._params_to_init:
            if parameter._deferred_init is not None:
                waiting.append(parameter)
            elif self._kvstore is not None:
                index = self._param2idx[parameter.name]
                arrays = parameter._initialized(parameter._data)
                if parameter.stype != "default":
                    self._kvstore.init(index, arrays[0])
                else:
                    self._kvstore.broadcast(index, arrays[0], out=arrays, priority=-index)
        self._params_to_init = waiting

    def _prepare(self) -> None:
        if not self._kv_initialized:
            self._init_kvstore()
        if self._params_to_init:
            self._init_params()

    def _row_sparse_pull(self, parameter: Parameter, out: Any, row_id: NDArray, full_idx: bool = False) -> None:
        """Fill `out` with rows of a parameter that the store holds. full_idx: all rows are asked for."""
        self._prepare()
        index = self._param2idx[parameter.name]
        if full_idx and not self._distributed:
            self._kvstore.pull(index, out=out, priority=-index, ignore_sparse=False)
        else:
            self._kvstore.row_sparse_pull(index, out=out, row_ids=row_id, priority=-index)

    # ---------------------------------------------------------------- a step

    def step(self, batch_size: int, ignore_stale_grad: bool = False) -> None:
        """Sum the gradients over devices and workers, and update the parameters; to be called after `backward`.

        batch_size: the gradients are divided by it; the job's status counts so many samples. ignore_stale_grad: leave
        parameters alone whose gradient the last backward did not write, rather than raise UserWarning.
        """
        self._set_rescale_grad(self._scale / batch_size)
        self._prepare()
        if self._distributed and hasattr(self._kvstore, "count_samples"):
            self._kvstore.count_samples(int(batch_size))
        self._allreduce_grads()
        self._update(ignore_stale_grad)

    def _set_rescale_grad(self, scale: float) -> None:
        sent = self._update_on_kvstore and self._distributed and self._kv_initialized
        if sent and self._optimizer.rescale_grad != scale:
            raise UserWarning(
                "Possible change in the `batch_size` from previous `step` detected. Optimizer gradient normalizing "
                "factor will not change w.r.t new batch_size when update_on_kvstore=True and when distributed kvstore "
                "is used."
            )
        self._optimizer.rescale_grad = scale

    def allreduce_grads(self) -> None:
        """Sum the gradients over devices and workers: the first half of `step`, to change them before `update`.

        Raises CheckError (an AssertionError) where the optimizer runs in the store.
        """
        self._prepare()
        self._require_own_update("allreduce_grads")
        self._allreduce_grads()

    def update(self, batch_size: int, ignore_stale_grad: bool = False) -> None:
        """Update the parameters by their gradients: the second half of `step`.

        Raises CheckError (an AssertionError) where the optimizer runs in the store.
        """
        self._prepare()
        self._require_own_update("update")
        self._set_rescale_grad(self._scale / batch_size)
        self._update(ignore_stale_grad)

    def _require_own_update(self, method: str) -> None:
        if self._kvstore is not None and self._update_on_kvstore:
            raise CheckError(
                f"{method}() when parameters are updated on kvstore is not supported. Try setting `update_on_kvstore` "
                "to False when creating trainer."
            )

    def _allreduce_grads(self) -> None:
        """Let the store sum the gradients, or update by them. What the next forward needs first goes first."""
        if self._kvstore is None:
            return
        for index, parameter in enumerate(self._params):
            if parameter.grad_req == "null":
                continue
            grads = parameter.list_grad()
            if grads[0].stype != "default":
                self._exchange_rows(index, parameter, grads)
            elif self._update_on_kvstore:
                self._kvstore.pushpull(index, grads, out=parameter.list_data(), priority=-index)
            else:
                self._kvstore.pushpull(index, grads, priority=-index)

    def _exchange_rows(self, index: int, parameter: Parameter, grads: list[NDArray]) -> None:
        """Sparse weights are not pulled back: their rows are, when they are asked for."""
        self._kvstore.push(index, grads, priority=-index)
        if parameter.stype == "default":
            targets = parameter.list_data() if self._update_on_kvstore else grads
            self._kvstore.pull(index, targets, priority=-index, ignore_sparse=bool(self._distributed))

    def _update(self, ignore_stale_grad: bool = False) -> None:
        here = self._kvstore is None or not self._update_on_kvstore
        updates: list[list[tuple[int, NDArray, NDArray]]] = [[] for _ in self._updaters]
        for index, parameter in enumerate(self._params):
            if parameter.grad_req == "null":
                continue
            arrays = parameter._initialized(parameter._data)
            if not ignore_stale_grad:
                _require_fresh(parameter, arrays)
            if here:
                for of_device, array, grad in zip(updates, arrays, parameter.list_grad(), strict=True):
                    if array._fresh_grad:
                        of_device.append((index, grad, array))
                        array._fresh_grad = False
        for number, of_device in enumerate(updates):
            if of_device:
                self._optimizer._set_current_context(number)
                indices, grads, arrays_of_device = zip(*of_device, strict=True)
                self._updaters[number](list(indices), list(grads), list(arrays_of_device))

    # ---------------------------------------------------------------- states

    def save_states(self, fname: str) -> None:
        """Write the optimizer, with its states, to a file."""
        self._prepare()
        if self._update_on_kvstore:
            if self._params_to_init:
                raise CheckError("Cannot save trainer states when some parameters are not yet initialized in kvstore.")
            self._kvstore.save_optimizer_states(fname, dump_optimizer=True)
        else:
            write_atomically(fname, [self._updaters[0].get_states(dump_optimizer=True)])

    def load_states(self, fname: str) -> None:
        """Go on from states that were saved. Raises MXNetError for a file of another kind."""
        self._prepare()
        if self._update_on_kvstore:
            self._kvstore.load_optimizer_states(fname)
            updater: Any = getattr(self._kvstore, "_updater", None)
            if hasattr(updater, "optimizer"):  # of a store within this process
                self._optimizer = updater.optimizer
        else:
            states = Path(fname).read_bytes()
            for updater in self._updaters:
                updater.set_states(states)
                updater.optimizer = self._updaters[0].optimizer
            self._optimizer = self._updaters[0].optimizer
        self._optimizer.param_dict = dict(enumerate(self._params))


def _listed(params: Any) -> list[Parameter]:
    """Parameters in the order of their names, where they have some. Raises ArgumentError for anything else."""
    if isinstance(params, (dict, ParameterDict)):
        params = [params[name] for name in sorted(params.keys())]
    if not isinstance(params, (list, tuple)):
        raise ArgumentError(f"First argument must be a list or dict of Parameters, got {type(params)}.")
    for parameter in params:
        if not isinstance(parameter, Parameter):
            raise ArgumentError(f"First argument must be a list or dict of Parameters, got list of {type(parameter)}.")
    return list(params)


def _require_fresh(parameter: Parameter, arrays: list[NDArray]) -> None:
    for array in arrays:
        if not array._fresh_grad:
            raise UserWarning(
                f"Gradient of Parameter `{parameter.name}` on context {array.context} has not been updated by backward "
                "since last `step`. This could mean a bug in your model that made it only use a subset of the "
                "Parameters (Blocks) for this iteration. If you are intentionally only using a subset, call step with "
                "ignore_stale_grad=True to suppress this warning and skip updating of Parameters with stale gradient"
            )
