"""Operators written in Python as a CustomOp, and a CustomOpProp that describes it."""

from collections.abc import Callable, Sequence
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError, NameLookupError
from mxtrain.context import Context
from mxtrain.ndarray.array_type import NDArray, wrap
from mxtrain.ndarray.recording import mode
from mxtrain.ops.custom import install_prop_factory
from mxtrain.ops.parameters import Params, format_value


class CustomOp:
    """Base of operators computed in Python; override `forward` and `backward`."""

    def forward(
        self, is_train: bool, req: Sequence[str], in_data: list[NDArray], out_data: list[NDArray], aux: list[NDArray]
    ) -> None:
        """Compute the outputs: `self.assign(out_data[i], req[i], value)` for each."""

    def backward(
        self,
        req: Sequence[str],
        out_grad: list[NDArray],
        in_data: list[NDArray],
        out_data: list[NDArray],
        in_grad: list[NDArray],
        aux: list[NDArray],
    ) -> None:
        """Compute the gradients: `self.assign(in_grad[i], req[i], value)` for each."""

    def assign(self, dst: NDArray, req: str, src: Any) -> None:
        """Put a value where it belongs. req: "null" (nowhere), "write" or "inplace" (replace), "add" (accumulate)."""
        if req in ("write", "inplace"):
            dst[:] = src
        elif req == "add":
            dst[:] += src
        elif req != "null":
            raise ArgumentError(f"Expected: a req of null, write, inplace or add. Received: {req!r}.")


class CustomOpProp:
    """Describes a CustomOp: its inputs, outputs, shapes and dtypes.

    need_top_grad: whether `backward` uses the gradients by the outputs; False for a loss layer.
    """

    def __init__(self, need_top_grad: bool = True) -> None:
        self.need_top_grad_ = need_top_grad

    def infer_shape(self, in_shape: list[list[int]]) -> tuple[Any, ...]:
        """(shapes of the arguments, of the outputs[, of the auxiliary states]). By default all are the first one's."""
        return in_shape, (in_shape[0],) * len(self.list_outputs()), ()

    def infer_type(self, in_type: list[Any]) -> tuple[Any, ...]:
        """(dtypes of the arguments, of the outputs[, of the auxiliary states]). By default all are the first one's."""
        outputs, aux = len(self.list_outputs()), len(self.list_auxiliary_states())
        return in_type, [in_type[0]] * outputs, [in_type[0]] * aux

    def infer_storage_type(self, in_stype: list[str]) -> tuple[list[str], list[str], list[str]]:
        """(storage types of the arguments, of the outputs, of the auxiliary states). By default all are dense."""
        _require_dense(in_stype)
        states = len(self.list_auxiliary_states())
        return in_stype, ["default"] * len(self.list_outputs()), ["default"] * states

    def infer_storage_type_backward(
        self,
        ograd_stype: list[str],
        in_stype: list[str],
        out_stype: list[str],
        igrad_stype: list[str],
        aux_stype: list[str],
    ) -> tuple[list[str], ...]:
        """The storage types of everything that `backward` takes and gives: dense."""
        stypes = (ograd_stype, in_stype, out_stype, igrad_stype, aux_stype)
        for stype in stypes:
            _require_dense(stype)
        return tuple(["default"] * len(stype) for stype in stypes)

    def list_arguments(self) -> list[str]:
        """Names of the arguments."""
        return ["data"]

    def list_outputs(self) -> list[str]:
        """Names of the outputs."""
        return ["output"]

    def list_auxiliary_states(self) -> list[str]:
        """Names of the auxiliary states."""
        return []

    def declare_backward_dependency(
        self, out_grad: Sequence[int], in_data: Sequence[int], out_data: Sequence[int]
    ) -> list[int]:
        """Which arrays `backward` uses. Kept for scripts that call it; all are handed over."""
        return [*(out_grad if self.need_top_grad_ else ()), *in_data, *out_data]

    def create_operator(self, ctx: str, in_shapes: Sequence[Any], in_dtypes: Sequence[Any]) -> CustomOp:
        """The CustomOp that computes on a context ("cpu(0)") for inputs of these shapes and dtypes."""
        return CustomOp()

    def create_state(self, ctx: Context, in_shapes: Sequence[Any], in_dtypes: Sequence[Any]) -> "CustomCall":
        """What runs one node or call of the operator."""

        def create() -> CustomOp:
            created = self.create_operator(str(ctx), [list(s) for s in in_shapes], [t.type for t in in_dtypes])
            if not isinstance(created, CustomOp):
                raise ArgumentTypeError(
                    f"{type(self).__name__}.create_operator: expected a CustomOp. Received: {type(created).__name__}."
                )
            return created

        return CustomCall(self, create, ctx)


def _require_dense(stypes: Sequence[str]) -> None:
    if any(stype != "default" for stype in stypes):
        raise ArgumentError(
            f"Expected: dense arrays, unless the CustomOpProp overrides infer_storage_type. Received: {list(stypes)}."
        )


class CustomCall:
    """A CustomOp at work: turns backend arrays into NDArrays and back.

    memory: the CustomOp, which may keep things from forward for backward; a loop has one per step.
    """

    def __init__(self, prop: CustomOpProp, create: Callable[[], CustomOp], ctx: Context) -> None:
        self._prop = prop
        self.memory = create()
        self.new_memory = create
        self._ctx = ctx
        self._num_args = len(prop.list_arguments())
        self._num_outputs = len(prop.list_outputs())
        self._num_aux = len(prop.list_auxiliary_states())

    def forward(self, xp: Any, arrays: Sequence[Any], is_train: bool) -> tuple[Any, ...]:
        """The outputs, from arguments and auxiliary states."""
        inputs, aux = arrays[: self._num_args], arrays[self._num_args :]
        shapes = self._prop.infer_shape([list(a.shape) for a in inputs])[1]
        types = self._prop.infer_type([a.dtype.type for a in inputs])[1]
        outputs = [xp.zeros(tuple(shape), dtype) for shape, dtype in zip(shapes, types, strict=True)]
        self._call(
            self.memory.forward,
            is_train=is_train,
            req=["write"] * len(outputs),
            in_data=inputs,
            out_data=outputs,
            aux=aux,
        )
        return tuple(outputs)

    def backward(self, xp: Any, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """The gradients by the arguments, from (gradients by the outputs,) arguments, auxiliary states and outputs."""
        num_grads = self._num_outputs if self._prop.need_top_grad_ else 0
        head_grads, rest = arrays[:num_grads], arrays[num_grads:]
        inputs, aux = rest[: self._num_args], rest[self._num_args : self._num_args + self._num_aux]
        grads = [xp.zeros_like(a) for a in inputs]
        self._call(
            self.memory.backward,
            req=["write"] * len(grads),
            out_grad=head_grads,
            in_data=inputs,
            out_data=rest[self._num_args + self._num_aux :],
            in_grad=grads,
            aux=aux,
        )
        return tuple(grads)

    def _call(self, method: Callable[..., None], **arguments: Any) -> None:
        """Call the user's method with NDArrays, outside of any recording."""
        wrapped = {
            name: value if name in ("is_train", "req") else [wrap(a, self._ctx) for a in value]
            for name, value in arguments.items()
        }
        saved, mode.recording = mode.recording, False
        try:
            method(**wrapped)
        finally:
            mode.recording = saved


_registered: dict[str, type[CustomOpProp]] = {}


def register(reg_name: str) -> Callable[[type[CustomOpProp]], type[CustomOpProp]]:
    """Class decorator: makes a CustomOpProp reachable as `mx.nd.Custom(..., op_type=reg_name)` and `mx.sym.Custom`."""

    def do_register(prop_cls: type[CustomOpProp]) -> type[CustomOpProp]:
        if not (isinstance(prop_cls, type) and issubclass(prop_cls, CustomOpProp)):
            raise ArgumentTypeError(f"Expected: a subclass of CustomOpProp. Received: {prop_cls!r}.")
        _registered[reg_name] = prop_cls
        return prop_cls

    return do_register


def _make_prop(p: Params) -> CustomOpProp:
    values = dict(vars(p))
    name = values.pop("op_type")
    values.pop("num_args", None)  # the count of a variadic operator's inputs
    values.pop("state", None)  # a backward call carries its forward's
    if name not in _registered:
        raise NameLookupError(
            f"Custom operator: expected an op_type of {sorted(_registered)}. Received: {name!r}. "
            "Register its CustomOpProp with mx.operator.register."
        )
    arguments: dict[str, Any] = {key: format_value(value) for key, value in values.items()}
    prop = _registered[name](**arguments)
    if not hasattr(prop, "need_top_grad_"):
        raise ArgumentTypeError(f"{type(prop).__name__}: expected __init__ to call super().__init__(). It does not.")
    return prop


install_prop_factory(_make_prop)
