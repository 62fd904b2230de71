"""BucketingModule: buckets share parameters, optimizer and memory; only the symbol differs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxtrain as mx

BATCH = 4


def sym_gen(length: int) -> Any:
    embedded = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=10, output_dim=4, name="embed")
    scores = mx.sym.FullyConnected(mx.sym.sum(embedded, axis=1), num_hidden=3, name="fc")
    return mx.sym.SoftmaxOutput(scores, name="softmax"), ("data",), ("softmax_label",)


def batch(length: int) -> mx.io.DataBatch:
    random = np.random.default_rng(length)
    return mx.io.DataBatch(
        [mx.nd.array(random.integers(0, 10, (BATCH, length)))],
        [mx.nd.array(random.integers(0, 3, BATCH))],
        bucket_key=length,
        provide_data=[mx.io.DataDesc("data", (BATCH, length))],
        provide_label=[mx.io.DataDesc("softmax_label", (BATCH,))],
    )


def bound(key: int = 8, **options: Any) -> mx.mod.BucketingModule:
    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=key, **options)
    module.bind([("data", (BATCH, key))], [("softmax_label", (BATCH,))])
    return module


def trained(lengths: list[int], **options: Any) -> mx.mod.BucketingModule:
    module = bound(**options)
    mx.random.seed(0)
    module.init_params(mx.init.Xavier())
    module.init_optimizer(optimizer_params={"learning_rate": 0.1, "momentum": 0.9, "wd": 0.01})
    for length in lengths:
        module.forward_backward(batch(length))
        module.update()
    return module


def values(module: Any) -> dict[str, Any]:
    return {name: value.asnumpy().tolist() for name, value in module.get_params()[0].items()}


def test_facts_before_and_after_bind() -> None:
    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=8)
    assert list(module.data_names) == ["data"]
    assert module.output_names == ["softmax_output"]
    with pytest.raises(mx.MXNetError, match="before bind"):
        _ = module.symbol
    module = bound()
    assert module.data_shapes[0].shape == (BATCH, 8)
    assert module.output_shapes == [("softmax_output", (BATCH, 3))]


def test_buckets_train_one_network() -> None:
    """The same batches in buckets, and in one module that fits itself to their shapes."""
    lengths = [8, 5, 3, 8, 5]
    module = trained(lengths)
    assert module._curr_bucket_key == 5
    assert sorted(module._buckets) == [3, 5, 8]
    single = mx.mod.Module(*sym_gen(8))
    single.bind([("data", (BATCH, 8))], [("softmax_label", (BATCH,))])
    mx.random.seed(0)
    single.init_params(mx.init.Xavier())
    single.init_optimizer(optimizer_params={"learning_rate": 0.1, "momentum": 0.9, "wd": 0.01})
    for length in lengths:
        single.forward_backward(batch(length))
        single.update()
    assert values(module) == values(single)


def test_all_buckets_hold_the_same_parameters() -> None:
    module = trained([5, 3, 8], context=[mx.cpu(0), mx.cpu(1)])
    first, *others = (bucket._exec_group.execs[1].arg_dict["fc_weight"] for bucket in module._buckets.values())
    for other in others:
        assert np.shares_memory(first.data_array, other.data_array)


def test_preparing_leaves_the_current_bucket() -> None:
    module = trained([8])
    module.prepare(batch(3))
    assert module._curr_bucket_key == 8
    assert 3 in module._buckets
    assert module.get_outputs()[0].shape == (BATCH, 3)


def test_requests_reach_every_bucket() -> None:
    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=8)
    module.bind([("data", (BATCH, 8))], [("softmax_label", (BATCH,))], grad_req="add")
    module.init_params()
    once = None
    for length in (5, 5):
        module.forward_backward(batch(length))
        grad = module._curr_module._exec_group.execs[0].grad_dict["fc_bias"].asnumpy()
        once = grad.copy() if once is None else once
    np.testing.assert_allclose(grad, 2 * once, rtol=1e-6)


def test_files(tmp_path: Path) -> None:
    module = trained([8, 5])
    module.save_checkpoint(str(tmp_path / "net"), 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "net-0002.params",
        "net-5-symbol.json",
        "net-8-symbol.json",
        "net.buckets",
    ]
    assert mx.nd.load(str(tmp_path / "net.buckets"))[0].asnumpy().tolist() == [8, 5]
    loaded = mx.mod.BucketingModule.load(str(tmp_path / "net"), 2, sym_gen=sym_gen, default_bucket_key=8)
    loaded.bind([("data", (BATCH, 8))], [("softmax_label", (BATCH,))])
    assert values(loaded) == values(module)
    loaded.forward(batch(5), is_train=False)
    module.forward(batch(5), is_train=False)
    np.testing.assert_array_equal(loaded.get_outputs()[0].asnumpy(), module.get_outputs()[0].asnumpy())


def test_rebinding_keeps_parameters() -> None:
    module = trained([8, 5])
    before = values(module)
    module.bind([("data", (BATCH, 8))], [("softmax_label", (BATCH,))], force_rebind=True)
    assert values(module) == before


def test_errors() -> None:
    with pytest.raises(ValueError, match="default_bucket_key"):
        mx.mod.BucketingModule(sym_gen)
    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=8)
    with pytest.raises(ValueError, match="shared_module"):
        module.bind([("data", (BATCH, 8))], shared_module=bound())
    with pytest.raises(ValueError, match="sym_gen is required"):
        mx.mod.BucketingModule.load_dict({}, default_bucket_key=8)
