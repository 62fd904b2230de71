"""Outputs, gradients and auxiliary states of the neural-network operators, against numbers that MXNet 1.9.1 gave."""

import json
import pathlib

import numpy as np
import pytest

import mxtrain.autograd as autograd
from mxtrain import ndarray as nd

ROWS = json.loads(pathlib.Path(__file__).with_name("oracle.json").read_text(encoding="utf-8"))
NO_GRADIENT = ("moving_mean", "moving_var")


def name_of(row):
    given = ",".join(f"{key}={value}" for key, value in row["parameters"].items())
    return f"{row['operator']}({given})"


@pytest.mark.parametrize("row", ROWS, ids=name_of)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_numbers(row, dtype):
    arrays = {key: nd.array(value, dtype=dtype) for key, value in row["inputs"].items()}
    for key in row["gradients"]:
        arrays[key].attach_grad()
    with autograd.record(train_mode=row["is_train"]):
        outputs = getattr(nd, row["operator"])(**arrays, **row["parameters"])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    assert all(output.dtype == np.dtype(dtype) for output in outputs)
    check("output", [output.asnumpy() for output in outputs], row["outputs"])
    autograd.backward(outputs[:1], [nd.array(row["head"], dtype=dtype)], train_mode=row["is_train"])
    for key, expected in row["gradients"].items():
        check(f"gradient of {key}", arrays[key].grad.asnumpy(), expected)
    for key, expected in row["after"].items():
        check(f"{key} afterwards", arrays[key].asnumpy(), expected)


def check(what, actual, expected):
    if isinstance(actual, list):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            check(what, one, other)
        return
    expected = np.array(expected)
    assert actual.shape == expected.shape, what
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-6, err_msg=what)
