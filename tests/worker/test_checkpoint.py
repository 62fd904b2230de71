"""Checkpoints: MXNet's names and format, errors that name the file, and trainings that go on as if never stopped."""

import json
from pathlib import Path
from typing import Any

import module_cases
import numpy as np
import pytest
from resumed_training import iterator, network

import mxtrain as mx
from mxtrain.base import MXNetError

ADAM = {"optimizer": "adam", "optimizer_params": {"learning_rate": 0.05}}


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return str(tmp_path / "net")


def trained(**options: Any) -> mx.mod.Module:
    module = mx.mod.Module(network())
    module.fit(iterator(), num_epoch=1, initializer=mx.init.Xavier(), **options)
    return module


def values(module: mx.mod.Module) -> dict[str, Any]:
    args, aux = module.get_params()
    return {name: value.asnumpy().tolist() for name, value in {**args, **aux}.items()}


# ---------------------------------------------------------------- files


def test_files(prefix: str) -> None:
    module = trained()
    module.save_checkpoint(prefix, 3, save_optimizer_states=True)
    assert sorted(path.name for path in Path(prefix).parent.iterdir()) == [
        "net-0003.params",
        "net-0003.states",
        "net-symbol.json",
    ]
    stored = mx.nd.load(f"{prefix}-0003.params")
    assert set(stored) == {
        *(f"arg:{name}" for name in module.get_params()[0]),
        *(f"aux:{name}" for name in ("bn_moving_mean", "bn_moving_var")),
    }
    assert json.loads(Path(f"{prefix}-symbol.json").read_text())["arg_nodes"]


def test_loading(prefix: str) -> None:
    module = trained()
    module.save_checkpoint(prefix, 3)
    symbol, args, aux = mx.model.load_checkpoint(prefix, 3)
    assert symbol.tojson() == module.symbol.tojson()
    assert {name: value.asnumpy().tolist() for name, value in {**args, **aux}.items()} == values(module)
    assert [set(part) for part in mx.model.load_params(prefix, 3)] == [set(args), set(aux)]
    loaded = mx.mod.Module.load(prefix, 3)
    loaded.bind(iterator().provide_data, iterator().provide_label)
    assert values(loaded) == values(module)


def test_checkpoint_of_mxnet() -> None:
    """Files that MXNet 1.9.1 wrote (see make_oracle.py) give its outputs."""
    here = Path(__file__).parent
    module = mx.mod.Module.load(str(here / "mxnet"), 3)
    data = mx.io.NDArrayIter(*module_cases.data(), batch_size=8)
    module.bind(data.provide_data, data.provide_label, for_training=False)
    expected = json.loads((here / "mxnet-outputs.json").read_text())
    np.testing.assert_allclose(module.predict(data).asnumpy(), expected, rtol=1e-5)


def test_parameters_alone(tmp_path: Path) -> None:
    module, other = trained(), trained()
    module.save_params(str(tmp_path / "p"))
    other.load_params(str(tmp_path / "p"))
    assert values(other) == values(module)


def test_missing_and_damaged_files(prefix: str) -> None:
    with pytest.raises(MXNetError, match=r"net-symbol\.json"):
        mx.mod.Module.load(prefix, 1)
    module = trained()
    module.save_checkpoint(prefix, 1, save_optimizer_states=True)
    with pytest.raises(MXNetError, match=r"net-0002\.params"):
        mx.mod.Module.load(prefix, 2)
    for name in ("params", "states"):
        path = Path(f"{prefix}-0001.{name}")
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(MXNetError):
            resumed(prefix, 1)
        path.write_bytes(whole)
    resumed(prefix, 1)
    Path(f"{prefix}-0001.states").unlink()
    with pytest.raises(MXNetError, match=r"net-0001\.states"):
        resumed(prefix, 1)


def resumed(prefix: str, epoch: int) -> mx.mod.Module:
    module = mx.mod.Module.load(prefix, epoch, load_optimizer_states=True)
    module.bind(iterator().provide_data, iterator().provide_label)
    module.init_optimizer()
    return module


@pytest.mark.parametrize("stored", [[mx.nd.ones((1,))], {"fc1_weight": mx.nd.ones((1,))}, {"opt:x": mx.nd.ones((1,))}])
def test_files_of_another_kind(stored: Any, tmp_path: Path) -> None:
    fname = str(tmp_path / "p")
    mx.nd.save(fname, stored)
    with pytest.raises(MXNetError, match=r"p: expected .*'?arg:NAME'? or 'aux:NAME'"):
        trained().load_params(fname)


# ---------------------------------------------------------------- going on


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer_params": {"learning_rate": 0.2, "momentum": 0.9, "wd": 0.01}},
        ADAM,
        {"optimizer_params": {"learning_rate": 0.2, "lr_scheduler": {"factor": 0.5, "step": 4}}},
    ],
    ids=["momentum", "adam", "scheduler"],
)
@pytest.mark.parametrize("devices", [[mx.cpu(0)], [mx.cpu(0), mx.cpu(1)]], ids=["one", "two"])
def test_stopped_and_resumed(options: dict[str, Any], devices: list[mx.Context], prefix: str) -> None:
    """Weights, states, data order and random numbers: three epochs at once equal one and two, bit for bit."""
    start(prefix, options, devices, num_epoch=3)
    expected = [Path(f"{prefix}-0003.{name}").read_bytes() for name in ("params", "states", "position")]
    for name in ("params", "states", "position"):
        for epoch in (2, 3):
            Path(f"{prefix}-{epoch:04d}.{name}").unlink()
    mx.random.seed(99)
    np.random.seed(99)
    start(prefix, options, devices, num_epoch=3, seed=False)
    found = [Path(f"{prefix}-0003.{name}").read_bytes() for name in ("params", "states", "position")]
    assert found == expected


def start(prefix: str, options: dict[str, Any], devices: list[mx.Context], num_epoch: int, seed: bool = True) -> None:
    """A script that trains, or goes on where it stopped."""
    if seed:
        mx.random.seed(1)
        np.random.seed(1)
    data = iterator(shuffle=True)
    checkpoint = mx.model.TrainingCheckpoint(prefix, data)
    begin = checkpoint.newest()
    assert begin == (0 if seed else 1)
    if begin:
        module = mx.mod.Module.load(prefix, begin, load_optimizer_states=True, context=devices)
    else:
        module = mx.mod.Module(network(), context=devices)
    checkpoint.restore(begin)
    module.fit(
        data,
        eval_data=iterator(),
        num_epoch=num_epoch,
        begin_epoch=begin,
        initializer=mx.init.Xavier(),
        epoch_end_callback=checkpoint.of(module),
        **with_scheduler(options),
    )


def with_scheduler(options: dict[str, Any]) -> dict[str, Any]:
    params = dict(options["optimizer_params"])
    if "lr_scheduler" in params:
        params["lr_scheduler"] = mx.lr_scheduler.FactorScheduler(**params["lr_scheduler"])
    return {**options, "optimizer_params": params}


def test_module_checkpoint_resumes_data_that_is_in_order(prefix: str) -> None:
    """MXNet's own way: `module_checkpoint` and `Module.load`."""
    options = {"optimizer_params": {"learning_rate": 0.2, "momentum": 0.9}}
    symbol = module_cases.network(mx)

    def run(module: mx.mod.Module, begin: int) -> dict[str, Any]:
        callback = mx.callback.module_checkpoint(module, prefix, save_optimizer_states=True)
        module.fit(iterator(), begin_epoch=begin, num_epoch=3, epoch_end_callback=callback, **options)
        return values(module)

    mx.random.seed(1)
    expected = run(mx.mod.Module(symbol), 0)
    assert run(mx.mod.Module.load(prefix, 1, load_optimizer_states=True), 1) == expected


# ---------------------------------------------------------------- positions


def test_newest_checkpoint(prefix: str) -> None:
    """The newest that is whole: its position came last, and the other files are those that were written with it."""
    start(prefix, ADAM, [mx.cpu()], num_epoch=3)
    assert mx.model.TrainingCheckpoint(prefix).newest() == 3
    assert mx.model.TrainingCheckpoint(prefix + "-other").newest() == 0
    Path(f"{prefix}-0003.position").unlink()
    assert mx.model.TrainingCheckpoint(prefix).newest() == 2
    Path(f"{prefix}-0002.states").write_bytes(Path(f"{prefix}-0001.states").read_bytes())
    assert mx.model.TrainingCheckpoint(prefix).newest() == 1
    Path(f"{prefix}-0001.params").unlink()
    assert mx.model.TrainingCheckpoint(prefix).newest() == 0
    with pytest.raises(
        MXNetError, match=r"0002: .*0002.states is not the file .*; .*0001: .*0001.params: No such file"
    ):
        mx.model.TrainingCheckpoint(prefix).resume()


def test_every_other_epoch(prefix: str) -> None:
    data = iterator()
    module = mx.mod.Module(network())
    checkpoint = mx.model.TrainingCheckpoint(prefix, data, period=2).of(module)
    module.fit(data, num_epoch=5, epoch_end_callback=checkpoint)
    found = sorted(path.name for path in Path(prefix).parent.glob("*.position"))
    assert found == ["net-0002.position", "net-0004.position"]


def test_wrong_positions(prefix: str) -> None:
    checkpoint = mx.model.TrainingCheckpoint(prefix)
    with pytest.raises(MXNetError, match=r"net-0001\.position"):
        checkpoint.restore(1)
    start(prefix, ADAM, [mx.cpu()], num_epoch=1)
    path = Path(f"{prefix}-0001.position")
    whole = path.read_bytes()
    for content in (b"{", b"", whole[:-1], whole[:60], whole[:-1] + bytes([whole[-1] ^ 1]), b"MXTPOS"):
        path.write_bytes(content)
        with pytest.raises(MXNetError, match=r"net-0001\.position: expected the position of a training"):
            checkpoint.restore(1)
        assert checkpoint.newest() == 0
    with pytest.raises(MXNetError, match="of no module"):
        checkpoint(0)
