"""An operator that declares `inplace` gives the same result when it writes over that input."""

import numpy as np
import pytest
from operator_cases import make_example

from mxtrain import ops
from mxtrain.context import cpu
from mxtrain.ops.operator import Operator
from mxtrain.ops.parameters import Params


def applicable(op: Operator, case, index: int) -> bool:
    """Whether the executor could let the operator take over the buffer of this input: it has the output's size."""
    example = make_example(op, case, np.float32)
    arrays, params = example.arrays, example.params
    shape = op.infer_shape([a.shape for a in arrays], [None] * len(op.outputs(params)), Params(**params))[1][0]
    return index < len(arrays) and arrays[index].shape == shape


CASES = [
    pytest.param(op, case, index, id=f"{op.name}-{position}-input{index}")
    for op in ops.operators()
    for position, case in enumerate(op.cases)
    for index in op.inplace
    if applicable(op, case, index)
]


@pytest.mark.parametrize(("op", "case", "index"), CASES)
def test_result_over_an_input(op, case, index):
    example = make_example(op, case, np.float32)
    arrays, params = example.arrays, example.params
    runtime = {"is_train": True, "rng": cpu().backend.rng, "ctx": cpu(), "needs": (True,) * len(arrays)}
    keywords = {**op.call_params(params), **{key: runtime[key] for key in op.runtime - {"out", "state"}}}

    def run(inputs, out):
        cpu().backend.rng.seed(3)
        return op.forward(np, *op.arrange(inputs, params), **keywords, out=out)

    plain = run([a.copy() for a in arrays], None)
    expected = plain if op.single_output else plain[0]
    over = [a.copy() for a in arrays]
    over[index] = over[index].astype(expected.dtype)
    rest = () if op.single_output else tuple(np.empty_like(r) for r in plain[1:])
    run(over, over[index] if op.single_output else (over[index], *rest))
    np.testing.assert_array_equal(over[index], expected)
