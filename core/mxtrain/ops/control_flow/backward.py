"""The gradient of control flow operators: their state remembers the way."""

from mxtrain.ops.operator import NOT_DIFFERENTIABLE, operator
from mxtrain.ops.parameters import Shape


def backward(F, head_grads, data, needs, state):
    """The gradients by the inputs of a control flow operator, None where none is needed."""
    wanted = tuple(i for i, is_needed in enumerate(needs) if is_needed)
    found = F._backward_control_flow(*head_grads, *data, num_heads=len(head_grads), wanted=wanted, state=state)
    grads = dict(zip(wanted, found if isinstance(found, list) else [found], strict=True))
    return [grads.get(i) for i in range(len(data))]


@operator("_backward_control_flow")
class BackwardControlFlow:
    """The gradients by inputs of a loop or branch, computed from what its latest run left behind.

    Inputs: the gradients by its outputs, `num_heads` of them, then its inputs. Outputs: the gradients by those inputs
    whose positions are in `wanted`, each of its input's shape and dtype.
    """

    def outputs(p):
        return [f"grad{i}" for i in p.wanted]

    def infer_shape(ins, outs, p):
        return ins, [ins[p.num_heads + i] for i in p.wanted]

    def infer_type(ins, outs, p):
        return ins, [ins[p.num_heads + i] for i in p.wanted]

    def forward(xp, *arrays, num_heads: int, wanted: Shape, state, out=None):
        inputs = arrays[num_heads:]
        outs = tuple(xp.empty_like(inputs[i]) for i in wanted) if out is None else out
        state.run_back(arrays[:num_heads], dict(zip(wanted, outs, strict=True)))
        return outs

    gradient = NOT_DIFFERENTIABLE
