"""Outputs and gradients of the vision, detection, image and contrib operators, against numbers MXNet 1.9.1 gave."""

import json
import pathlib

import numpy as np
import pytest

import mxtrain as mx

ROWS = [
    row
    for path in sorted(pathlib.Path(__file__).parent.glob("oracle_*.json"))
    for row in json.loads(path.read_text(encoding="utf-8"))
]


def name_of(row):
    given = ",".join(f"{key}={value}" for key, value in row["parameters"].items())
    return f"{row['operator']}({given})"


def find(module, name):
    for part in name.split("."):
        module = getattr(module, part)
    return module


def arrays_of(row):
    kinds = row["dtypes"]
    return {key: mx.nd.array(value, dtype=kinds.get(key, "float32")) for key, value in row["inputs"].items()}


def as_list(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


def call(function, arguments, parameters):
    """Inputs arg0, arg1, ... by position (operators of any number of them), others by name."""
    if "arg0" in arguments:
        return function(*arguments.values(), **parameters)
    return function(**arguments, **parameters)


def check(what, found, expected):
    expected = np.array(expected)
    assert found.shape == expected.shape, what
    np.testing.assert_allclose(found, expected, rtol=5e-5, atol=1e-5, err_msg=what)


def heads_of(row):
    return [mx.nd.array(head, dtype=dtype) for head, dtype in zip(row["heads"], row["types"], strict=True)]


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_imperative(row):
    arrays = arrays_of(row)
    for key in row["gradients"]:
        arrays[key].attach_grad()
    with mx.autograd.record():
        outputs = as_list(call(find(mx.nd, row["operator"]), arrays, row["parameters"]))
    assert [np.dtype(output.dtype).name for output in outputs] == row["types"]
    for output, expected in zip(outputs, row["outputs"], strict=True):
        check("output", output.asnumpy(), expected)
    if any(np.any(gradient) for gradient in row["gradients"].values()):
        mx.autograd.backward(outputs, heads_of(row))
        for key, expected in row["gradients"].items():
            check(f"gradient of {key}", arrays[key].grad.asnumpy(), expected)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_symbolic(row):
    arrays = arrays_of(row)
    symbol = call(find(mx.sym, row["operator"]), {key: mx.sym.var(key) for key in arrays}, row["parameters"])
    executor = symbol.bind(mx.cpu(), arrays, grad_req="null")
    executor.forward(is_train=True)
    for output, expected in zip(executor.outputs, row["outputs"], strict=False):
        check("output", output.asnumpy(), expected)
