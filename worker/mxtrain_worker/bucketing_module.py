"""`BucketingModule`: one module per bucket, such as a sentence length; all share parameters and optimizer."""

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain import symbol as symbols
from mxtrain.base import ArgumentError, MXNetError
from mxtrain.context import Context
from mxtrain.initializer import Uniform
from mxtrain.ndarray import NDArray, array
from mxtrain.ndarray.serialization import load, save
from mxtrain_worker import checkpoint
from mxtrain_worker.base_module import DEFAULT_OPTIMIZER_PARAMS, BaseModule, Parameters
from mxtrain_worker.module import Module

SymbolGenerator = Callable[[Any], tuple[Any, Any, Any]]


class BucketingModule(BaseModule):
    """Trains a network whose graph depends on the batch, which carries a `bucket_key`.

    sym_gen: bucket key to (symbol, data names, label names). default_bucket_key: the largest bucket, whose memory all
    others use. Other arguments: as for Module. Source: mxnet.module.BucketingModule of MXNet 1.9.1.
    """

    def __init__(
        self,
        sym_gen: SymbolGenerator,
        default_bucket_key: Any = None,
        logger: Any = logging,
        context: "Context | Sequence[Context] | None" = None,
        work_load_list: Sequence[float] | None = None,
        fixed_param_names: Sequence[str] | None = None,
        state_names: Sequence[str] | None = None,
        group2ctxs: Any = None,
        compression_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(logger=logger)
        if default_bucket_key is None:
            raise ArgumentError("Expected: default_bucket_key, the key of the largest bucket. Received: None.")
        self._default_bucket_key = default_bucket_key
        self._sym_gen = sym_gen
        self._options: dict[str, Any] = {
            "logger": logger,
            "context": context,
            "work_load_list": work_load_list,
            "fixed_param_names": fixed_param_names,
            "state_names": state_names,
            "group2ctxs": group2ctxs,
            "compression_params": compression_params,
        }
        self._buckets: dict[Any, Module] = {}
        self._loaded: tuple[Parameters, Parameters] = ({}, {})
        self._monitor: Any = None
        self._grad_req: Any = None
        self._reset_bind()

    def _reset_bind(self) -> None:
        self.binded = False
        self._buckets = {}
        self._curr_module: Any = None
        self._curr_bucket_key: Any = None

    def _make_module(self, bucket_key: Any) -> Module:
        symbol, data_names, label_names = self._sym_gen(bucket_key)
        return Module(symbol, data_names, label_names, **self._options)

    # ---------------------------------------------------------------- facts

    @property
    def data_names(self) -> list[str]:
        """Names of the inputs of the current bucket."""
        if self.binded:
            names: list[str] = self._curr_module.data_names
            return names
        return list(self._sym_gen(self._default_bucket_key)[1])

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs of the current bucket."""
        if self.binded:
            names: list[str] = self._curr_module.output_names
        else:
            names = self._sym_gen(self._default_bucket_key)[0].list_outputs()
        return names

    @property
    def data_shapes(self) -> Any:
        """DataDescs of the inputs of the current bucket."""
        self._require("data_shapes")
        return self._curr_module.data_shapes

    @property
    def label_shapes(self) -> Any:
        """DataDescs of the labels of the current bucket."""
        self._require("label_shapes")
        return self._curr_module.label_shapes

    @property
    def output_shapes(self) -> Any:
        """(name, shape) pairs of the outputs of the current bucket."""
        self._require("output_shapes")
        return self._curr_module.output_shapes

    @property
    def symbol(self) -> Any:
        """The symbol of the current bucket."""
        self._require("symbol")
        return self._curr_module.symbol

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
        """Bind the default bucket; others follow when a batch asks for them."""
        if shared_module is not None:
            raise ArgumentError("Expected: no shared_module for a BucketingModule. Received: one.")
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        known = self._known_params()
        self._reset_bind()
        self.for_training, self.inputs_need_grad, self._grad_req = for_training, inputs_need_grad, grad_req
        module = self._make_module(self._default_bucket_key)
        module.bind(data_shapes, label_shapes, for_training, inputs_need_grad, grad_req=grad_req)
        self._buckets[self._default_bucket_key] = module
        self._curr_module, self._curr_bucket_key = module, self._default_bucket_key
        self.binded = True
        if known is not None:
            module.set_params(*known)

    def _known_params(self) -> tuple[Parameters, Parameters] | None:
        """Parameters that a rebind keeps."""
        if not self.params_initialized:
            return None
        return self.get_params() if self.binded else self._loaded

    def switch_bucket(self, bucket_key: Any, data_shapes: Any, label_shapes: Any = None) -> None:
        """Make a bucket the current one; binds it with the default bucket's memory where it is new."""
        self._require("switch_bucket")
        if bucket_key not in self._buckets:
            default = self._buckets[self._default_bucket_key]
            module = self._make_module(bucket_key)
            module.bind(
                data_shapes,
                label_shapes,
                default.for_training,
                default.inputs_need_grad,
                shared_module=default,
                grad_req=self._grad_req,
            )
            if self._monitor is not None:
                module.install_monitor(self._monitor)
            self._buckets[bucket_key] = module
        self._curr_module, self._curr_bucket_key = self._buckets[bucket_key], bucket_key

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Bind the bucket of a batch that comes next, leaving the current one current."""
        self._require("prepare", params=True)
        current = self._curr_bucket_key
        self._switch_to(data_batch)
        self._curr_module.prepare(data_batch, sparse_row_id_fn=sparse_row_id_fn)
        self._curr_module, self._curr_bucket_key = self._buckets[current], current

    def _switch_to(self, data_batch: Any) -> None:
        """Make the bucket of a batch the current one."""
        self.switch_bucket(data_batch.bucket_key, data_batch.provide_data, getattr(data_batch, "provide_label", None))

    # ---------------------------------------------------------------- parameters

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """(arguments, auxiliary states): the current parameters by name, in host memory."""
        self._require("get_params", params=True)
        self._curr_module._params_dirty = True  # another bucket may have updated the arrays that all share
        params: tuple[dict[str, NDArray], dict[str, NDArray]] = self._curr_module.get_params()
        return params

    def init_params(
        self,
        initializer: Any = Uniform(0.01),  # noqa: B008
        arg_params: Parameters | None = None,
        aux_params: Parameters | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """Give the parameters their first values. See `Module.init_params`."""
        if self.params_initialized and not force_init:
            return
        self._require("init_params")
        self._curr_module.init_params(initializer, arg_params, aux_params, allow_missing, force_init, allow_extra)
        self.params_initialized = True

    def set_params(
        self,
        arg_params: Parameters,
        aux_params: Parameters,
        allow_missing: bool = False,
        force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:
        """Assign parameters. See `Module.set_params`."""
        if self.params_initialized and not force_init:
            warnings.warn("Parameters already initialized and force_init=False. set_params call ignored.", stacklevel=2)
            return
        self._require("set_params")
        self._curr_module.set_params(arg_params, aux_params, allow_missing, force_init, allow_extra)
        self.params_initialized = True

    def init_optimizer(
        self,
        kvstore: Any = "local",
        optimizer: Any = "sgd",
        optimizer_params: Any = DEFAULT_OPTIMIZER_PARAMS,
        force_init: bool = False,
    ) -> None:
        """Get ready to update, in all buckets by one optimizer. See `Module.init_optimizer`."""
        self._require("init_optimizer", params=True)
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        self._curr_module.init_optimizer(kvstore, optimizer, optimizer_params, force_init=force_init)
        for module in self._buckets.values():
            if module is not self._curr_module:
                module.borrow_optimizer(self._curr_module)
        self.optimizer_initialized = True

    # ---------------------------------------------------------------- steps

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of a batch in its bucket."""
        self._require("forward", params=True)
        self._switch_to(data_batch)
        self._curr_module.forward(data_batch, is_train=is_train)

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients in the current bucket."""
        self._require("backward", params=True)
        self._curr_module.backward(out_grads=out_grads)

    def update(self) -> None:
        """Change the parameters, which all buckets share."""
        self._require("update", params=True, optimizer=True)
        self._curr_module.update()

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The outputs of the last forward."""
        self._require("get_outputs", params=True)
        outputs: list[Any] = self._curr_module.get_outputs(merge_multi_context)
        return outputs

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients by the inputs of the last backward."""
        self._require("get_input_grads", params=True)
        grads: list[Any] = self._curr_module.get_input_grads(merge_multi_context)
        return grads

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """The states of the current bucket."""
        self._require("get_states", params=True)
        states: list[Any] = self._curr_module.get_states(merge_multi_context)
        return states

    def set_states(self, states: Any = None, value: float | None = None) -> None:
        """Fill the states of the current bucket."""
        self._require("set_states", params=True)
        self._curr_module.set_states(states, value)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Let a metric see the last outputs and their labels."""
        self._require("update_metric", params=True)
        self._curr_module.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon: Any) -> None:
        """Let a `mx.mon.Monitor` watch all buckets, later ones too."""
        self._require("install_monitor")
        self._monitor = mon
        for module in self._buckets.values():
            module.install_monitor(mon)

    # ---------------------------------------------------------------- storing

    def save_checkpoint(self, prefix: str, epoch: int, remove_amp_cast: bool = False) -> None:
        """Write the parameters, each bucket's symbol (PREFIX-KEY-symbol.json) and the keys (PREFIX.buckets).

        Keys must be integers, or tuples of equally many integers.
        """
        self._require("save_checkpoint", params=True)
        fname = checkpoint.params_path(prefix, epoch)
        self.save_params(fname)
        for key, module in self._buckets.items():
            module.symbol.save(_bucket_symbol_path(prefix, key), remove_amp_cast=remove_amp_cast)
        save(_buckets_path(prefix), array(np.array(list(self._buckets), dtype=np.int32), dtype=np.int32))
        self.logger.info('Saved checkpoint to "%s"', fname)

    @staticmethod
    def load(
        prefix: str, epoch: int, sym_gen: SymbolGenerator | None = None, default_bucket_key: Any = None, **kwargs: Any
    ) -> "BucketingModule":
        """A module of a checkpoint, ready to be bound. kwargs: as for the constructor."""
        arg_params, aux_params = checkpoint.load_params(prefix, epoch)
        sym_dict = {key: symbols.load(_bucket_symbol_path(prefix, key)) for key in _saved_keys(prefix)}
        return BucketingModule.load_dict(sym_dict, sym_gen, default_bucket_key, arg_params, aux_params, **kwargs)

    @staticmethod
    def load_dict(
        sym_dict: Mapping[Any, Any] | None = None,
        sym_gen: SymbolGenerator | None = None,
        default_bucket_key: Any = None,
        arg_params: Parameters | None = None,
        aux_params: Parameters | None = None,
        **kwargs: Any,
    ) -> "BucketingModule":
        """A module with given symbols (by bucket key) and parameters, ready to be bound.

        sym_gen makes the symbols of buckets that sym_dict lacks, and names the inputs of all.
        """
        if sym_gen is None:
            raise ArgumentError("sym_gen is required for loading BucketingModule. Received: None.")
        stored = dict(sym_dict or {})
        generate = sym_gen

        def stored_or_generated(key: Any) -> tuple[Any, Any, Any]:
            symbol, data_names, label_names = generate(key)
            return stored.get(key, symbol), data_names, label_names

        module = BucketingModule(stored_or_generated, default_bucket_key, **kwargs)
        module._loaded = (arg_params or {}, aux_params or {})
        module.params_initialized = True
        return module


def _bucket_symbol_path(prefix: str, key: Any) -> str:
    return f"{prefix}-{key}-symbol.json"


def _buckets_path(prefix: str) -> str:
    return f"{prefix}.buckets"


def _saved_keys(prefix: str) -> list[Any]:
    """The bucket keys of a checkpoint: integers, or tuples of them."""
    fname = _buckets_path(prefix)
    if not os.path.exists(fname):
        raise MXNetError(f"Expected: the bucket keys of the checkpoint. Received: {fname!r}, which does not exist.")
    stored = load(fname)
    if not isinstance(stored, list) or len(stored) != 1:
        raise MXNetError(f"{fname}: expected one array of bucket keys. Received: something else.")
    return [tuple(key) if isinstance(key, list) else key for key in stored[0].asnumpy().tolist()]
