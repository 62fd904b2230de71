"""Which KVStore a module trains with, and where the optimizer runs: the rules are MXNet 1.9.1's."""

import pytest

import mxtrain as mx
from mxtrain.model import _create_kvstore as create_kvstore
from mxtrain_kvstore import KVStoreBase

SMALL = {"weight": mx.nd.zeros((3,))}


@pytest.mark.parametrize(
    ("kind", "num_device", "expected"),
    [
        (None, 1, (None, False)),
        (None, 2, (None, False)),
        ("local", 1, (None, False)),
        ("local", 2, ("local", True)),
        ("device", 1, (None, False)),
        ("device", 2, ("device", True)),
    ],
)
def test_kinds(kind: str | None, num_device: int, expected: tuple[str | None, bool]) -> None:
    store, on_store = create_kvstore(kind, num_device, SMALL)
    assert (store and store.type, on_store) == expected


def test_large_arrays_are_updated_on_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mxtrain_worker.kvstore_setup.BIG_ARRAY_SIZE", 2)
    assert not create_kvstore("local", 2, SMALL)[1]
    assert create_kvstore("device", 2, SMALL)[1]


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXNET_UPDATE_ON_KVSTORE", "0")
    assert not create_kvstore("device", 2, SMALL)[1]


def test_a_store_is_taken_as_it_is() -> None:
    store = mx.kv.create("local")
    assert create_kvstore(store, 1, SMALL) == (store, True)
    assert not create_kvstore(KVStoreBase.kv_registry["teststore"](), 1, SMALL)[1]


@pytest.mark.parametrize("num_device", [1, 2])
def test_unknown_name(num_device: int) -> None:
    with pytest.raises(mx.MXNetError, match="'remote'"):
        create_kvstore("remote", num_device, {})


def test_wrong_type() -> None:
    with pytest.raises(TypeError, match="kvstore must be KVStore, str or None"):
        create_kvstore(3, 1, SMALL)


def test_a_plug_in_trains() -> None:
    """A store that can only broadcast and sum is enough: the worker updates."""
    values = []
    for kvstore in ("teststore", "local"):
        module = mx.mod.Module(
            mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc"),
            label_names=None,
            context=[mx.cpu(0), mx.cpu(1)],
        )
        module.bind([("data", (4, 3))])
        module.init_params(mx.init.One())
        module.init_optimizer(kvstore=kvstore, optimizer_params={"learning_rate": 1.0})
        module.forward(mx.io.DataBatch([mx.nd.ones((4, 3))]), is_train=True)
        module.backward([mx.nd.ones((4, 2))])
        module.update()
        values.append(module.get_params()[0]["fc_weight"].asnumpy().tolist())
    assert values[0] == values[1] == [[0.0] * 3] * 2
