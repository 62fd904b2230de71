"""The checks of test_registry find what is wrong: planted faults fail exactly their own case."""

import operator_cases as support
import pytest

from mxtrain.ops import Case, registry, shapes
from mxtrain.ops.operator import declare_operator


@pytest.fixture
def declare():
    """Declares operators that exist during one test."""
    before = set(registry._operators)

    def make(name, **parts):
        defaults = {
            "infer_shape": shapes.same,
            "doc": "A planted operator.",
            "cases": [Case(data=(2, 3)), Case(data=(4,), slope=0.5)],
        }
        return declare_operator(name, **{**defaults, **parts})

    yield make
    for name in set(registry._operators) - before:
        del registry._operators[name]


def elu(xp, data, *, slope: float = 1.0):
    return xp.where(data > 0, data, slope * xp.expm1(data))


def right_gradient(F, gy, y, data, *, slope):
    return F.where(data > 0, gy, gy * (y + slope))


def failures(op):
    """The numbers of the cases whose gradient check fails."""
    failed = []
    for number, case in enumerate(op.cases):
        try:
            support.check_gradient(op, case)
        except AssertionError:
            failed.append(number)
    return failed


def test_right_gradient_passes(declare):
    assert failures(declare("planted_right", forward=elu, gradient=right_gradient)) == []


def test_gradient_that_is_wrong_for_one_parameter_fails_that_case_only(declare):
    def gradient(F, gy, y, data, *, slope):
        return F.where(data > 0, gy, gy * (y + 1))  # forgets the slope

    assert failures(declare("planted_wrong", forward=elu, gradient=gradient)) == [1]


def test_gradient_off_by_a_factor_fails_everywhere(declare):
    def gradient(F, gy, y, data, *, slope):
        return right_gradient(F, gy, y, data, slope=slope) * 1.001

    assert failures(declare("planted_factor", forward=elu, gradient=gradient)) == [0, 1]


def test_missing_gradient_of_one_input_fails(declare):
    def forward(xp, lhs, rhs):
        return lhs * rhs

    def gradient(F, gy, y, lhs, rhs):
        return gy * rhs, None

    op = declare("planted_missing", forward=forward, gradient=gradient, cases=[Case(lhs=(2,), rhs=(2,))])
    assert failures(op) == [0]


def test_wrong_inference_is_seen(declare):
    op = declare(
        "planted_shape", forward=lambda xp, data: data.reshape(-1), gradient=right_gradient, cases=[Case(data=(2, 3))]
    )
    example = support.make_example(op, op.cases[0])
    (_, outs), _ = support.infer(example, [a.shape for a in example.arrays], [a.dtype for a in example.arrays])
    assert outs != [result.shape for result in support.run_plain(example)]


def test_undeclared_change_of_an_input_is_seen(declare):
    def forward(xp, data):
        data += 1
        return data.copy()

    op = declare("planted_change", forward=forward, gradient=right_gradient, cases=[Case(data=(2, 3))])
    example = support.make_example(op, op.cases[0])
    inputs = example.nds()
    support.run(example, inputs)
    assert (inputs[0].asnumpy() != example.arrays[0]).all()
