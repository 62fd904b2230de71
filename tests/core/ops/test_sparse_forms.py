"""Every form that an operator declares for sparse arrays computes what the operator computes densely."""

import numpy as np
import operator_cases as support
import pytest
from sparse_forms import FORM_CASES, SPARSE_OPERATORS, computed, stypes_of, thinned

from mxtrain.ops.kernels.sparse import compiled
from mxtrain.ops.kernels.sparse.conversion import to_dense
from mxtrain.ops.sparse.containers import CSR, DENSE, ROW_SPARSE
from mxtrain.ops.storage import REPEATED


@pytest.fixture(params=[True, False], ids=["compiled", "numpy"])
def with_or_without_scipy(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(compiled, "is_available", lambda: False)


@pytest.mark.parametrize(("op", "form", "case"), FORM_CASES)
@pytest.mark.parametrize("empty", [False, True], ids=["some", "nothing-stored"])
def test_a_form_equals_the_dense_computation(op, form, case, empty, with_or_without_scipy):
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
