"""The inputs of an operator's test cases, and checks that hold for every operator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import mxtrain as mx
from mxtrain import autograd
from mxtrain.context import cpu
from mxtrain.ndarray.invoke import invoke
from mxtrain.ops import ZERO_GRADIENT, Case, Operator, operators
from mxtrain.ops.parameters import Params
from mxtrain.symbol.functions import compose

STEP = 1e-6  # of the central differences, in float64


@dataclass
class Example:
    """An operator with concrete inputs and parameters."""

    op: Operator
    case: Case
    names: tuple[str, ...]  # inputs in use, auxiliary states last
    arrays: list[np.ndarray]
    given: dict[str, Any]  # parameters as the case writes them
    params: dict[str, Any]  # all parameters, parsed
    fixed: tuple[bool, ...]  # inputs whose values the case gives (indices, lengths): no gradient is checked

    def nds(self) -> list[mx.nd.NDArray]:
        """Fresh NDArrays with the inputs."""
        return [mx.nd.array(array, dtype=array.dtype) for array in self.arrays]


def all_cases() -> list[tuple[Operator, int, Case]]:
    """Every case of every operator."""
    return [(op, number, case) for op in operators() for number, case in enumerate(op.cases)]


def make_example(op: Operator, case: Case, dtype: Any = np.float64, seed: int = 11) -> Example:
    """Random inputs for a case, in `dtype`. Integers and float32 arrays that the case gives stay what they are."""
    rng = np.random.default_rng(seed)
    arguments = dict(case.arguments)
    if op.variadic:
        sources = list(arguments.pop("data", ()))
        sources += [arguments.pop(name) for name in op.input_names if name in arguments]
        given = {op.count: len(sources), **arguments}
        params = op.parse(given)
        names = op.all_inputs(params)
    else:
        by_name = {name: arguments.pop(name) for name in op.input_names if name in arguments}
        given = arguments
        params = op.parse(given)
        names = op.all_inputs(params)
        sources = [by_name[name] for name in names]
    arrays = [_filled(source, case, dtype, rng) for source in sources]
    return Example(op, case, names, arrays, given, params, tuple(isinstance(s, np.ndarray) for s in sources))


def _filled(source: Any, case: Case, dtype: Any, rng: np.random.Generator) -> np.ndarray:
    if isinstance(source, np.ndarray):
        if source.dtype == np.float32:
            return source.copy()
        return source.astype(dtype) if source.dtype.kind == "f" else source.astype(np.int32)
    return rng.uniform(case.low, case.high, source).astype(dtype)


def as_list(result: Any) -> list[Any]:
    """The outputs of a call as a list."""
    return list(result) if isinstance(result, (list, tuple)) else [result]


def run(example: Example, inputs: Sequence[mx.nd.NDArray] | None = None, out: Any = None) -> list[mx.nd.NDArray]:
    """The visible outputs, in training mode, from a freshly seeded generator."""
    cpu().backend.rng.seed(5)
    with autograd.train_mode():
        return as_list(invoke(example.op, inputs or example.nds(), example.params, out))


def run_plain(example: Example, forward: Any = None) -> list[np.ndarray]:
    """All raw outputs of a forward (by default the plain one), hidden ones among them."""
    op, ctx = example.op, cpu()
    ctx.backend.rng.seed(5)
    arrays = [array.copy() for array in example.arrays]
    keywords = dict(op.call_params(example.params))
    runtime = {"is_train": True, "rng": ctx.backend.rng, "ctx": ctx, "needs": (True,) * len(arrays)}
    keywords.update({name: value for name, value in runtime.items() if name in op.runtime})
    if "state" in op.runtime:
        shapes, types = [a.shape for a in arrays], [a.dtype for a in arrays]
        keywords["state"] = op.create_state(ctx, shapes, types, Params(**keywords)) if op.create_state else None
    result = (forward or op.forward)(np, *op.arrange(arrays, example.params), **keywords)
    return [result] if op.single_output else list(result)


def infer(example: Example, shapes: Sequence[Any], types: Sequence[Any]) -> tuple[Any, Any]:
    """What the inference rules make of (partial) input shapes and dtypes."""
    op, p = example.op, Params(**example.params)
    nothing = [None] * len(op.outputs(example.params))
    return op.infer_shape(list(shapes), list(nothing), p), op.infer_type(list(types), list(nothing), p)


def _carriers(example: Example, outputs: Sequence[mx.nd.NDArray]) -> list[mx.nd.NDArray]:
    """The outputs that carry gradients: floating ones, without the statistics that a normalisation shows on demand."""
    carriers = outputs[:1] if example.params.get("output_mean_var") else outputs
    return [y for y in carriers if y.dtype in (np.float32, np.float64)]


def weights_for(outputs: Sequence[mx.nd.NDArray]) -> list[np.ndarray]:
    """Fixed, unlike numbers for each element of the outputs: the head gradients of a check."""
    rng = np.random.default_rng(23)
    return [rng.uniform(0.5, 1.5, y.shape) for y in outputs]


def differentiable_inputs(example: Example) -> list[int]:
    """Positions of the inputs whose gradient is checked."""
    aux = set(example.op.aux(example.params))
    return [
        i
        for i, name in enumerate(example.names)
        if name not in aux and not example.fixed[i] and example.arrays[i].dtype.kind == "f"
    ]


def declared_gradients(example: Example, wanted: Sequence[int]) -> list[np.ndarray]:
    """The gradients by the wanted inputs through autograd, the outputs weighted by `weights_for`."""
    inputs = example.nds()
    for position in wanted:
        inputs[position].attach_grad()
    cpu().backend.rng.seed(5)
    with autograd.record():
        outputs = as_list(invoke(example.op, inputs, example.params))
    floating = _carriers(example, outputs)
    heads = [mx.nd.array(w, dtype=y.dtype) for w, y in zip(weights_for(floating), floating, strict=True)]
    autograd.backward(floating, heads)
    return [inputs[position].grad.asnumpy() for position in wanted]


def numerical_gradients(example: Example, wanted: Sequence[int]) -> list[np.ndarray]:
    """The same by central differences."""

    def loss() -> float:
        outputs = _carriers(example, run(example))
        return sum(float((y.asnumpy() * w).sum()) for y, w in zip(outputs, weights_for(outputs), strict=True))

    return [_differences(loss, example.arrays[position], STEP) for position in wanted]


def check_gradient(op: Operator, case: Case) -> None:
    """Raise AssertionError unless the declared gradient equals the numerical one."""
    example = make_example(op, case)
    wanted = differentiable_inputs(example)
    expected = numerical_gradients(example, wanted)
    received = declared_gradients(example, wanted)
    for position, found, wished in zip(wanted, received, expected, strict=True):
        np.testing.assert_allclose(
            found, wished, rtol=1e-5, atol=2e-6, err_msg=f"{op.name}: gradient by {example.names[position]}"
        )


def check_second_gradient(op: Operator, case: Case) -> None:
    """Raise AssertionError unless the gradient of the declared gradient equals the numerical one.

    Raises MXNetError where the gradient is not differentiable.
    """
    example = make_example(op, case)
    wanted = differentiable_inputs(example)
    inputs, gradients = _recorded_gradients(example, wanted, create_graph=True)
    received = [np.zeros(inputs[position].shape) for position in wanted]
    with autograd.record():
        total = _weighted(gradients)
    if total._entry is not None:
        total.backward()
        received = [inputs[position].grad.asnumpy() for position in wanted]

    def loss() -> float:
        return float(_weighted(_recorded_gradients(example, wanted, create_graph=False)[1]).asscalar())

    for position, found in zip(wanted, received, strict=True):
        wished = _differences(loss, example.arrays[position], step=1e-5)
        np.testing.assert_allclose(found, wished, rtol=1e-4, atol=1e-4, err_msg=f"by {example.names[position]}")


def _recorded_gradients(example: Example, wanted: Sequence[int], *, create_graph: bool) -> tuple[list[Any], list[Any]]:
    """The inputs and the gradients by the wanted ones."""
    inputs = example.nds()
    for position in wanted:
        inputs[position].attach_grad()
    cpu().backend.rng.seed(5)
    with autograd.record():
        outputs = _carriers(example, as_list(invoke(example.op, inputs, example.params)))
        heads = [mx.nd.array(w, dtype=y.dtype) for w, y in zip(weights_for(outputs), outputs, strict=True)]
        variables = [inputs[position] for position in wanted]
        gradients = autograd.grad(outputs, variables, heads, create_graph=create_graph, retain_graph=True)
    return inputs, gradients


def _weighted(arrays: Sequence[mx.nd.NDArray]) -> mx.nd.NDArray:
    """The sum of all elements, with unlike weights."""
    terms = [(a * mx.nd.array(w, dtype=a.dtype)).sum() for a, w in zip(arrays, weights_for(arrays), strict=True)]
    return mx.nd.add_n(*terms)


def _differences(loss: Callable[[], float], array: np.ndarray, step: float) -> np.ndarray:
    """The derivative of loss() by each element of an array that it reads."""
    gradient = np.zeros(array.shape)
    for index in np.ndindex(*array.shape):
        kept = array[index]
        array[index] = kept + step
        above = loss()
        array[index] = kept - step
        below = loss()
        array[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


def has_checkable_gradient(op: Operator, case: Case) -> bool:
    """Whether a numerical gradient says anything: the operator is differentiable, and smooth on these inputs."""
    return (
        case.differentiable
        and callable(op.gradient)
        and op.gradient is not ZERO_GRADIENT
        and not op.ignores_head_gradient
        and bool(differentiable_inputs(make_example(op, case)))
    )


def make_symbol(example: Example) -> mx.sym.Symbol:
    """The operator applied to variables x0, x1, ..."""
    variables = [mx.sym.Variable(f"x{i}") for i in range(len(example.arrays))]
    if example.op.variadic:
        inputs = variables
    else:
        by_name = dict(zip(example.names, variables, strict=True))
        inputs = [by_name.get(name) for name in example.op.input_names]
    return compose(example.op, "node", inputs, example.given, {})


def bind(example: Example, symbol: mx.sym.Symbol, grad_req: Any = "null") -> Any:
    """An executor over the example's inputs, with gradient arrays of ones where grad_req asks for them."""
    arrays = {f"x{i}": array for i, array in enumerate(example.nds())}
    states = {name: arrays.pop(name) for name in symbol.list_auxiliary_states()}
    grads = {name: mx.nd.ones(array.shape, dtype=array.dtype) for name, array in arrays.items()}
    return symbol.bind(cpu(), arrays, args_grad=grads, grad_req=grad_req, aux_states=states)
