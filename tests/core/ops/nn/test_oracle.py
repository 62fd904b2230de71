"""Outputs, gradients and auxiliary states of the neural-network operators, against numbers that MXNet 1.9.1 gave."""

import json
import pathlib

import numpy as np
import pytest

import mxtrain as mx

ROWS = json.loads(pathlib.Path(__file__).with_name("oracle.json").read_text(encoding="utf-8"))


def name_of(row):
    given = ",".join(f"{key}={value}" for key, value in row["parameters"].items())
    return f"{row['operator']}({given})"


def arrays_of(row, dtype):
    kinds = row["dtypes"]
    return {key: mx.nd.array(value, dtype=kinds.get(key, dtype)) for key, value in row["inputs"].items()}


def check_outputs(row, outputs, dtype):
    assert all(output.dtype == np.dtype(dtype) for output in outputs)
    check("output", [output.asnumpy() for output in outputs], row["outputs"])


def check_afterwards(row, arrays, gradients):
    for key, expected in row["gradients"].items():
        check(f"gradient of {key}", gradients[key].asnumpy(), expected)
    for key, expected in row["after"].items():
        check(f"{key} afterwards", arrays[key].asnumpy(), expected)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_imperative(row, dtype):
    arrays = arrays_of(row, dtype)
    for key in row["gradients"]:
        arrays[key].attach_grad()
    with mx.autograd.record(train_mode=row["is_train"]):
        outputs = getattr(mx.nd, row["operator"])(**arrays, **row["parameters"])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    check_outputs(row, outputs, dtype)
    mx.autograd.backward(outputs[:1], [mx.nd.array(row["head"], dtype=dtype)], train_mode=row["is_train"])
    check_afterwards(row, arrays, {key: array.grad for key, array in arrays.items()})


@pytest.mark.parametrize("row", [row for row in ROWS if row["is_train"]], ids=name_of)
def test_symbolic(row):
    arrays = arrays_of(row, "float32")
    states = {key: arrays[key] for key in row["after"]}
    variables = {key: mx.sym.var(key) for key in arrays}
    symbol = getattr(mx.sym, row["operator"])(**variables, **row["parameters"])
    grads = {key: mx.nd.full(arrays[key].shape, np.nan) for key in row["gradients"]}
    arguments = {key: array for key, array in arrays.items() if key not in states}
    executor = symbol.bind(mx.cpu(), arguments, grads, aux_states=states)
    executor.forward(is_train=True)
    check_outputs(row, executor.outputs, "float32")
    head = mx.nd.array(row["head"])
    executor.backward([head, *(mx.nd.zeros(output.shape) for output in executor.outputs[1:])])
    check_afterwards(row, arrays, grads)


def check(what, actual, expected):
    if isinstance(actual, list):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            check(what, one, other)
        return
    expected = np.array(expected)
    assert actual.shape == expected.shape, what
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-6, err_msg=what)
