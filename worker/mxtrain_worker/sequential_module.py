"""`SequentialModule`: modules one after the other, each fed with the outputs of the one before."""

import logging
from collections.abc import Sequence
from typing import Any

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.initializer import Uniform
from mxtrain.io import DataBatch, DataDesc
from mxtrain.ndarray import NDArray
from mxtrain_worker.base_module import DEFAULT_OPTIMIZER_PARAMS, BaseModule, Parameters
from mxtrain_worker.input_names import with_names


class SequentialModule(BaseModule):
    """A chain of modules: `add` them in order, then use the whole as one module.

    Source: mxnet.module.SequentialModule of MXNet 1.9.1.
    """

    #: Option of `add`: this module sees the labels.
    META_TAKE_LABELS = "take_labels"
    #: Option of `add`: feed the outputs before it to this module's inputs by position, whatever their names.
    META_AUTO_WIRING = "auto_wiring"

    def __init__(self, logger: Any = logging) -> None:
        super().__init__(logger=logger)
        self._modules: list[Any] = []
        self._metas: list[dict[str, Any]] = []
        self._label_shapes: Any = None
        self._data_shapes: Any = None

    def add(self, module: BaseModule, **kwargs: Any) -> "SequentialModule":
        """Append a module; returns self, so that calls can be chained. kwargs: take_labels=True, auto_wiring=True."""
        unknown = set(kwargs) - {self.META_TAKE_LABELS, self.META_AUTO_WIRING}
        if unknown:
            raise ArgumentError(f"Unknown meta. Expected: take_labels or auto_wiring. Received: {sorted(unknown)}.")
        self._modules.append(module)
        self._metas.append(kwargs)
        # A chain that has grown must be bound, filled and given an optimizer again.
        self.binded = self.params_initialized = self.optimizer_initialized = False
        return self

    # ---------------------------------------------------------------- facts

    @property
    def data_names(self) -> list[str]:
        """Names of the first module's inputs."""
        return self._modules[0].data_names if self._modules else []

    @property
    def output_names(self) -> list[str]:
        """Names of the last module's outputs."""
        return self._modules[-1].output_names if self._modules else []

    @property
    def data_shapes(self) -> Any:
        """DataDescs of the first module's inputs."""
        self._require("data_shapes")
        return self._modules[0].data_shapes

    @property
    def label_shapes(self) -> Any:
        """The label shapes as bound; None where no module takes labels."""
        self._require("label_shapes")
        return self._label_shapes

    @property
    def output_shapes(self) -> Any:
        """(name, shape) pairs of the last module's outputs."""
        self._require("output_shapes")
        return self._modules[-1].output_shapes

    def _takes_labels(self, position: int) -> bool:
        return bool(self._metas[position].get(self.META_TAKE_LABELS))

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
        """Bind every module to the output shapes of the one before."""
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        if shared_module is not None:
            raise ArgumentError("Expected: no shared_module for a SequentialModule. Received: one.")
        if not self._modules:
            raise MXNetError("Attempting to bind an empty SequentialModule. Expected: modules. Call add first.")
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        shapes = data_shapes
        for position, module in enumerate(self._modules):
            if self._metas[position].get(self.META_AUTO_WIRING):
                shapes = with_names(module.data_names, shapes)
            module.bind(
                data_shapes=shapes,
                label_shapes=label_shapes if self._takes_labels(position) else None,
                for_training=for_training,
                inputs_need_grad=inputs_need_grad or (for_training and position > 0),
                force_rebind=force_rebind,
                grad_req=grad_req,
            )
            shapes = module.output_shapes
        takes_labels = any(self._takes_labels(position) for position in range(len(self._modules)))
        self._label_shapes = label_shapes if takes_labels else None
        self.binded = True

    # ---------------------------------------------------------------- parameters

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """(arguments, auxiliary states) of all modules."""
        self._require("get_params", params=True)
        arg_params: dict[str, NDArray] = {}
        aux_params: dict[str, NDArray] = {}
        for module in self._modules:
            args, aux = module.get_params()
            arg_params.update(args)
            aux_params.update(aux)
        return arg_params, aux_params

    def init_params(
        self,
        initializer: Any = Uniform(0.01),  # noqa: B008
        arg_params: Parameters | None = None,
        aux_params: Parameters | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """Give the parameters of all modules their first values. See `Module.init_params`."""
        if self.params_initialized and not force_init:
            return
        self._require("init_params")
        for module in self._modules:
            module.init_params(initializer, arg_params, aux_params, allow_missing, force_init, allow_extra)
        self._require_unique_names()
        self.params_initialized = True

    def _require_unique_names(self) -> None:
        owner: dict[str, int] = {}
        for position, module in enumerate(self._modules):
            for name in (name for params in module.get_params() for name in params):
                if name in owner:
                    raise ArgumentError(
                        f"Duplicated parameter names. Expected: each name in one module. Received: {name!r} in modules "
                        f"{owner[name]} and {position}."
                    )
                owner[name] = position

    def init_optimizer(
        self,
        kvstore: Any = "local",
        optimizer: Any = "sgd",
        optimizer_params: Any = DEFAULT_OPTIMIZER_PARAMS,
        force_init: bool = False,
    ) -> None:
        """Get ready to update all modules. See `Module.init_optimizer`."""
        self._require("init_optimizer", params=True)
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        for module in self._modules:
            module.init_optimizer(kvstore, optimizer, optimizer_params, force_init=force_init)
        self.optimizer_initialized = True

    # ---------------------------------------------------------------- steps

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of a batch, module by module."""
        self._require("forward", params=True)
        batch = data_batch
        for position, module in enumerate(self._modules):
            module.forward(batch, is_train=is_train)
            if position + 1 < len(self._modules):
                batch = self._next_batch(data_batch, module)

    def _next_batch(self, data_batch: Any, module: Any) -> DataBatch:
        """What the module after `module` is fed with."""
        shapes = [
            DataDesc(shape[0], tuple(output.shape))
            for shape, output in zip(module.output_shapes, module.get_outputs(), strict=True)
        ]
        return DataBatch(
            data=module.get_outputs(),
            label=data_batch.label,
            pad=getattr(data_batch, "pad", None),
            index=getattr(data_batch, "index", None),
            provide_data=shapes,
            provide_label=getattr(data_batch, "provide_label", None),
        )

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients, from the last module to the first."""
        self._require("backward", params=True)
        for position, module in reversed(list(enumerate(self._modules))):
            module.backward(out_grads=out_grads)
            if position > 0:
                out_grads = module.get_input_grads()

    def update(self) -> None:
        """Change the parameters of all modules."""
        self._require("update", params=True, optimizer=True)
        for module in self._modules:
            module.update()

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The outputs of the last module."""
        self._require("get_outputs", params=True)
        outputs: list[Any] = self._modules[-1].get_outputs(merge_multi_context)
        return outputs

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients by the inputs of the first module."""
        self._require("get_input_grads", params=True)
        grads: list[Any] = self._modules[0].get_input_grads(merge_multi_context)
        return grads

    def update_metric(self, eval_metric: Any, labels: Sequence[Any], pre_sliced: bool = False) -> None:
        """Let a metric see the outputs of the modules that take labels."""
        self._require("update_metric", params=True)
        for position, module in enumerate(self._modules):
            if self._takes_labels(position):
                module.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon: Any) -> None:
        """Let a `mx.mon.Monitor` watch all modules."""
        self._require("install_monitor")
        for module in self._modules:
            module.install_monitor(mon)
