"""Outputs, gradients and refusals of the tensor operators, against what MXNet 1.9.1 gave."""

import json
import pathlib

import numpy as np
import pytest

import mxtrain as mx

ROWS = json.loads(pathlib.Path(__file__).with_name("oracle.json").read_text(encoding="utf-8"))


def identify(row):
    shapes = ";".join(str(tuple(x["shape"])) for x in row["inputs"])
    given = ",".join(f"{key}={value}" for key, value in row["parameters"].items())
    return f"{row['operator']}{shapes}({given})"


def array_of(plain):
    values = [float(v) if isinstance(v, str) else v for v in plain["values"]]
    return np.array(values, dtype=plain["dtype"]).reshape(plain["shape"])


def call(row, inputs):
    function = getattr(mx.nd, row["operator"], None) or getattr(mx.nd._internal, row["operator"])
    outputs = function(*inputs, **row["parameters"])
    return outputs if isinstance(outputs, list) else [outputs]


def inputs_of(row):
    return [mx.nd.array(array_of(x), dtype=x["dtype"]) for x in row["inputs"]]


def check(found, plain):
    expected = array_of(plain)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("row", [row for row in ROWS if "refused" in row], ids=identify)
def test_refuses(row):
    with pytest.raises(mx.MXNetError, match=row["operator"]):
        call(row, inputs_of(row))


@pytest.mark.parametrize("row", [row for row in ROWS if "outputs" in row], ids=identify)
def test_output(row):
    outputs = call(row, inputs_of(row))
    assert len(outputs) == len(row["outputs"])
    for found, plain in zip(outputs, row["outputs"], strict=True):
        check(found, plain)


def has_floating_inputs(row):
    return all(x["dtype"].startswith("float") for x in row["inputs"])


GRADIENTS = [row for row in ROWS if row.get("gradients") and has_floating_inputs(row)]


@pytest.mark.parametrize("row", GRADIENTS, ids=identify)
def test_gradient(row):
    inputs = inputs_of(row)
    for x in inputs:
        x.attach_grad()
    with mx.autograd.record():
        outputs = call(row, inputs)
        # whatever the operator makes of them, every output depends on a variable
        outputs = [y + 0 * inputs[0].sum().astype(y.dtype).reshape((1,) * y.ndim) for y in outputs]
    mx.autograd.backward(outputs, [mx.nd.array(array_of(head), dtype=head["dtype"]) for head in row["heads"]])
    for x, plain in zip(inputs, row["gradients"], strict=True):
        check(x.grad, plain)
