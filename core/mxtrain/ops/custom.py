"""Operators written by the user in Python; `mxtrain.operator` is their programming interface."""

from collections.abc import Callable
from typing import Any

from mxtrain.base import MXNetError
from mxtrain.dtypes import as_dtype
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, operator
from mxtrain.ops.parameters import Params

# (p) -> the CustomOpProp of a call; set by mxtrain.operator, which this layer may not import
_make_prop: Callable[[Params], Any] | None = None


def install_prop_factory(factory: Callable[[Params], Any]) -> None:
    """Tell how the description (CustomOpProp) of a custom operator is made from a call's parameters."""
    global _make_prop
    _make_prop = factory


def prop_of(p: Params) -> Any:
    """The CustomOpProp that describes a call."""
    if _make_prop is None:
        raise MXNetError(f"Custom operator {p.op_type!r}: expected a class that mx.operator.register knows. None is.")
    return _make_prop(p)


def _counts(prop: Any) -> tuple[int, int, int]:
    """How many arguments, outputs and auxiliary states there are."""
    return len(prop.list_arguments()), len(prop.list_outputs()), len(prop.list_auxiliary_states())


@operator("Custom")
class Custom:
    """An operator that a registered CustomOpProp describes and a CustomOp computes.

    op_type: the name under which it was registered. Further parameters go to the CustomOpProp, as strings. Inputs,
    outputs, shapes and dtypes are what the CustomOpProp says. Source: MXNet 1.9.1's `Custom`.
    """

    def inputs(p):
        return prop_of(p).list_arguments()

    def aux(p):
        return prop_of(p).list_auxiliary_states()

    def outputs(p):
        return prop_of(p).list_outputs()

    def infer_shape(ins, outs, p):
        prop = prop_of(p)
        num_args = len(prop.list_arguments())
        if num_args and not shapes.is_known(ins[0]):
            return ins, outs
        found = prop.infer_shape([list(shape or ()) for shape in ins[:num_args]])
        args, results, aux = (found[0], found[1], found[2] if len(found) > 2 else [])
        return [_shape(s) for s in (*args, *aux)], [_shape(s) for s in results]

    def infer_type(ins, outs, p):
        prop = prop_of(p)
        num_args = len(prop.list_arguments())
        known = types.unify_all([*ins[:1], *outs[:1]])
        if known is None:
            return ins, outs
        found = prop.infer_type([(dtype or known).type for dtype in ins[:num_args]])
        args, results, aux = (found[0], found[1], found[2] if len(found) > 2 else [])
        return [_dtype(t) for t in (*args, *aux)], [_dtype(t) for t in results]

    def create_state(ctx, in_shapes, in_types, p):
        prop = prop_of(p)
        num_args = len(prop.list_arguments())
        return prop.create_state(ctx, in_shapes[:num_args], in_types[:num_args])

    def forward(xp, *data, op_type: str, is_train, state, **kwargs):
        return state.forward(xp, data, is_train)

    def gradient(F, gy, y, *data, op_type, state, **kwargs):
        head_grads = gy if prop_of(Params(op_type=op_type, **kwargs)).need_top_grad_ else ()
        return F._backward_Custom(*head_grads, *data, *y, op_type=op_type, state=state, **kwargs)


@operator("_backward_Custom")
class BackwardCustom:
    """The gradients that a CustomOp's `backward` computes.

    Inputs: the gradients by the outputs (unless need_top_grad is False), the inputs, the auxiliary states, the outputs.
    Outputs: a gradient per argument.
    """

    def outputs(p):
        return [f"{name}_grad" for name in prop_of(p).list_arguments()]

    def infer_shape(ins, outs, p):
        start, num_args = _arguments(p)
        return ins, list(ins[start : start + num_args])

    def infer_type(ins, outs, p):
        start, num_args = _arguments(p)
        return ins, list(ins[start : start + num_args])

    def forward(xp, *arrays, op_type: str, state, **kwargs):
        return state.backward(xp, arrays)

    gradient = NOT_DIFFERENTIABLE


def _arguments(p):
    """Where the forward arguments begin among the inputs of the backward operator, and how many they are."""
    prop = prop_of(p)
    num_args, num_outputs, _ = _counts(prop)
    return (num_outputs if prop.need_top_grad_ else 0), num_args


def _shape(shape):
    return tuple(int(size) for size in shape)


def _dtype(dtype):
    return as_dtype(dtype)
