"""The stores of one process; what is expected was read off MXNet 1.9.1."""

import numpy as np
import pytest

import mxtrain as mx

TYPES = ["local", "device", "local_allreduce_cpu", "nccl"]


@pytest.fixture(params=TYPES)
def kv(request):
    return mx.kv.create(request.param)


def read(kv, key, shape=(2,)):
    out = mx.nd.zeros(shape)
    kv.pull(key, out=out)
    return out.asnumpy()


def test_a_push_without_updater_replaces_the_value_by_the_sum_over_devices(kv):
    kv.init("a", mx.nd.ones((2,)))
    kv.push("a", [mx.nd.ones((2,), ctx=mx.cpu(0)) * 2, mx.nd.ones((2,), ctx=mx.cpu(1)) * 3])
    np.testing.assert_array_equal(read(kv, "a"), [5, 5])


def test_pull_fills_the_arrays_of_every_device(kv):
    kv.init(3, mx.nd.array([1, 2]))
    outs = [mx.nd.zeros((2,), ctx=mx.cpu(i)) for i in range(3)]
    kv.pull(3, out=outs)
    for i, out in enumerate(outs):
        assert out.context is mx.cpu(i)
        np.testing.assert_array_equal(out.asnumpy(), [1, 2])


def test_lists_of_keys_with_lists_of_arrays(kv):
    kv.init([5, 7], [mx.nd.zeros((2,))] * 2)
    kv.push([5, 7], [[mx.nd.ones((2,))] * 2, [mx.nd.ones((2,))] * 3])
    np.testing.assert_array_equal(read(kv, 7), [3, 3])
    kv.push([5, 5, 5], [mx.nd.ones((2,))] * 3)
    np.testing.assert_array_equal(read(kv, 5), [3, 3])


def test_the_updater_gets_key_sum_and_stored_value(kv):
    seen = []

    def updater(key, pushed, stored):
        seen.append(key)
        stored += pushed * 2

    kv.init("w", mx.nd.ones((2,)))
    kv._set_updater(updater)
    kv.push("w", [mx.nd.ones((2,))] * 4)
    assert seen == ["w"]
    np.testing.assert_array_equal(read(kv, "w"), [9, 9])


def test_pushed_arrays_stay_as_they_are(kv):
    kv.init("w", mx.nd.ones((2,)))
    grads = [mx.nd.ones((2,)), mx.nd.ones((2,))]
    kv.push("w", grads)
    kv.push("w", grads)
    for grad in grads:
        np.testing.assert_array_equal(grad.asnumpy(), [1, 1])


def test_the_optimizer_updates_the_stored_value(kv):
    kv.init("w", mx.nd.ones((2,)))
    kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.1))
    kv.pushpull("w", mx.nd.ones((2,)), out=mx.nd.zeros((2,)))
    np.testing.assert_allclose(read(kv, "w"), [0.9, 0.9], rtol=1e-6)


def test_optimizer_states_survive_a_file(kv, tmp_path):
    def store():
        made = mx.kv.create(kv.type)
        made.init("w", mx.nd.ones((2,)))
        made.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9))
        made.push("w", mx.nd.ones((2,)))
        return made

    first, second = store(), store()
    first.save_optimizer_states(str(tmp_path / "states"))
    second.push("w", mx.nd.ones((2,)) * 100)
    second.load_optimizer_states(str(tmp_path / "states"))
    before = read(first, "w"), read(second, "w")
    first.push("w", mx.nd.ones((2,)))
    second.push("w", mx.nd.ones((2,)))
    np.testing.assert_allclose(read(first, "w") - before[0], read(second, "w") - before[1], rtol=1e-5)


def test_local_and_device_sum_alike():
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((7, 5)).astype(np.float32) for _ in range(4)]
    results = []
    for kind in ("local", "device"):
        kv = mx.kv.create(kind)
        kv.init("w", mx.nd.zeros((7, 5)))
        kv.push("w", [mx.nd.array(part, ctx=mx.cpu(i)) for i, part in enumerate(parts)])
        results.append(read(kv, "w", (7, 5)))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda kv: kv.init("a", mx.nd.ones((2,))), ValueError, "duplicate init of key 'a'"),
        (lambda kv: kv.push("b", mx.nd.ones((2,))), KeyError, "'b'"),
        (lambda kv: kv.pull("b", out=mx.nd.ones((2,))), KeyError, "'b'"),
        (lambda kv: kv.push(3, mx.nd.ones((2,))), TypeError, "Mixed key types"),
        (lambda kv: kv.push("a", mx.nd.ones((3,))), ValueError, r"\(2,\).*\(3,\)"),
        (lambda kv: kv.pull("a", out=mx.nd.ones((3,))), ValueError, r"\(2,\).*\(3,\)"),
        (lambda kv: kv.pull("a"), TypeError, "out"),
        (lambda kv: kv.push("a", 3), TypeError, "NDArrays"),
        (lambda kv: kv.push(["a", "a"], [mx.nd.ones((2,))] * 3), ValueError, "2 keys"),
        (lambda kv: kv.set_optimizer("sgd"), TypeError, "Optimizer"),
        (lambda kv: kv.save_optimizer_states("x"), mx.MXNetError, "set_optimizer"),
        (lambda kv: kv.is_capable("flight"), mx.MXNetError, "flight"),
    ],
)
def test_wrong_calls_name_what_is_wrong_and_leave_the_value(kv, call, error, words):
    kv.init("a", mx.nd.ones((2,)))
    with pytest.raises(mx.MXNetError, match=words) as caught:
        call(kv)
    assert isinstance(caught.value, error)
    np.testing.assert_array_equal(read(kv, "a"), [1, 1])


def test_unknown_type_names_the_known_ones():
    with pytest.raises(mx.MXNetError, match=r"local.*device"):
        mx.kv.create("remote")


def test_a_plugin_is_created_by_its_class_name():
    @mx.kv.KVStoreBase.register
    class Plugin(mx.kv.KVStoreBase):
        pass

    try:
        assert isinstance(mx.kv.create("plugin"), Plugin)
        assert not Plugin.is_capable("optimizer")
    finally:
        del mx.kv.KVStoreBase.kv_registry["plugin"]
