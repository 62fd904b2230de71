"""`PythonModule`, `PythonLossModule`: parts of a SequentialModule that are written in Python."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.initializer import Uniform
from mxtrain.ndarray import NDArray, array
from mxtrain_worker.base_module import DEFAULT_OPTIMIZER_PARAMS, BaseModule, Parameters
from mxtrain_worker.input_names import describe_inputs


class PythonModule(BaseModule):
    """A module without parameters; a subclass defines forward, backward and `_compute_output_shapes`.

    Source: mxnet.module.PythonModule of MXNet 1.9.1.
    """

    def __init__(
        self,
        data_names: Sequence[str],
        label_names: Sequence[str] | None,
        output_names: Sequence[str],
        logger: Any = logging,
    ) -> None:
        super().__init__(logger=logger)
        self._data_names = list(data_names)
        self._label_names = list(label_names or ())
        self._output_names = list(output_names)
        self._data_shapes: Any = None
        self._label_shapes: Any = None
        self._output_shapes: Any = None

    @property
    def data_names(self) -> list[str]:
        """Names of the inputs."""
        return self._data_names

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        return self._output_names

    @property
    def data_shapes(self) -> Any:
        """DataDescs of the inputs."""
        return self._data_shapes

    @property
    def label_shapes(self) -> Any:
        """DataDescs of the labels."""
        return self._label_shapes

    @property
    def output_shapes(self) -> Any:
        """(name, shape) pairs of the outputs."""
        return self._output_shapes

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
        """Take over the shapes."""
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        if grad_req != "write":
            raise ArgumentError(f"Python module only supports write gradient. Received: grad_req={grad_req!r}.")
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        self._data_shapes, self._label_shapes = describe_inputs(
            self._data_names, self._label_names, data_shapes, label_shapes
        )
        self._output_shapes = self._compute_output_shapes()
        self.binded = True

    def _compute_output_shapes(self) -> Any:
        """(name, shape) pairs of the outputs, from the shapes that are bound."""
        raise NotImplementedError

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """No parameters."""
        return {}, {}

    def init_params(
        self,
        initializer: Any = Uniform(0.01),  # noqa: B008
        arg_params: Parameters | None = None,
        aux_params: Parameters | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """There is nothing to initialize."""
        self.params_initialized = True

    def init_optimizer(
        self,
        kvstore: Any = "local",
        optimizer: Any = "sgd",
        optimizer_params: Any = DEFAULT_OPTIMIZER_PARAMS,
        force_init: bool = False,
    ) -> None:
        """There is nothing to update."""
        self.optimizer_initialized = True

    def update(self) -> None:
        """There is nothing to update."""

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Let a metric see the last outputs, where the module has labels."""
        if not self._label_shapes:
            return
        if pre_sliced:
            raise ArgumentError("PythonModule does not support presliced labels. Received: pre_sliced=True.")
        eval_metric.update(labels, self.get_outputs())

    def install_monitor(self, mon: Any) -> None:
        """There is nothing to watch."""


class PythonLossModule(PythonModule):
    """A loss at the end of a SequentialModule: passes scores through, and computes their gradient in Python.

    grad_func: (scores, labels) to the gradient of the loss by the scores, an NDArray or NumPy array of their shape.
    """

    def __init__(
        self,
        name: str = "pyloss",
        data_names: Sequence[str] = ("data",),
        label_names: Sequence[str] = ("softmax_label",),
        logger: Any = logging,
        grad_func: Callable[[NDArray, NDArray], Any] | None = None,
    ) -> None:
        super().__init__(data_names, label_names, [f"{name}_output"], logger=logger)
        if len(data_names) != 1 or len(label_names) != 1:
            raise ArgumentError(
                f"Expected: one input and one label. Received: {list(data_names)} and {list(label_names)}."
            )
        if grad_func is not None and not callable(grad_func):
            raise ArgumentTypeError(f"Expected: a function as grad_func. Received: {type(grad_func).__name__}.")
        self._name = name
        self._grad_func = grad_func
        self._scores: Any = None
        self._labels: Any = None
        self._scores_grad: Any = None

    def _compute_output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        return [(self._output_names[0], tuple(self._data_shapes[0].shape))]

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Remember scores and labels."""
        self._scores = data_batch.data[0]
        if self.for_training if is_train is None else is_train:
            self._labels = data_batch.label[0]

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The scores."""
        return [self._scores] if merge_multi_context else [[self._scores]]

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradient by the scores. A loss takes no out_grads."""
        if out_grads is not None:
            raise ArgumentError("For a loss module, out_grads should be None. Received: gradients.")
        self._backward_impl()

    def _backward_impl(self) -> None:
        """Set the gradient by the scores; override it where no grad_func is given."""
        if self._grad_func is None:
            raise NotImplementedError("Pass grad_func to PythonLossModule, or override _backward_impl.")
        grad = self._grad_func(self._scores, self._labels)
        self._scores_grad = grad if isinstance(grad, NDArray) else array(grad, ctx=self._scores.context)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradient by the scores."""
        return [self._scores_grad] if merge_multi_context else [[self._scores_grad]]
