"""`BaseModule`: what every module can do once it can run forward and backward."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from mxtrain import metric
from mxtrain.base import ArgumentError, MXNetError
from mxtrain.initializer import Uniform
from mxtrain.ndarray import NDArray
from mxtrain_worker import checkpoint, inference
from mxtrain_worker.fit_loop import FitLoop

Parameters = Mapping[str, NDArray]
DEFAULT_OPTIMIZER_PARAMS = (("learning_rate", 0.01),)


class BaseModule:
    """A computation with parameters that can be bound, run, trained and stored.

    A module goes through these states: `bind` (memory for given shapes), `init_params`, `init_optimizer`, then steps of
    `forward`, `backward`, `update`; `fit`, `score` and `predict` do all of it. Subclasses define the parts.
    Source: mxnet.module.BaseModule of MXNet 1.9.1.
    """

    def __init__(self, logger: Any = logging) -> None:
        self.logger = logger
        self.binded = False
        self.for_training = False
        self.inputs_need_grad = False
        self.params_initialized = False
        self.optimizer_initialized = False
        self._symbol: Any = None

    def _require(self, action: str, *, params: bool = False, optimizer: bool = False) -> None:
        """Raise MXNetError unless the module is bound, and has parameters and an optimizer where asked."""
        if not self.binded:
            raise MXNetError(f"Expected: a bound module. Received: {action} before bind. Call bind first.")
        if params and not self.params_initialized:
            raise MXNetError(f"Expected: a module with parameters. Received: {action}. Call init_params first.")
        if optimizer and not self.optimizer_initialized:
            raise MXNetError(f"Expected: a module with an optimizer. Received: {action}. Call init_optimizer first.")

    # ---------------------------------------------------------------- facts

    @property
    def data_names(self) -> list[str]:
        """Names of the inputs."""
        raise NotImplementedError

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        raise NotImplementedError

    @property
    def data_shapes(self) -> Any:
        """DataDescs of the inputs."""
        raise NotImplementedError

    @property
    def label_shapes(self) -> Any:
        """DataDescs of the labels; None or empty where there are none."""
        raise NotImplementedError

    @property
    def output_shapes(self) -> Any:
        """(name, shape) pairs of the outputs."""
        raise NotImplementedError

    @property
    def symbol(self) -> Any:
        """The symbol that the module computes; None for one that has no symbol."""
        return self._symbol

    # ---------------------------------------------------------------- what a subclass defines

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
        """Set the module up for inputs of these shapes."""
        raise NotImplementedError

    def init_params(
        self,
        initializer: Any = Uniform(0.01),  # noqa: B008  as in MXNet's signature; it keeps no state
        arg_params: Parameters | None = None,
        aux_params: Parameters | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """Give the parameters their first values."""
        raise NotImplementedError

    def init_optimizer(
        self,
        kvstore: Any = "local",
        optimizer: Any = "sgd",
        optimizer_params: Any = DEFAULT_OPTIMIZER_PARAMS,
        force_init: bool = False,
    ) -> None:
        """Get ready to update the parameters."""
        raise NotImplementedError

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """(arguments, auxiliary states): the current parameters by name, in host memory."""
        raise NotImplementedError

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of a batch."""
        raise NotImplementedError

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients."""
        raise NotImplementedError

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The outputs of the last forward."""
        raise NotImplementedError

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients by the inputs of the last backward."""
        raise NotImplementedError

    def update(self) -> None:
        """Change the parameters by the gradients."""
        raise NotImplementedError

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Let a metric see the last outputs and their labels."""
        raise NotImplementedError

    def install_monitor(self, mon: Any) -> None:
        """Let a `mx.mon.Monitor` watch the computation."""
        raise NotImplementedError

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """The states that outlive a batch."""
        self._require("get_states", params=True)
        return []

    def set_states(self, states: Any = None, value: float | None = None) -> None:
        """Fill the states."""
        self._require("set_states", params=True)

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Get ready for a batch that comes next. sparse_row_id_fn: batch to {parameter name: row ids}."""

    # ---------------------------------------------------------------- built from the parts

    def forward_backward(self, data_batch: Any) -> None:
        """Compute outputs and gradients of a batch."""
        self.forward(data_batch, is_train=True)
        self.backward()

    def set_params(
        self,
        arg_params: Parameters,
        aux_params: Parameters,
        allow_missing: bool = False,
        force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:
        """Assign parameters. See `Module.set_params`."""
        self.init_params(
            initializer=None,
            arg_params=arg_params,
            aux_params=aux_params,
            allow_missing=allow_missing,
            force_init=force_init,
            allow_extra=allow_extra,
        )

    def save_params(self, fname: str) -> None:
        """Write the parameters to a `.params` file."""
        arg_params, aux_params = self.get_params()
        checkpoint.save_params(fname, arg_params, aux_params)

    def load_params(self, fname: str) -> None:
        """Assign the parameters of a `.params` file. Raises MXNetError naming the file where it is damaged."""
        self.set_params(*checkpoint.read_params(fname))

    def score(
        self,
        eval_data: Any,
        eval_metric: Any,
        num_batch: int | None = None,
        batch_end_callback: Any = None,
        score_end_callback: Any = None,
        reset: bool = True,
        epoch: int = 0,
        sparse_row_id_fn: Any = None,
    ) -> list[tuple[str, float]]:
        """(name, value) pairs of a metric over the data.

        num_batch: how many batches at most. reset: start the data anew.
        """
        self._require("score", params=True)
        return inference.score(
            self,
            eval_data,
            eval_metric,
            num_batch,
            batch_end_callback,
            score_end_callback,
            reset,
            epoch,
            sparse_row_id_fn,
        )

    def iter_predict(
        self, eval_data: Any, num_batch: int | None = None, reset: bool = True, sparse_row_id_fn: Any = None
    ) -> Iterator[tuple[list[NDArray], int, Any]]:
        """(outputs without padding, number of the batch, batch) for each; valid until the next one is asked for."""
        self._require("iter_predict", params=True)
        return inference.iter_predict(self, eval_data, num_batch, reset, sparse_row_id_fn)

    def predict(
        self,
        eval_data: Any,
        num_batch: int | None = None,
        merge_batches: bool = True,
        reset: bool = True,
        always_output_list: bool = False,
        sparse_row_id_fn: Any = None,
    ) -> Any:
        """The outputs for all the data, without padding.

        eval_data: a DataIter, or one batch as NDArray or numpy.ndarray. Returns one NDArray (a list of them where there
        are several outputs, or always_output_list), batches joined along axis 0; a list per batch unless merge_batches.
        """
        self._require("predict", params=True)
        return inference.predict(self, eval_data, num_batch, merge_batches, reset, always_output_list, sparse_row_id_fn)

    def fit(
        self,
        train_data: Any,
        eval_data: Any = None,
        eval_metric: Any = "acc",
        epoch_end_callback: Any = None,
        batch_end_callback: Any = None,
        kvstore: Any = "local",
        optimizer: Any = "sgd",
        optimizer_params: Any = DEFAULT_OPTIMIZER_PARAMS,
        eval_end_callback: Any = None,
        eval_batch_end_callback: Any = None,
        initializer: Any = Uniform(0.01),  # noqa: B008
        arg_params: Parameters | None = None,
        aux_params: Parameters | None = None,
        allow_missing: bool = False,
        force_rebind: bool = False,
        force_init: bool = False,
        begin_epoch: int = 0,
        num_epoch: int | None = None,
        validation_metric: Any = None,
        monitor: Any = None,
        sparse_row_id_fn: Any = None,
    ) -> None:
        """Bind, initialize and train on `train_data` until epoch num_epoch; measure on `eval_data` after each.

        Callbacks: batch_end_callback(BatchEndParam), epoch_end_callback(epoch, symbol, arg_params, aux_params),
        eval_*_callback(BatchEndParam). begin_epoch: where a resumed training goes on. What is bound or initialized
        already stays, unless the force arguments say otherwise. Raises ArgumentError without num_epoch.
        """
        if num_epoch is None:
            raise ArgumentError("please specify number of epochs. Expected: num_epoch as int. Received: None.")
        options = {name: value for name, value in locals().items() if name != "self"}
        self.bind(train_data.provide_data, train_data.provide_label, for_training=True, force_rebind=force_rebind)
        if monitor is not None:
            self.install_monitor(monitor)
        if not self.params_initialized or force_init or arg_params or aux_params:
            self.init_params(initializer, arg_params, aux_params, allow_missing=allow_missing, force_init=force_init)
        self.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=optimizer_params)
        options["eval_metric"] = metric.create(eval_metric)
        options["validation_metric"] = options["eval_metric"] if validation_metric is None else validation_metric
        FitLoop(self, options).run(begin_epoch, num_epoch)
