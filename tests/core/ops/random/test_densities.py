"""Densities of random numbers and their gradients, against what MXNet 1.9.1 gave."""

import json
import pathlib

import numpy as np
import pytest

import mxtrain as mx

ROWS = json.loads(pathlib.Path(__file__).with_name("oracle.json").read_text(encoding="utf-8"))


def check(found, expected):
    expected = np.array(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=2e-5, atol=3e-6)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['name']}{np.shape(row['inputs'][0])}-{row['is_log']}")
def test_density_and_gradients(row):
    inputs = [mx.nd.array(x) for x in row["inputs"]]
    for x in inputs:
        x.attach_grad()
    with mx.autograd.record():
        density = getattr(mx.nd, f"random_pdf_{row['name']}")(*inputs, is_log=row["is_log"])
    check(density, row["density"])
    density.backward()
    for x, expected in zip(inputs, row["gradients"], strict=True):
        check(x.grad, expected)


def test_density_of_own_samples_integrates_to_the_volume():
    """The mean of 1 / density over samples is the length of the support."""
    mx.random.seed(3)
    low, high = mx.nd.array([0.0, 1.0]), mx.nd.array([2.0, 5.0])
    samples = mx.nd.sample_uniform(low, high, shape=(100,))
    lengths = (1 / mx.nd.random_pdf_uniform(samples, low, high)).mean(axis=1)
    np.testing.assert_allclose(lengths.asnumpy(), [2.0, 4.0], rtol=1e-5)


@pytest.mark.parametrize("shapes", [((3,), (1,)), ((2, 3, 4), (2, 4)), ((2,), (2, 3))])
def test_refuses_parameters_that_do_not_lead(shapes):
    sample, lam = (mx.nd.ones(shape) for shape in shapes)
    with pytest.raises(mx.MXNetError, match=r"_random_pdf_exponential.*Expected"):
        mx.nd.random_pdf_exponential(sample, lam)


def test_refuses_other_vectors():
    with pytest.raises(mx.MXNetError, match=r"_random_pdf_dirichlet.*Expected"):
        mx.nd.random_pdf_dirichlet(mx.nd.ones((2, 3)), mx.nd.ones(2))
