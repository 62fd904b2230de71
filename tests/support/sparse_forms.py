"""The cases of operators that their forms for sparse arrays compute, with inputs in the form's storage types."""

import numpy as np
import operator_cases as support
import pytest

import mxtrain as mx
from mxtrain import ops
from mxtrain.ndarray.invoke import invoke
from mxtrain.ops.sparse.containers import CSR, DENSE
from mxtrain.ops.storage import REPEATED

# lazy updates leave alone what a dense update would change: tests/core/optimizer has their tests
LAZY = "mxtrain.ops.optimizer."
# numbers outside the table: moved into a dense one, refused beside a row_sparse one, as in MXNet
REFUSED = {("Embedding", 1)}
SPARSE_OPERATORS = [op for op in ops.operators() if op.storage and not op.source.startswith(LAZY)]


def stypes_of(form, count):
    """The storage types of `count` inputs in this form; as the form says it where they cannot be so many."""
    repeated = sum(stype.endswith(REPEATED) for stype in form.inputs)
    times = (count - len(form.inputs)) // repeated + 1 if repeated else 1
    return [s.removesuffix(REPEATED) for s in form.inputs for _ in range(times if s.endswith(REPEATED) else 1)]


def fits(op, form, case):
    """Whether the form computes the inputs of a case, once they have its storage types."""
    example = support.make_example(op, case, np.float32)
    stypes = stypes_of(form, len(example.arrays))
    return (
        op.choose_form(stypes, example.params) is form
        and len(stypes) == len(example.arrays)
        and all(
            stype == DENSE or (array.ndim == 2 if stype == CSR else array.ndim >= 1)
            for stype, array in zip(stypes, example.arrays, strict=True)
        )
        and (CSR not in form.outputs or support.run_plain(example)[0].ndim == 2)
    )


FORM_CASES = [
    pytest.param(op, form, case, id=f"{op.name}-{'+'.join(form.inputs)}-{'+'.join(form.outputs)}-{number}")
    for op in SPARSE_OPERATORS
    for form in op.storage
    for number, case in enumerate(op.cases)
    if (op.name, number) not in REFUSED and fits(op, form, case)
]


def thinned(array, stype, rng):
    """An array of which half the elements, or half the rows, are zeros."""
    if stype == DENSE:
        return array
    sizes = array.shape if stype == CSR else (len(array), *(1,) * (array.ndim - 1))
    return array * (rng.random(sizes) < 0.5)


def computed(op, arrays, stypes, params, ctx=None):
    """The inputs in these storage types on a context, and what the operator makes of them."""
    inputs = [mx.nd.array(array, ctx, array.dtype) for array in arrays]
    inputs = [x if stype == DENSE else x.tostype(stype) for x, stype in zip(inputs, stypes, strict=True)]
    return inputs, support.as_list(invoke(op, inputs, params))
