"""`group2ctxs`: a Module whose layers are on contexts of their own, with and without data parallelism."""

import numpy as np
import pytest
from parallel_lstm import GROUPS, NUM_STEPS, NUM_WORDS, parallel_lstm, shapes

import mxtrain as mx

BATCH = 8


def trained(context, group2ctxs):
    """Parameters after six steps."""
    symbol = parallel_lstm()
    states = [name for name in shapes(BATCH) if "init" in name]
    module = mx.mod.Module(
        symbol, data_names=["data", *states], label_names=["softmax_label"], context=context, group2ctxs=group2ctxs
    )
    given = shapes(BATCH)
    data_shapes = [(name, given[name]) for name in ("data", *states)]
    module.bind(data_shapes=data_shapes, label_shapes=[("softmax_label", given["softmax_label"])])
    mx.random.seed(1)
    module.init_params(mx.init.Uniform(0.2))
    module.init_optimizer(kvstore="local", optimizer_params={"learning_rate": 0.5, "rescale_grad": 1 / BATCH})
    random = np.random.RandomState(0)
    for _ in range(6):
        words = random.randint(0, NUM_WORDS, (BATCH, NUM_STEPS))
        data = [mx.nd.array(words), *(mx.nd.zeros(given[name]) for name in states)]
        module.forward_backward(mx.io.DataBatch(data=data, label=[mx.nd.array((words + 1) % NUM_WORDS)]))
        module.update()
    return module, {name: array.asnumpy() for name, array in module.get_params()[0].items()}


def test_the_same_parameters_as_on_one_context():
    _, expected = trained(mx.cpu(0), None)
    module, got = trained(mx.cpu(0), {group: mx.cpu(i + 1) for i, group in enumerate(GROUPS)})
    assert got.keys() == expected.keys()
    for name in got:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)
    executor = module._exec_group.execs[0]
    assert executor.arg_dict["decode_weight"].context == mx.cpu(4)


@pytest.mark.parametrize("as_list", [False, True])
def test_beside_data_parallelism(as_list):
    _, expected = trained(mx.cpu(0), None)
    per_device = [{group: mx.cpu(10 * (d + 1) + i) for i, group in enumerate(GROUPS)} for d in range(2)]
    joined = {group: [per_device[0][group], per_device[1][group]] for group in GROUPS}
    module, got = trained([mx.cpu(0), mx.cpu(1)], per_device if as_list else joined)
    for name in got:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-4, atol=1e-6, err_msg=name)
    contexts = {executor.arg_dict["l1_h2h_bias"].context for executor in module._exec_group.execs}
    assert contexts == {mx.cpu(12), mx.cpu(22)}
