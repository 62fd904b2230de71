"""Element-wise steps that run together, block by block, give the same bits as one after the other."""

from functools import partial

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd
from mxtrain.base import MXNetError
from mxtrain.device import threads
from mxtrain.executor import fusion
from mxtrain.ops import find
from mxtrain.ops.kernels import blocks

SHAPE = (300, 2000)
RANDOM = np.random.RandomState(2)


def chain():
    x, y = mx.sym.var("x"), mx.sym.var("y")
    value = mx.sym.tanh(x * 2 + 1) * y
    value = mx.sym.clip(mx.sym.exp(value) - x, -1, 5)
    return mx.sym.where(value > y, value, mx.sym.sqrt(mx.sym.abs(value)))


def run(symbol, arrays, number, fused):
    previous = threads.set_num_threads(number)
    try:
        executor = symbol.bind(
            mx.cpu(),
            {name: nd.array(value, dtype=value.dtype) for name, value in arrays.items()},
            {name: nd.zeros(value.shape, dtype=value.dtype) for name, value in arrays.items()},
        )
        if not fused:
            executor.set_monitor_callback(lambda *args: None)  # a watched executor goes step by step
        outputs = [output.asnumpy() for output in executor.forward(is_train=True)]
        executor.backward([nd.ones(output.shape, dtype=output.dtype) for output in outputs])
        return outputs + [executor.grad_dict[name].asnumpy() for name in arrays], executor
    finally:
        threads.set_num_threads(previous)


def together(steps):
    """How many steps each fused one holds."""
    fused, _ = fusion.fuse(steps.steps)
    return [len(step.args[0]) for step in fused if isinstance(step, partial) and step.func is fusion._run_together]


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_the_same_bits(dtype, number, monkeypatch):
    monkeypatch.setattr(fusion, "_ELEMENTS", 7777)
    arrays = {name: RANDOM.uniform(0.1, 1, SHAPE).astype(dtype) for name in ("x", "y")}
    found, executor = run(chain(), arrays, number, fused=True)
    wished, _ = run(chain(), arrays, number, fused=False)
    for one, other in zip(found, wished, strict=True):
        np.testing.assert_array_equal(one, other)
    assert max(together(executor._plan.training)) >= 8
    assert together(executor._plan.backward)


def test_memory_that_is_used_again_at_another_place_separates_steps(monkeypatch):
    """Values of two dtypes in one piece of memory: a later block of one lies where an earlier block of the other is."""
    monkeypatch.setattr(fusion, "_ELEMENTS", 1000)
    x = mx.sym.var("x")
    value = x
    for dtype in ("float64", "float32", "float16", "float64", "float32", "float16", "float32"):
        value = mx.sym.cast(value * 1.5, dtype=dtype) + 0.25
    arrays = {"x": RANDOM.uniform(-1, 1, SHAPE).astype("float32")}
    found, _ = run(value, arrays, 3, fused=True)
    wished, _ = run(value, arrays, 3, fused=False)
    for one, other in zip(found, wished, strict=True):
        np.testing.assert_array_equal(one, other)


def step(out, *inputs, op="_copy"):
    operator = find(op)
    return fusion.ElementwiseStep(operator, inputs, out, {})


def test_which_steps_may_follow_each_other():
    memory = np.zeros(64, np.uint8)
    a, b, c = (memory[start : start + 16].view(np.float32) for start in (0, 16, 32))
    shifted = memory[4:20].view(np.float32)
    halves = memory[0:8].view(np.float16)
    assert step(b, a).may_follow(step(a, c))  # reads what was written
    assert step(a, b).may_follow(step(b, a))  # writes over what was read at the same place
    assert step(c, a).may_follow(step(b, a))
    assert not step(c, shifted).may_follow(step(a, b))  # reads other elements than were written
    assert not step(shifted, c).may_follow(step(b, a))  # writes over elements that are not read yet
    assert not step(halves, halves).may_follow(step(a, b))  # of the same memory, other elements
    assert not step(a[:2], b[:2]).may_follow(step(b, c))


def test_small_arrays_and_other_operators_are_left_alone():
    executor = chain().simple_bind(mx.cpu(), x=(3, 4), y=(3, 4))
    executor.forward()
    assert together(executor._plan.inference) == []
    wide = mx.sym.sum(mx.sym.exp(mx.sym.var("x")) + 1, axis=1)
    executor = wide.simple_bind(mx.cpu(), x=SHAPE)
    executor.forward()
    assert together(executor._plan.inference) == [2]


def test_an_error_names_the_node(monkeypatch):
    executor = chain().simple_bind(mx.cpu(), x=SHAPE, y=SHAPE)
    executor.forward()

    def fail(steps):
        raise ValueError("no more")

    monkeypatch.setattr(blocks, "over_range", lambda *args: fail(args))
    with pytest.raises(MXNetError, match="no more"):
        executor.forward()
