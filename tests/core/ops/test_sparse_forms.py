"""Every form that an operator declares for sparse arrays computes what the operator computes densely."""

import numpy as np
import operator_cases as support
import pytest

import mxtrain as mx
from mxtrain import ops
from mxtrain.ndarray.invoke import invoke
from mxtrain.ops.kernels.sparse.conversion import to_dense
from mxtrain.ops.sparse.containers import CSR, DENSE, ROW_SPARSE
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


def computed(op, arrays, stypes, params):
    inputs = [mx.nd.array(array, dtype=array.dtype) for array in arrays]
    inputs = [x if stype == DENSE else x.tostype(stype) for x, stype in zip(inputs, stypes, strict=True)]
    return inputs, support.as_list(invoke(op, inputs, params))


@pytest.mark.parametrize(("op", "form", "case"), FORM_CASES)
@pytest.mark.parametrize("empty", [False, True], ids=["some", "nothing-stored"])
def test_a_form_equals_the_dense_computation(op, form, case, empty):
    example = support.make_example(op, case, np.float32)
    stypes = stypes_of(form, len(example.arrays))
    rng = np.random.default_rng(3)
    arrays = [thinned(array, stype, rng) for array, stype in zip(example.arrays, stypes, strict=True)]
    if empty:
        arrays = [array * 0 if stype != DENSE else array for array, stype in zip(arrays, stypes, strict=True)]
    inputs, results = computed(op, arrays, stypes, example.params)
    _, expected = computed(op, arrays, [DENSE] * len(arrays), example.params)
    assert tuple(result.stype for result in results) == form.outputs_for(len(inputs))[: len(results)]
    for result, wished in zip(results, expected, strict=True):
        assert result.dtype == wished.dtype
        assert result.shape == wished.shape
        wished = without_what_is_not_stored(op, wished.asnumpy(), inputs[0])
        np.testing.assert_allclose(result.asnumpy(), wished, rtol=1e-5, atol=1e-6)
        if result.stype != DENSE:
            result.check_format()
    changed = op.changed(example.params)
    for name, before, after in zip(example.names, arrays, inputs, strict=True):
        if name not in changed:
            np.testing.assert_array_equal(after.asnumpy(), before)


def without_what_is_not_stored(op, expected, data):
    """Operators named `_scatter_*` leave 0 where data stores nothing, by definition."""
    if not op.name.startswith("_scatter_"):
        return expected
    stored = data.storage.with_values(np.ones_like(data.storage.values))
    return np.where(to_dense(np, stored) != 0, expected, 0)


@pytest.mark.parametrize("op", SPARSE_OPERATORS, ids=lambda op: op.name)
def test_every_form_has_a_case(op):
    covered = {id(case.values[1]) for case in FORM_CASES if case.values[0] is op}
    missing = [f"{form.inputs} -> {form.outputs}" for form in op.storage if id(form) not in covered]
    assert not missing, f"no case of {op.name} is computed by {missing}"


@pytest.mark.parametrize(("op", "form", "case"), FORM_CASES)
def test_results_share_no_values_with_inputs(op, form, case):
    example = support.make_example(op, case, np.float32)
    stypes = stypes_of(form, len(example.arrays))
    inputs, results = computed(op, example.arrays, stypes, example.params)
    for result in results:
        for x in inputs:
            assert not np.shares_memory(values_of(result), values_of(x))


def values_of(array):
    return array._data if array.stype == DENSE else array.storage.values


def test_row_sparse_and_csr_are_what_forms_know():
    known = {stype.removesuffix(REPEATED) for op in SPARSE_OPERATORS for form in op.storage for stype in form.inputs}
    assert known == {DENSE, ROW_SPARSE, CSR}
