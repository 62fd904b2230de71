"""`FeedForward`: a network with its training settings, in the manner of scikit-learn."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain import metric
from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.callback import LogValidationMetricsCallback
from mxtrain.context import Context, cpu
from mxtrain.initializer import Uniform
from mxtrain.io import DataIter
from mxtrain.ndarray import NDArray
from mxtrain.symbol import Symbol
from mxtrain_worker import checkpoint
from mxtrain_worker.array_data import EpochOf, as_data, as_training_data
from mxtrain_worker.base_module import BaseModule, Parameters
from mxtrain_worker.bucketing_module import BucketingModule
from mxtrain_worker.fit_loop import FitLoop
from mxtrain_worker.inference import iter_predict
from mxtrain_worker.module import Module


class FeedForward:
    """A network that is trained by `fit` and used by `predict` and `score`.

    symbol: the network, with a loss layer; or a function from bucket key to network. ctx: a Context or a list of them.
    num_epoch: epochs to train. epoch_size: batches in an epoch (all of the data by default). optimizer: name or
    Optimizer; kwargs are its arguments. numpy_batch_size: samples per batch where data are arrays. arg_params,
    aux_params: first values; allow_extra_params: they may hold names that the symbol lacks. begin_epoch: where a
    resumed training goes on. Source: mxnet.model.FeedForward of MXNet 1.9.1, without its deprecation.
    """

    def __init__(
        self,
        symbol: Any,
        ctx: "Context | Sequence[Context] | None" = None,
        num_epoch: int | None = None,
        epoch_size: int | None = None,
        optimizer: Any = "sgd",
        initializer: Any = Uniform(0.01),  # noqa: B008
        numpy_batch_size: int = 128,
        arg_params: Parameters | None = None,
        aux_params: Parameters | None = None,
        allow_extra_params: bool = False,
        begin_epoch: int = 0,
        **kwargs: Any,
    ) -> None:
        if not isinstance(symbol, Symbol) and not callable(symbol):
            raise ArgumentTypeError(f"Expected: a Symbol, or a function. Received: {type(symbol).__name__}.")
        self.symbol = symbol if isinstance(symbol, Symbol) else None
        self.sym_gen = None if isinstance(symbol, Symbol) else symbol
        self.ctx = [ctx] if isinstance(ctx, Context) else list(ctx or [cpu()])
        self.num_epoch = num_epoch
        self.epoch_size = epoch_size
        self.optimizer = optimizer
        self.initializer = initializer
        self.numpy_batch_size = numpy_batch_size
        self.arg_params = arg_params
        self.aux_params = aux_params
        self.allow_extra_params = allow_extra_params
        self.begin_epoch = begin_epoch
        self.kwargs = dict(kwargs)

    # ---------------------------------------------------------------- training

    def fit(
        self,
        X: Any,
        y: Any = None,
        eval_data: Any = None,
        eval_metric: Any = "acc",
        epoch_end_callback: Any = None,
        batch_end_callback: Any = None,
        kvstore: Any = "local",
        logger: Any = None,
        work_load_list: Sequence[float] | None = None,
        monitor: Any = None,
        eval_end_callback: Any = LogValidationMetricsCallback(),  # noqa: B008  as in MXNet's signature
        eval_batch_end_callback: Any = None,
    ) -> None:
        """Train on X (a DataIter, or an array with labels y), from begin_epoch to num_epoch.

        eval_data: a DataIter, or a pair of arrays, measured after each epoch. Other arguments: see `Module.fit`.
        """
        if self.num_epoch is None:
            raise ArgumentError("please specify number of epochs. Expected: num_epoch as int. Received: None.")
        data = as_training_data(X, y, self.numpy_batch_size)
        module = self._module(data, work_load_list, logger or logging)
        module.bind(data.provide_data, data.provide_label, for_training=True)
        self._fill(module)
        module.init_optimizer(kvstore, self.optimizer, tuple(self.kwargs.items()))
        if monitor is not None:
            module.install_monitor(monitor)
        measured = metric.create(eval_metric)
        loop = _QuietLoop(
            module,
            {
                "train_data": data if self.epoch_size is None else EpochOf(data, self.epoch_size),
                "eval_data": self._eval_data(eval_data),
                "eval_metric": measured,
                "validation_metric": measured,
                "monitor": monitor,
                "sparse_row_id_fn": None,
                "epoch_end_callback": epoch_end_callback,
                "batch_end_callback": batch_end_callback,
                "eval_end_callback": eval_end_callback,
                "eval_batch_end_callback": eval_batch_end_callback,
            },
        )
        data.reset()
        loop.run(self.begin_epoch, self.num_epoch)
        self.arg_params, self.aux_params = module.get_params()
        self.symbol = module.symbol if self.sym_gen is None else self.sym_gen(data.default_bucket_key)

    def _module(self, data: Any, work_load_list: Sequence[float] | None = None, logger: Any = logging) -> BaseModule:
        """A module of the network for inputs as the data names them."""
        data_names = [desc[0] for desc in data.provide_data]
        label_names = [desc[0] for desc in data.provide_label or ()]
        options: dict[str, Any] = {"logger": logger, "context": self.ctx, "work_load_list": work_load_list}
        if self.sym_gen is None:
            return Module(self.symbol, data_names, self._used(label_names), **options)
        generate = self.sym_gen
        return BucketingModule(lambda key: (generate(key), data_names, label_names), data.default_bucket_key, **options)

    def _used(self, label_names: Sequence[str]) -> list[str]:
        """The labels that the network has; data may come with others."""
        if self.symbol is None:
            return list(label_names)
        arguments = self.symbol.list_arguments()
        return [name for name in label_names if name in arguments]

    def _fill(self, module: BaseModule) -> None:
        module.init_params(self.initializer, self.arg_params, self.aux_params, allow_missing=True)

    def _eval_data(self, eval_data: Any) -> Any:
        if isinstance(eval_data, (tuple, list)) and len(eval_data) == 2:
            return as_data(np.asarray(eval_data[0]), np.asarray(eval_data[1]), self.numpy_batch_size)
        if eval_data is None or isinstance(eval_data, DataIter):
            return eval_data
        raise ArgumentTypeError(
            f"Eval data must be DataIter or a pair of arrays (data, labels). Received: {type(eval_data).__name__}."
        )

    # ---------------------------------------------------------------- use

    def _ready_module(self, data: Any) -> BaseModule:
        """A module bound for the data, with the parameters."""
        if self.arg_params is None:
            raise ArgumentError(
                "Expected: a trained or loaded model. Received: one without parameters. Call fit first."
            )
        module = self._module(data)
        labels = [desc for desc in data.provide_label or () if desc[0] in self._used([desc[0]])]
        module.bind(data.provide_data, labels or None, for_training=False)
        module.set_params(self.arg_params, self.aux_params or {}, allow_extra=True)
        return module

    def predict(self, X: Any, num_batch: int | None = None, return_data: bool = False, reset: bool = True) -> Any:
        """The outputs for X (a DataIter or an array) as a NumPy array, or a list where there are several.

        num_batch: how many batches at most. return_data: (outputs, data, labels), all without padding. reset: start the
        data anew.
        """
        data = as_data(X, None, self.numpy_batch_size)
        rows: list[tuple[list[Any], list[Any], list[Any]]] = []
        for outputs, _, batch in iter_predict(self._ready_module(data), data, num_batch, reset, None):
            inputs = [batch.data, batch.label or []] if return_data else [[], []]
            pad = batch.pad or 0
            rows.append((_as_numpy(outputs), _as_numpy(inputs[0], pad), _as_numpy(inputs[1], pad)))
        outputs, inputs, labels = (_joined(parts) for parts in zip(*rows, strict=True))
        return (outputs, inputs, labels) if return_data else outputs

    def score(
        self,
        X: Any,
        eval_metric: Any = "acc",
        num_batch: int | None = None,
        batch_end_callback: Any = None,
        reset: bool = True,
    ) -> Any:
        """The value of a metric over X, a DataIter with labels."""
        data = as_data(X, None, self.numpy_batch_size)
        measured = metric.create(eval_metric)
        self._ready_module(data).score(data, measured, num_batch, batch_end_callback, reset=reset)
        return measured.get()[1]

    # ---------------------------------------------------------------- storing

    def save(self, prefix: str, epoch: int | None = None, remove_amp_cast: bool = True) -> None:
        """Write a checkpoint. epoch: num_epoch by default."""
        number = self.num_epoch if epoch is None else epoch
        if number is None:
            raise ArgumentError("Expected: epoch, or a model with num_epoch. Received: neither.")
        checkpoint.save_checkpoint(
            prefix, number, self.symbol, self.arg_params or {}, self.aux_params or {}, remove_amp_cast
        )

    @staticmethod
    def load(prefix: str, epoch: int, ctx: Any = None, **kwargs: Any) -> "FeedForward":
        """The model of a checkpoint; `fit` goes on after that epoch. kwargs: as for the constructor."""
        symbol, arg_params, aux_params = checkpoint.load_checkpoint(prefix, epoch)
        return FeedForward(symbol, ctx=ctx, arg_params=arg_params, aux_params=aux_params, begin_epoch=epoch, **kwargs)

    @staticmethod
    def create(
        symbol: Any,
        X: Any,
        y: Any = None,
        ctx: Any = None,
        num_epoch: int | None = None,
        epoch_size: int | None = None,
        optimizer: Any = "sgd",
        initializer: Any = Uniform(0.01),  # noqa: B008
        eval_data: Any = None,
        eval_metric: Any = "acc",
        epoch_end_callback: Any = None,
        batch_end_callback: Any = None,
        kvstore: Any = "local",
        logger: Any = None,
        work_load_list: Sequence[float] | None = None,
        eval_end_callback: Any = LogValidationMetricsCallback(),  # noqa: B008
        eval_batch_end_callback: Any = None,
        **kwargs: Any,
    ) -> "FeedForward":
        """A model that has been trained on X and y. Arguments: as for the constructor and `fit`."""
        model = FeedForward(
            symbol,
            ctx=ctx,
            num_epoch=num_epoch,
            epoch_size=epoch_size,
            optimizer=optimizer,
            initializer=initializer,
            **kwargs,
        )
        model.fit(
            X,
            y,
            eval_data=eval_data,
            eval_metric=eval_metric,
            epoch_end_callback=epoch_end_callback,
            batch_end_callback=batch_end_callback,
            kvstore=kvstore,
            logger=logger,
            work_load_list=work_load_list,
            eval_end_callback=eval_end_callback,
            eval_batch_end_callback=eval_batch_end_callback,
        )
        return model


class _QuietLoop(FitLoop):
    """A loop that leaves the reporting of validation to eval_end_callback."""

    def _report_validation(self, epoch: int, scores: Sequence[tuple[str, float]]) -> None:
        """See LogValidationMetricsCallback."""


def _as_numpy(arrays: Sequence[NDArray], pad: int = 0) -> list[np.ndarray]:
    return [array.asnumpy()[: array.shape[0] - pad] for array in arrays]


def _joined(batches: Sequence[Sequence[np.ndarray]]) -> Any:
    """Batches joined along axis 0: one array, or a list where there are several per batch."""
    joined = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    return joined[0] if len(joined) == 1 else joined
