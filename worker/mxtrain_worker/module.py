"""`Module`: a symbol with parameters, on one or several devices."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from mxtrain import optimizer as opt
from mxtrain.atomic_write import write_atomically
from mxtrain.base import ArgumentError, MXNetError
from mxtrain.context import Context, cpu
from mxtrain.initializer import Uniform
from mxtrain.io import DataDesc
from mxtrain.ndarray import NDArray
from mxtrain_worker import checkpoint
from mxtrain_worker.base_module import DEFAULT_OPTIMIZER_PARAMS, BaseModule, Parameters
from mxtrain_worker.executor_group import DataParallelExecutorGroup
from mxtrain_worker.input_names import check_input_names, describe_batch, describe_inputs
from mxtrain_worker.kvstore_setup import create_kvstore, initialize_kvstore
from mxtrain_worker.optimizer_setup import load_states, make_optimizer, names_by_index
from mxtrain_worker.parameter_update import Step, prepare_step
from mxtrain_worker.parameter_values import fill
from mxtrain_worker.sparse_rows import host_zeros_like, pull_all_rows, pull_rows_for


class Module(BaseModule):
    """A symbol that can be bound, run and trained on a list of devices, each batch cut over them.

    symbol: the network; its last layer is usually a loss layer. data_names, label_names: which arguments the data
    iterator feeds; all others are parameters. context: a Context or a list of them. work_load_list: one weight per
    context. fixed_param_names: parameters that stay as they are. state_names: arguments that are neither data nor
    trained. group2ctxs: contexts of `ctx_group`s. compression_params: for `KVStore.set_gradient_compression`.
    Source: mxnet.module.Module of MXNet 1.9.1.
    """

    def __init__(
        self,
        symbol: Any,
        data_names: Sequence[str] | None = ("data",),
        label_names: Sequence[str] | None = ("softmax_label",),
        logger: Any = logging,
        context: "Context | Sequence[Context] | None" = None,
        work_load_list: Sequence[float] | None = None,
        fixed_param_names: Sequence[str] | None = None,
        state_names: Sequence[str] | None = None,
        group2ctxs: Any = None,
        compression_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(logger=logger)
        self._context = [context] if isinstance(context, Context) else list(context or [cpu()])
        self._work_load_list = list(work_load_list or [1] * len(self._context))
        if len(self._work_load_list) != len(self._context):
            raise ArgumentError(
                f"Expected: one work load for each of {self._context}. Received: {self._work_load_list}."
            )
        self._group2ctxs = group2ctxs
        self._compression_params = compression_params
        self._symbol = symbol
        self._name_inputs(data_names, label_names, state_names, fixed_param_names)
        self._arg_params: dict[str, NDArray] | None = None
        self._aux_params: dict[str, NDArray] | None = None
        self._params_dirty = False
        self._optimizer: Any = None
        self._kvstore: Any = None
        self._update_on_kvstore = False
        self._updater: Any = None
        self._preload_opt_states: str | None = None
        self._grad_req: Any = None
        self._step: Step | None = None
        self._taken_by_rows: set[str] = set()
        self._reset_bind()

    def _name_inputs(self, data_names: Any, label_names: Any, state_names: Any, fixed_names: Any) -> None:
        self._data_names: list[str] = list(data_names or ())
        self._label_names: list[str] = list(label_names or ())
        self._state_names: list[str] = list(state_names or ())
        self._fixed_param_names: list[str] = list(fixed_names or ())
        check_input_names(self._symbol, self._data_names, "data", throw=True)
        check_input_names(self._symbol, self._label_names, "label", throw=False)
        check_input_names(self._symbol, self._state_names, "state", throw=True)
        check_input_names(self._symbol, self._fixed_param_names, "fixed_param", throw=True)
        inputs = {*self._data_names, *self._label_names, *self._state_names}
        self._param_names = [name for name in self._symbol.list_arguments() if name not in inputs]
        self._aux_names: list[str] = self._symbol.list_auxiliary_states()
        self._output_names: list[str] = self._symbol.list_outputs()

    def _reset_bind(self) -> None:
        self.binded = False
        self._exec_group: Any = None
        self._data_shapes: list[DataDesc] | None = None
        self._label_shapes: list[DataDesc] | None = None
        self._step = None

    # ---------------------------------------------------------------- facts

    @property
    def data_names(self) -> list[str]:
        """Names of the inputs."""
        return self._data_names

    @property
    def label_names(self) -> list[str]:
        """Names of the labels."""
        return self._label_names

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        return self._output_names

    @property
    def data_shapes(self) -> list[DataDesc] | None:
        """DataDescs of the inputs, as bound."""
        self._require("data_shapes")
        return self._data_shapes

    @property
    def label_shapes(self) -> list[DataDesc] | None:
        """DataDescs of the labels, as bound; None where none were given."""
        self._require("label_shapes")
        return self._label_shapes

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """(name, shape) pairs of the outputs."""
        self._require("output_shapes")
        shapes: list[tuple[str, tuple[int, ...]]] = self._exec_group.get_output_shapes()
        return shapes

    @property
    def _total_exec_bytes(self) -> int:
        return int(self._exec_group.total_exec_bytes)

    # ---------------------------------------------------------------- binding

    def bind(
        self,
        data_shapes: Any,
        label_shapes: Any = None,
        for_training: bool = True,
        inputs_need_grad: bool = False,
        force_rebind: bool = False,
        shared_module: "BaseModule | None" = None,
        grad_req: Any = "write",
    ) -> None:
        """Make the executors for inputs of these shapes.

        data_shapes, label_shapes: DataDescs or (name, shape) pairs of whole batches. inputs_need_grad: also compute
        gradients by the inputs. force_rebind: also where the module is bound already. shared_module: a bound module
        whose parameters and memory this one uses, too. grad_req: "write", "add", "null", a list or a dictionary.
        """
        if force_rebind and self.binded:
            self._sync_params_from_devices()
            self._reset_bind()
        if self.binded:
            self.logger.warning("Already bound, ignoring bind()")
            return
        if inputs_need_grad and not for_training:
            raise ArgumentError(
                "Expected: inputs_need_grad only with for_training. Received: the one without the other."
            )
        shared = self._shared_group(shared_module)
        self._data_shapes, self._label_shapes = describe_inputs(
            self._data_names, self._label_names, data_shapes, label_shapes
        )
        self.for_training, self.inputs_need_grad, self._grad_req = for_training, inputs_need_grad, grad_req
        self._exec_group = self._make_group(shared)
        self.binded = True
        self._take_parameters(shared_module)

    def _shared_group(self, shared_module: Any) -> Any:
        if shared_module is None:
            return None
        if not (isinstance(shared_module, Module) and shared_module.binded and shared_module.params_initialized):
            raise ArgumentError("Expected: a bound Module with parameters as shared_module. Received: another one.")
        if len(shared_module._exec_group.execs) < len(self._context):
            raise ArgumentError(
                f"Expected: a shared_module on {len(self._context)} devices. "
                f"Received: one on {len(shared_module._exec_group.execs)}."
            )
        return shared_module._exec_group

    def _make_group(self, shared: Any) -> DataParallelExecutorGroup:
        return DataParallelExecutorGroup(
            self._symbol,
            self._context,
            self._work_load_list,
            self._data_shapes or (),
            self._label_shapes,
            self._param_names,
            self.for_training,
            self.inputs_need_grad,
            shared_group=shared,
            logger=self.logger,
            fixed_param_names=self._fixed_param_names,
            grad_req=self._grad_req,
            state_names=self._state_names,
            group2ctxs=self._group2ctxs,
        )

    def _take_parameters(self, shared_module: Any) -> None:
        """Fill the new executors with the parameters that are there already."""
        if shared_module is not None:
            self.params_initialized = True
            self._arg_params = shared_module._arg_params
            self._aux_params = shared_module._aux_params
            if shared_module.optimizer_initialized:
                self.borrow_optimizer(shared_module)
        elif self.params_initialized:
            self._exec_group.set_params(self._arg_params, self._aux_params, allow_extra=True)

    def reshape(self, data_shapes: Any, label_shapes: Any = None) -> None:
        """Fit the module to other input shapes; parameters and optimizer stay."""
        self._require("reshape")
        data, labels = describe_inputs(self._data_names, self._label_names, data_shapes, label_shapes)
        self._exec_group.reshape(data, labels)
        self._data_shapes, self._label_shapes = data, labels

    # ---------------------------------------------------------------- parameters

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """(arguments, auxiliary states): the current parameters by name, in host memory."""
        self._require("get_params", params=True)
        self._sync_params_from_devices()
        return self._arg_params or {}, self._aux_params or {}

    def _sync_params_from_devices(self) -> None:
        """Bring the host's copy of the parameters up to date."""
        if self._params_dirty:
            self._exec_group.get_params(self._arg_params, self._aux_params)
            if self._update_on_kvstore:
                pull_all_rows(self._kvstore, self._arg_params or {})
            self._params_dirty = False

    def init_params(
        self,
        initializer: Any = Uniform(0.01),  # noqa: B008
        arg_params: Parameters | None = None,
        aux_params: Parameters | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """Give the parameters their first values: those of arg_params and aux_params, the others from the initializer.

        allow_missing: initialize what the dictionaries lack (they must be complete otherwise). force_init: also where
        the module has parameters. allow_extra: names that the symbol lacks are no fault.
        """
        if self.params_initialized and not force_init:
            warnings.warn(
                "Parameters already initialized and force_init=False. init_params call ignored.", stacklevel=2
            )
            return
        self._require("init_params")
        self._sync_params_from_devices()
        self._allocate_host_params()
        attributes = self._symbol.attr_dict()
        fill(self._arg_params or {}, arg_params, initializer, attributes, allow_missing)
        fill(self._aux_params or {}, aux_params, initializer, attributes, allow_missing)
        self.params_initialized = True
        self._exec_group.set_params(self._arg_params, self._aux_params, allow_extra=allow_extra)

    def _allocate_host_params(self) -> None:
        group = self._exec_group
        if self._arg_params is None:
            self._arg_params = host_zeros_like(self._param_names, group.param_arrays)
        if self._aux_params is None:
            self._aux_params = host_zeros_like(self._aux_names, group.aux_arrays)

    def set_params(
        self,
        arg_params: Parameters,
        aux_params: Parameters,
        allow_missing: bool = False,
        force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:
        """Assign parameters. allow_missing: keep those that are not given. allow_extra: pass over unknown names.

        Raises MXNetError for a missing one, ArgumentError for an unknown one where that is not allowed.
        """
        if not allow_missing:
            self.init_params(None, arg_params, aux_params, allow_missing, force_init, allow_extra)
            return
        if self.params_initialized and not force_init:
            warnings.warn("Parameters already initialized and force_init=False. set_params call ignored.", stacklevel=2)
            return
        self._require("set_params")
        self._allocate_host_params()
        self._exec_group.set_params(arg_params, aux_params, allow_extra=allow_extra)
        self._params_dirty = True
        self.params_initialized = True

    # ---------------------------------------------------------------- optimizer

    def init_optimizer(
        self,
        kvstore: Any = "local",
        optimizer: Any = "sgd",
        optimizer_params: Any = DEFAULT_OPTIMIZER_PARAMS,
        force_init: bool = False,
    ) -> None:
        """Get ready to update: choose where the optimizer runs, and give the KVStore the first weights.

        kvstore: a type ("local", "device", "dist_sync", ...), a KVStore or None. optimizer: a registered name, with
        optimizer_params as its arguments, or an Optimizer. Gradients are scaled by 1 / batch size (of all workers, for
        dist_sync) unless optimizer_params say otherwise. force_init: also where the module has an optimizer.
        """
        self._require("init_optimizer", params=True)
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring...")
            return
        self._sync_params_from_devices()
        store, on_store = create_kvstore(kvstore, len(self._context), self._arg_params or {})
        self._optimizer = make_optimizer(
            optimizer,
            dict(optimizer_params),
            symbol=self._symbol,
            names=names_by_index(self._param_names, 1 if on_store else len(self._context)),
            num_samples=self._exec_group.batch_size * _synchronous_workers(store),
        )
        self._kvstore, self._update_on_kvstore = store, on_store
        self._updater = None if on_store else opt.get_updater(self._optimizer)
        if store is not None:
            self._set_up_store()
        self._step = None
        self.optimizer_initialized = True
        if self._preload_opt_states is not None:
            self.load_optimizer_states(self._preload_opt_states)
            self._preload_opt_states = None

    def _set_up_store(self) -> None:
        if self._compression_params:
            self._kvstore.set_gradient_compression(self._compression_params)
        if self._update_on_kvstore:
            self._kvstore.set_optimizer(self._optimizer)
        group = self._exec_group
        initialize_kvstore(
            self._kvstore, group.param_arrays, self._arg_params or {}, self._param_names, self._update_on_kvstore
        )
        self._params_dirty = True  # other workers' first weights may have come in

    def borrow_optimizer(self, shared_module: "Module") -> None:
        """Update with another module's optimizer and store."""
        if not shared_module.optimizer_initialized:
            raise MXNetError("Expected: a module with an optimizer to borrow. Received: one without.")
        self._optimizer = shared_module._optimizer
        self._kvstore = shared_module._kvstore
        self._update_on_kvstore = shared_module._update_on_kvstore
        self._updater = shared_module._updater
        self._step = None
        self.optimizer_initialized = True

    # ---------------------------------------------------------------- steps

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of a batch; the module fits itself to a batch of other shapes.

        data_batch: `.data` and `.label` hold lists of arrays; or a list of such batches, one per device.
        is_train: as bound by default.
        """
        self._require("forward", params=True)
        if not isinstance(data_batch, list):
            self._fit_shapes(data_batch)
        self._exec_group.forward(data_batch, is_train)

    def _fit_shapes(self, batch: Any) -> None:
        bound = self._data_shapes or ()
        if len(batch.data) != len(bound):
            raise ArgumentError(
                f"Expected: a batch with the arrays {self._data_names}. Received: {len(batch.data)} arrays."
            )
        for desc, array in zip(bound, batch.data, strict=True):
            if desc.shape != array.shape:
                data, labels = describe_batch(batch, bound, self._label_shapes)
                self._exec_group.reshape(data, labels)
                self._data_shapes, self._label_shapes = data, labels
                return

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients. out_grads: gradient of the loss by each output; none after a loss layer."""
        self._require("backward", params=True)
        self._exec_group.backward(out_grads=out_grads)

    def update(self) -> None:
        """Change the parameters by the gradients, by the optimizer that init_optimizer chose."""
        self._require("update", params=True, optimizer=True)
        if self._step is None:
            self._step = self._prepare_step()
        self._params_dirty = True
        self._step()

    def _prepare_step(self) -> Step:
        group = self._exec_group
        return prepare_step(
            group.param_arrays,
            group.grad_arrays,
            group.param_names,
            kvstore=self._kvstore,
            update_on_kvstore=self._update_on_kvstore,
            updater=self._updater,
            arenas=group.arenas,
            taken_by_rows=self._taken_by_rows,
        )

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The outputs of the last forward, over the devices joined; a list per output and device unless merged."""
        self._require("get_outputs", params=True)
        outputs: list[Any] = self._exec_group.get_outputs(merge_multi_context)
        return outputs

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients by the inputs of the last backward; needs a bind with inputs_need_grad."""
        self._require("get_input_grads", params=True)
        grads: list[Any] = self._exec_group.get_input_grads(merge_multi_context)
        return grads

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """The states (see state_names), as get_outputs gives outputs."""
        self._require("get_states", params=True)
        states: list[Any] = self._exec_group.get_states(merge_multi_context)
        return states

    def set_states(self, states: Any = None, value: float | None = None) -> None:
        """Fill the states: from unmerged outputs of another module or step, or with one value."""
        self._require("set_states", params=True)
        self._exec_group.set_states(states, value)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Let a metric see the last outputs and their labels. pre_sliced: labels is one list per device."""
        self._exec_group.update_metric(eval_metric, labels, pre_sliced)

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Get ready for a batch that comes next.

        sparse_row_id_fn: from the batch to {row_sparse parameter: numbers of the rows that it needs}, which the devices
        then take from the KVStore, where that updates the parameters.
        """
        self._require("prepare")
        if sparse_row_id_fn is not None:
            store = self._kvstore if self._update_on_kvstore else None
            names, arrays = self._param_names, self._exec_group.param_arrays
            self._taken_by_rows |= pull_rows_for(data_batch, sparse_row_id_fn, store, names, arrays)

    def install_monitor(self, mon: Any) -> None:
        """Let a `mx.mon.Monitor` watch all devices."""
        self._require("install_monitor")
        self._exec_group.install_monitor(mon)

    # ---------------------------------------------------------------- storing

    def save_checkpoint(
        self, prefix: str, epoch: int, save_optimizer_states: bool = False, remove_amp_cast: bool = True
    ) -> None:
        """Write PREFIX-symbol.json, PREFIX-EPOCH.params and, where asked, PREFIX-EPOCH.states."""
        checkpoint.save_checkpoint(prefix, epoch, self._symbol, *self.get_params(), remove_amp_cast=remove_amp_cast)
        if save_optimizer_states:
            fname = checkpoint.states_path(prefix, epoch)
            self.save_optimizer_states(fname)
            self.logger.info('Saved optimizer state to "%s"', fname)

    @staticmethod
    def load(prefix: str, epoch: int, load_optimizer_states: bool = False, **kwargs: Any) -> "Module":
        """A module of a checkpoint, ready to be bound.

        load_optimizer_states: init_optimizer goes on from the saved states. kwargs: as for the constructor.
        """
        symbol, arg_params, aux_params = checkpoint.load_checkpoint(prefix, epoch)
        module = Module(symbol, **kwargs)
        module._arg_params = arg_params
        module._aux_params = aux_params
        module.params_initialized = True
        if load_optimizer_states:
            module._preload_opt_states = checkpoint.states_path(prefix, epoch)
        return module

    def save_optimizer_states(self, fname: str) -> None:
        """Write what the optimizer remembers (momentum, counts of updates, ...) to a file."""
        self._require("save_optimizer_states", params=True, optimizer=True)
        if self._update_on_kvstore:
            self._kvstore.save_optimizer_states(fname)
        else:
            write_atomically(fname, [self._updater.get_states()])

    def load_optimizer_states(self, fname: str) -> None:
        """Go on from what save_optimizer_states wrote. Raises MXNetError for a file that is missing or damaged."""
        self._require("load_optimizer_states", params=True, optimizer=True)
        if self._update_on_kvstore:
            self._kvstore.load_optimizer_states(fname)
        else:
            load_states(self._updater, checkpoint.read_states(fname), self._exec_group.param_arrays)


def _synchronous_workers(store: Any) -> int:
    """How many workers' gradients are summed before an update."""
    if store is None or "dist" not in store.type or "_sync" not in store.type:
        return 1
    return int(getattr(store, "num_summed", store.num_workers))
