"""Outputs and gradients of the matrix operators, against what MXNet 1.9.1 gave."""

import json
import pathlib

import numpy as np
import pytest

import mxtrain as mx

ROWS = json.loads(pathlib.Path(__file__).with_name("oracle.json").read_text(encoding="utf-8"))


def name_of(row):
    given = ",".join(f"{key}={value}" for key, value in row["parameters"].items())
    return f"{row['operator']}{np.shape(row['inputs'][0])}({given})"


def check(found, expected):
    expected = np.array(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_outputs_and_gradients(row):
    inputs = [mx.nd.array(x) for x in row["inputs"]]
    for x in inputs:
        x.attach_grad()
    with mx.autograd.record():
        result = getattr(mx.nd.linalg, row["operator"])(*inputs, **row["parameters"])
    outputs = result if isinstance(result, list) else [result]
    for found, expected in zip(outputs, row["outputs"], strict=True):
        check(found, expected)
    mx.autograd.backward(outputs, [mx.nd.array(np.linspace(0.5, 1.5, y.size).reshape(y.shape)) for y in outputs])
    for x, expected in zip(inputs, row["gradients"], strict=True):
        check(x.grad, expected)
