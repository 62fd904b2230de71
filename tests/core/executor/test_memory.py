"""Memory plans: how much is shared, what must not be."""

import gc
import weakref

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd
from mxtrain.executor.memory import ALIGNMENT, MemoryPlanner, Spec

SIZE = 1 << 16  # elements
BYTES = 4 * SIZE
X = mx.sym.var("x")


def slots_of(executor):
    return [slot.nbytes for slot in executor.memory_slots]


def chain(operator, length):
    net = X
    for _ in range(length):
        net = operator(net)
    return net


@pytest.mark.parametrize("length", [2, 20, 200])
def test_a_chain_of_element_wise_operators_needs_one_buffer(length):
    executor = chain(mx.sym.exp, length).simple_bind(mx.cpu(), x=(SIZE,), grad_req="null")
    assert slots_of(executor) == [BYTES]


@pytest.mark.parametrize("length", [4, 40])
def test_a_chain_that_cannot_run_in_place_needs_two(length):
    executor = chain(mx.sym.transpose, length).simple_bind(mx.cpu(), x=(4, SIZE // 4), grad_req="null")
    assert sum(slots_of(executor)) == 2 * BYTES


def test_training_keeps_what_backward_reads_and_no_more():
    # exp's gradient reads its output, negation's nothing
    kept = chain(mx.sym.exp, 20).simple_bind(mx.cpu(), x=(SIZE,))
    assert 20 * BYTES <= sum(slots_of(kept)) <= 22 * BYTES
    passed = chain(mx.sym.negative, 20).simple_bind(mx.cpu(), x=(SIZE,))
    assert sum(slots_of(passed)) <= 2 * BYTES


def test_reshapes_take_no_memory():
    net = mx.sym.Reshape(mx.sym.Reshape(mx.sym.exp(X), shape=(2, -1)), shape=(-1,))
    executor = mx.sym.exp(net).simple_bind(mx.cpu(), x=(SIZE,), grad_req="null")
    assert slots_of(executor) == [BYTES]
    executor.arg_dict["x"][:] = 0
    np.testing.assert_allclose(executor.forward()[0].asnumpy(), np.exp(1), rtol=1e-6)


def test_outputs_have_memory_of_their_own():
    group = mx.sym.Group([mx.sym.exp(X), mx.sym.negative(mx.sym.exp(X)), mx.sym.exp(mx.sym.negative(X))])
    executor = group.simple_bind(mx.cpu(), x=(SIZE,), grad_req="null")
    assert sum(slots_of(executor)) == 3 * BYTES
    executor.arg_dict["x"][:] = 1
    outputs = [output.asnumpy()[0] for output in executor.forward()]
    np.testing.assert_allclose(outputs, [np.e, -np.e, 1 / np.e], rtol=1e-6)


def test_arguments_are_never_overwritten():
    x = nd.array([1.0, 4.0])
    executor = mx.sym.sqrt(mx.sym.negative(mx.sym.negative(X))).bind(mx.cpu(), [x])
    executor.forward()
    assert x.asnumpy().tolist() == [1, 4]


def test_memory_does_not_depend_on_what_an_executor_shares_its_memory_with():
    small = chain(mx.sym.exp, 3).simple_bind(mx.cpu(), x=(SIZE,), grad_req="null")
    other = chain(mx.sym.tanh, 5).simple_bind(mx.cpu(), x=(SIZE // 2,), grad_req="null", shared_exec=small)
    assert [slot is mine for slot, mine in zip(other.memory_slots, small.memory_slots, strict=True)] == [True]
    larger = chain(mx.sym.tanh, 5).simple_bind(mx.cpu(), x=(2 * SIZE,), grad_req="null", shared_exec=small)
    assert slots_of(larger) == [2 * BYTES]
    for executor in (small, other, larger, small):
        executor.arg_dict["x"][:] = 0
        assert np.isfinite(executor.forward()[0].asnumpy()).all()
    np.testing.assert_allclose(small.outputs[0].asnumpy(), np.exp(np.exp(1)), rtol=1e-6)


def test_executors_of_every_length_share_one_piece_of_memory():
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.exp(X), num_hidden=7, name="fc"), name="softmax")
    longest = net.simple_bind(mx.cpu(), x=(50, 4))
    others = [net.simple_bind(mx.cpu(), x=(n, 4), shared_exec=longest) for n in (10, 40, 20)]
    others += [longest.reshape(x=(30, 4), partial_shaping=True), others[0].reshape(x=(5, 4), partial_shaping=True)]
    assert {id(slot) for executor in (longest, *others) for slot in executor.memory_slots} == {
        id(longest.memory_slots[0])
    }
    longer = longest.reshape(x=(60, 4), partial_shaping=True, allow_up_sizing=True)
    assert slots_of(longer) > slots_of(longest)
    for executor in (longer, *others, longest):
        executor.arg_dict["x"][:] = 1
        executor.arg_dict["fc_weight"][:] = np.arange(28).reshape(7, 4) / 10
        expected = np.exp(np.e * np.arange(28).reshape(7, 4).sum(axis=1) / 10)
        output = executor.forward(is_train=True)[0].asnumpy()
        np.testing.assert_allclose(output, np.tile(expected / expected.sum(), (len(output), 1)), rtol=1e-4)
        executor.backward()


def test_executors_over_the_same_parameters():
    net = mx.sym.FullyConnected(X, num_hidden=2, name="fc")
    first = net.simple_bind(mx.cpu(), x=(4, 3))
    second = net.simple_bind(mx.cpu(), x=(2, 3), shared_exec=first, shared_arg_names=["fc_weight", "fc_bias"])
    first.arg_dict["fc_bias"][:] = 5
    assert (second.forward(is_train=True)[0].asnumpy() == 5).all()
    assert second.grad_dict["fc_weight"] is first.grad_dict["fc_weight"]
    assert second.arenas == first.arenas != []
    looking = net.simple_bind(
        mx.cpu(), grad_req="null", x=(2, 3), shared_exec=first, shared_arg_names=["fc_weight", "fc_bias"]
    )
    assert looking.grad_arrays == [None] * 3
    assert looking.arenas == []
    with pytest.raises(mx.MXNetError, match="fc_weight: expected the shared shape"):
        net.simple_bind(mx.cpu(), x=(2, 7), shared_exec=first, shared_arg_names=["fc_weight"])


def test_a_pool_of_input_arrays():
    pool = {}
    large = X.simple_bind(mx.cpu(), x=(8, 2), grad_req="null", shared_buffer=pool)
    small = X.simple_bind(mx.cpu(), x=(3, 2), grad_req="null", shared_buffer=pool)
    large.arg_dict["x"][:] = 3
    assert (small.arg_dict["x"].asnumpy() == 3).all()
    assert pool["x"] is large.arg_dict["x"]


def test_buffers_are_aligned():
    executor = mx.sym.exp(mx.sym.transpose(mx.sym.exp(X))).simple_bind(mx.cpu(), x=(3, 5))
    executor.forward()
    assert executor.outputs[0].data_array.ctypes.data % ALIGNMENT == 0


def test_the_description_tells_the_memory():
    text = chain(mx.sym.exp, 3).simple_bind(mx.cpu(), x=(1 << 20,), grad_req="null").debug_str()
    assert "Total 4 MB allocated\n" in text
    assert "Intermediate values on cpu(0): 4194304 bytes\n" in text
    assert "Op:exp, Name=exp" in text


class TestPlanner:
    """The planner alone, on a graph of which only the shapes matter."""

    def plan(self, symbol, kept=()):
        from mxtrain.symbol.graph import topological

        order = topological(symbol.heads)
        nodes = [node for node in order if not node.is_variable]
        specs = {(id(n), i): Spec((10,), np.dtype("float32")) for n in order for i in range(n.num_outputs)}
        fixed = [(id(node), 0) for node in order if node.is_variable]
        names = {node.name: (id(node), 0) for node in nodes}
        heads = [(id(head.node), head.index) for head in symbol.heads]
        return MemoryPlanner(specs, fixed, [*heads, *(names[name] for name in kept)]).plan(nodes), names

    def test_values_that_live_at_once_are_apart(self):
        a = mx.sym.exp(X, name="a")
        b = mx.sym.exp(a, name="b")
        plan, names = self.plan(mx.sym.elemwise_add(a, b, name="sum"))
        assert plan.block_of[names["a"]] != plan.block_of[names["b"]]

    def test_what_is_kept_is_not_taken_over(self):
        plan, names = self.plan(mx.sym.exp(mx.sym.exp(X, name="a"), name="b"), kept=["a"])
        assert plan.block_of[names["a"]] != plan.block_of[names["b"]]

    def test_an_input_used_twice_by_one_operator_is_not_taken_over(self):
        a = mx.sym.exp(X, name="a")
        plan, names = self.plan(mx.sym.elemwise_mul(a, a, name="square"))
        assert plan.block_of[names["a"]] != plan.block_of[names["square"]]

    def test_a_view_keeps_its_source_alive(self):
        a = mx.sym.exp(X, name="a")
        view = mx.sym.Reshape(a, shape=(-1,), name="view")
        b = mx.sym.exp(mx.sym.BlockGrad(X), name="b")
        plan, names = self.plan(mx.sym.elemwise_add(b, view, name="sum"))
        assert plan.root(names["view"]) == names["a"]
        assert plan.block_of[names["a"]] != plan.block_of[names["b"]]


def test_an_executor_goes_with_its_last_reference():
    gc.collect()
    gc.disable()
    try:
        executor = mx.sym.FullyConnected(X, num_hidden=2, name="fc").simple_bind(mx.cpu(), x=(4, 3))
        executor.forward(is_train=True)
        executor.backward(nd.ones((4, 2)))
        output, seen = executor.outputs[0], weakref.ref(executor)
        del executor
        assert seen() is None
        assert output.shape == (4, 2)
    finally:
        gc.enable()
