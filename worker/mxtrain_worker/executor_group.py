"""`DataParallelExecutorGroup`: one executor per device, each working on its part of the batch."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.context import Context
from mxtrain.io import DataDesc
from mxtrain.ndarray import NDArray
from mxtrain_worker.batch_inputs import BatchInputs
from mxtrain_worker.device_threads import DeviceThreads
from mxtrain_worker.gather import average, merge_devices
from mxtrain_worker.grad_requests import requests_for
from mxtrain_worker.group_contexts import per_device
from mxtrain_worker.input_names import as_desc
from mxtrain_worker.work_slices import index_of, sliced_shape, split_by_work_load

PerDevice = list[NDArray]


class DataParallelExecutorGroup:
    """Executors of one symbol on a list of devices; each batch is cut over them by work load.

    `param_arrays[i][d]` is parameter i on device d, `grad_arrays` its gradient (None where not wanted), `aux_arrays`
    the auxiliary states; `data_arrays[i]` and `label_arrays[i]` are (slice, array) pairs per device.
    Source: mxnet.module.executor_group of MXNet 1.9.1.
    """

    def __init__(
        self,
        symbol: Any,
        contexts: Sequence[Context],
        workload: Sequence[float] | None,
        data_shapes: Sequence[Any],
        label_shapes: Sequence[Any] | None,
        param_names: Sequence[str],
        for_training: bool,
        inputs_need_grad: bool,
        shared_group: "DataParallelExecutorGroup | None" = None,
        logger: Any = logging,
        fixed_param_names: Collection[str] | None = None,
        grad_req: Any = "write",
        state_names: Sequence[str] | None = None,
        group2ctxs: Any = None,
    ) -> None:
        """data_shapes, label_shapes: DataDescs or (name, shape) pairs of whole batches. Other arguments: see Module.

        shared_group: take parameters, gradients and input buffers from this group's executors where shapes allow.
        """
        self.symbol = symbol
        self.contexts = list(contexts)
        self.workload = list(workload or [1] * len(self.contexts))
        self.logger = logger
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self.param_names = list(param_names)
        self.fixed_param_names = list(fixed_param_names or [])
        self.state_names = list(state_names or [])
        self.arg_names: list[str] = symbol.list_arguments()
        self.aux_names: list[str] = symbol.list_auxiliary_states()
        self.output_names: list[str] = symbol.list_outputs()
        self.num_outputs = len(self.output_names)
        self.output_layouts = [_batch_axis(symbol[i].attr("__layout__")) for i in range(self.num_outputs)]
        self.group2ctxs = per_device(group2ctxs, len(self.contexts))
        self.shared_data_arrays: list[dict[str, NDArray]] = (
            [{} for _ in self.contexts] if shared_group is None else shared_group.shared_data_arrays
        )
        self.grad_req = self._requests(grad_req, [as_desc(shape).name for shape in data_shapes])
        self._threads = DeviceThreads(self.contexts)
        self._describe(data_shapes, label_shapes)
        self._bind(shared_group)

    def _requests(self, grad_req: Any, data_names: Sequence[str]) -> dict[str, str]:
        if not self.for_training:
            return dict.fromkeys(self.arg_names, "null")
        trained = set(self.param_names) - set(self.fixed_param_names)
        inputs = set(data_names) if self.inputs_need_grad else set()
        return requests_for(grad_req, self.arg_names, trained=trained, inputs=inputs)

    # ---------------------------------------------------------------- binding

    def _describe(self, data_shapes: Sequence[Any], label_shapes: Sequence[Any] | None) -> None:
        """Take over shapes, layouts, batch size and slices."""
        data = [as_desc(shape) for shape in data_shapes]
        labels = [as_desc(shape) for shape in label_shapes or ()]
        self._require_arguments([*data, *labels])
        axes = [_batch_axis(desc.layout) for desc in (*data, *labels)]
        self.batch_size = _common_batch_size([*data, *labels], axes)
        self.slices = split_by_work_load(self.batch_size, self.workload)
        self.data_shapes = data
        self.label_shapes = labels if label_shapes is not None else None
        self.data_names = [desc.name for desc in data]
        self.label_names = [desc.name for desc in labels]
        self.data_layouts = axes[: len(data)]
        self.label_layouts = axes[len(data) :]

    def _require_arguments(self, described: Sequence[Any]) -> None:
        unknown = [desc.name for desc in described if desc.name not in self.arg_names]
        if unknown:
            raise ArgumentError(
                f"Expected: inputs among the symbol's arguments {self.arg_names}. Received: {unknown}. "
                "Check data_names, label_names and the names in the data iterator."
            )

    def _part_shapes(self, device: int) -> dict[str, tuple[int, ...]]:
        """The shapes of the device's parts of all inputs, by name."""
        described = [*self.data_shapes, *(self.label_shapes or ())]
        axes = [*self.data_layouts, *self.label_layouts]
        part = self.slices[device]
        return {desc.name: sliced_shape(desc.shape, axis, part) for desc, axis in zip(described, axes, strict=True)}

    def _bind(self, shared_group: "DataParallelExecutorGroup | None") -> None:
        shared = [None] * len(self.contexts) if shared_group is None else shared_group.execs
        self._default_execs = [self._bind_one(device, executor) for device, executor in enumerate(shared)]
        self._default_shapes = self._shapes_key()
        self._reshaped: tuple[Any, list[Any]] = (self._default_shapes, self._default_execs)
        self._use(self._default_execs)

    def _bind_one(self, device: int, shared_exec: Any) -> Any:
        return self.symbol.simple_bind(
            ctx=self.contexts[device],
            grad_req=self.grad_req,
            type_dict={desc.name: desc.dtype for desc in (*self.data_shapes, *(self.label_shapes or ()))},
            shared_arg_names=self.param_names,
            shared_exec=shared_exec,
            shared_buffer=self.shared_data_arrays[device],
            group2ctx=self.group2ctxs[device],
            **self._part_shapes(device),
        )

    def reshape(self, data_shapes: Sequence[Any], label_shapes: Sequence[Any] | None) -> None:
        """Fit the executors to other input shapes; parameters and gradients stay where they are.

        The executors of the first shapes and those of the last other ones are kept, so that a smaller last batch
        costs a new plan only once.
        """
        self._describe(data_shapes, label_shapes)
        key = self._shapes_key()
        if key == self._default_shapes:
            self._use(self._default_execs)
            return
        if key != self._reshaped[0]:
            self._reshaped = (key, [self._reshape_one(device) for device in range(len(self.contexts))])
        self._use(self._reshaped[1])

    def _shapes_key(self) -> tuple[Any, ...]:
        return tuple(tuple(sorted(self._part_shapes(device).items())) for device in range(len(self.contexts)))

    def _reshape_one(self, device: int) -> Any:
        shapes = self._part_shapes(device)
        inferred, _, _ = self.symbol.infer_shape(**shapes)
        if inferred is not None:  # labels and states whose shapes were not given follow the data
            free = set(self.arg_names) - set(self.param_names)
            shapes |= {name: shape for name, shape in zip(self.arg_names, inferred, strict=True) if name in free}
        return self._default_execs[device].reshape(allow_up_sizing=True, **shapes)

    def _use(self, execs: list[Any]) -> None:
        """Work with these executors from now on; looks up once what every step needs."""
        self.execs = execs
        self.param_arrays: list[PerDevice] = self._by_name(self.param_names, "arg_dict")
        self.grad_arrays: list[list[Any]] = self._by_name(self.param_names, "grad_dict") if self.for_training else []
        self.aux_arrays: list[PerDevice] = self._by_name(self.aux_names, "aux_dict")
        self.state_arrays: list[PerDevice] = self._by_name(self.state_names, "arg_dict")
        self.input_grad_arrays: list[PerDevice] = (
            self._by_name(self.data_names, "grad_dict") if self.inputs_need_grad else []
        )
        data = self._by_name(self.data_names, "arg_dict")
        labels = self._by_name(self.label_names, "arg_dict")
        self.data_arrays = [list(zip(self.slices, arrays, strict=True)) for arrays in data]
        self.label_arrays = [list(zip(self.slices, arrays, strict=True)) for arrays in labels]
        self._data_inputs = BatchInputs(self.data_names, self.data_layouts, self.slices, data)
        self._label_inputs = BatchInputs(self.label_names, self.label_layouts, self.slices, labels)

    def _by_name(self, names: Sequence[str], table: str) -> list[list[Any]]:
        tables = [getattr(executor, table) for executor in self.execs]
        return [[of_device.get(name) for of_device in tables] for name in names]

    @property
    def arenas(self) -> list[list[Any]]:
        """Per device the flat arrays that parameters and gradients lie in."""
        return [executor.arenas for executor in self._default_execs]

    @property
    def total_exec_bytes(self) -> int:
        """Bytes of the buffers for intermediate values, on all devices."""
        return sum(slot.nbytes for executor in self.execs for slot in executor.memory_slots)

    # ---------------------------------------------------------------- running

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Load the batch and compute the outputs, on all devices side by side.

        data_batch: `.data` and `.label` are lists of whole arrays (a missing label keeps the buffers as they are); or
        a list of such batches, one per device. is_train: `for_training` by default.
        """
        train = self.for_training if is_train is None else is_train
        load = self._load_own_batch if isinstance(data_batch, list) else self._load_part

        def work(device: int) -> None:
            load(device, data_batch)
            self.execs[device].forward(is_train=train)

        self._threads.run(work)

    def _load_part(self, device: int, batch: Any) -> None:
        self._data_inputs.load(device, batch.data)
        if self.label_names and (labels := getattr(batch, "label", None)):
            self._label_inputs.load(device, labels)

    def _load_own_batch(self, device: int, batches: Sequence[Any]) -> None:
        batch = batches[device]
        self._data_inputs.load_part(device, batch.data)
        if self.label_names and (labels := getattr(batch, "label", None)):
            self._label_inputs.load_part(device, labels)

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients. out_grads: those by each output, whole batches; None after a loss layer."""
        if not self.for_training:
            raise MXNetError("Expected: executors bound for training. Received: backward. Bind with for_training=True.")
        heads = None if out_grads is None else [out_grads] if isinstance(out_grads, NDArray) else list(out_grads)

        def work(device: int) -> None:
            executor = self.execs[device]
            if heads is None:
                executor.backward()
            else:
                executor.backward(out_grads=self._head_parts(heads, device))

        self._threads.run(work)

    def _head_parts(self, heads: Sequence[NDArray], device: int) -> list[NDArray]:
        ctx = self.contexts[device]
        keys = [index_of(axis, self.slices[device]) for axis in self.output_layouts]
        parts = [
            head if key is None or len(self.slices) == 1 else head[key] for head, key in zip(heads, keys, strict=False)
        ]
        return [part.as_in_context(ctx) for part in parts]

    # ---------------------------------------------------------------- results

    def get_output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """(name, shape) of each output for a whole batch."""
        shapes = []
        for name, output, axis in zip(self.output_names, self.execs[0].outputs, self.output_layouts, strict=True):
            whole = slice(0, self.batch_size)
            shapes.append((name, sliced_shape(output.shape, axis, whole)))
        return shapes

    def get_outputs(self, merge_multi_context: bool = True, begin: int = 0, end: int | None = None) -> list[Any]:
        """The outputs from `begin` to `end`: whole batches, or one array per device each where not merged."""
        per_device = [executor.outputs[begin:end] for executor in self.execs]
        outputs = [list(parts) for parts in zip(*per_device, strict=True)]
        return merge_devices(outputs, self.output_layouts[begin:end]) if merge_multi_context else outputs

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients by the inputs, as `get_outputs` gives outputs. Needs inputs_need_grad."""
        if not self.inputs_need_grad:
            raise MXNetError("Expected: a bind with inputs_need_grad=True. Received: get_input_grads without it.")
        grads = self.input_grad_arrays
        return merge_devices(grads, self.data_layouts) if merge_multi_context else grads

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """The states, as `get_outputs` gives outputs."""
        return (
            merge_devices(self.state_arrays, [0] * len(self.state_arrays)) if merge_multi_context else self.state_arrays
        )

    def set_states(self, states: Any = None, value: float | None = None) -> None:
        """Fill the states: an array per state and device (as get_outputs gives them unmerged), or a value."""
        if (states is None) == (value is None):
            raise ArgumentError("Expected: either states or value. Received: both, or none.")
        for i, of_state in enumerate(self.state_arrays):
            for device, array in enumerate(of_state):
                array[:] = value if states is None else states[i][device].as_in_context(array.context)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Let the metric see labels (whole batches, or a list per device if pre_sliced) and outputs of every device."""
        for device, executor in enumerate(self.execs):
            parts = labels[device] if pre_sliced else self._label_parts(labels, device)
            named = dict(zip(self.label_names, parts, strict=False))
            eval_metric.update_dict(named, dict(zip(self.output_names, executor.outputs, strict=True)))

    def _label_parts(self, labels: Sequence[Any] | None, device: int) -> list[Any]:
        if labels is None or len(self.slices) == 1:
            return list(labels or ())
        keys = [index_of(axis, self.slices[device]) for axis in self.label_layouts]
        return [label if key is None else label[key] for label, key in zip(labels, keys, strict=False)]

    # ---------------------------------------------------------------- parameters

    def set_params(
        self, arg_params: Mapping[str, NDArray], aux_params: Mapping[str, NDArray], allow_extra: bool = False
    ) -> None:
        """Copy parameters to every device. Raises ArgumentError for one that the symbol lacks, unless allow_extra."""
        for executor in self.execs:
            executor.copy_params_from(arg_params, aux_params, allow_extra_params=allow_extra)

    def get_params(self, arg_params: Mapping[str, NDArray], aux_params: Mapping[str, NDArray]) -> None:
        """Write the parameters, averaged over the devices, into the arrays given."""
        for name, copies in zip(self.param_names, self.param_arrays, strict=True):
            average(copies, arg_params[name])
        for name, copies in zip(self.aux_names, self.aux_arrays, strict=True):
            average(copies, aux_params[name])

    def install_monitor(self, mon: Any) -> None:
        """Let a `mx.mon.Monitor` watch every executor."""
        for executor in self.execs:
            mon.install(executor)


def _batch_axis(layout: str | None) -> int:
    return int(DataDesc.get_batch_axis(layout))


def _common_batch_size(described: Sequence[DataDesc], axes: Sequence[int]) -> int:
    """The size of the batch axis, which all inputs that have one must agree on."""
    sized = [(desc, desc.shape[axis]) for desc, axis in zip(described, axes, strict=True) if axis >= 0]
    if not sized:
        raise ArgumentError("Expected: at least one input with a batch axis. Received: none.")
    first, batch_size = sized[0]
    for desc, size in sized:
        if size != batch_size:
            raise ArgumentError(
                f"Expected: the same batch size in all inputs; {first.name!r} has {batch_size}. "
                f"Received: {desc.name!r} of shape {tuple(desc.shape)}."
            )
    return int(batch_size)
