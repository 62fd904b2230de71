"""Sparse arrays and the forms of operators on GPUs (CuPy's stand-in) give what they give on the CPU."""

import numpy as np
import operator_cases as support
import pytest
from sparse_forms import FORM_CASES, computed, stypes_of, thinned

import mxtrain as mx
from mxtrain.context import cpu


@pytest.mark.parametrize(("op", "form", "case"), FORM_CASES)
def test_forms(fake_gpus, op, form, case):
    example = support.make_example(op, case, np.float32)
    stypes = stypes_of(form, len(example.arrays))
    rng = np.random.default_rng(3)
    arrays = [thinned(array, stype, rng) for array, stype in zip(example.arrays, stypes, strict=True)]
    for ctx in (cpu(), mx.gpu(1)):
        ctx.backend.rng.seed(7)
    _, expected = computed(op, arrays, stypes, example.params)
    _, results = computed(op, arrays, stypes, example.params, mx.gpu(1))
    for result, wished in zip(results, expected, strict=True):
        assert (result.stype, result.context) == (wished.stype, mx.gpu(1))
        np.testing.assert_allclose(result.asnumpy(), wished.asnumpy(), rtol=1e-5, atol=1e-6)
        if result.stype != "default":
            result.check_format()


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
def test_moving_and_writing(fake_gpus, stype):
    dense = np.array([[0, 1, 0], [0, 0, 0], [2, 0, 3]], np.float32)
    here = mx.nd.array(dense).tostype(stype)
    there = here.as_in_context(mx.gpu(1))
    assert (there.context, there.stype, there.data.context) == (mx.gpu(1), stype, mx.gpu(1))
    np.testing.assert_array_equal(there.as_in_context(cpu()).asnumpy(), dense)
    there[:] = mx.nd.array(dense * 2)
    np.testing.assert_array_equal(there.asnumpy(), dense * 2)
    there += there
    np.testing.assert_array_equal(there.copyto(mx.nd.zeros((3, 3))).asnumpy(), dense * 4)
    np.testing.assert_array_equal(there.astype("float64").asnumpy(), dense * 4)
    made = mx.nd.sparse.zeros(stype, (3, 3), mx.gpu(1))
    assert (made.context, made.data.context) == (mx.gpu(1), mx.gpu(1))
