"""A training that is told to end stops after a step, and goes on from there with equal bits."""

import signal
import threading
from pathlib import Path
from typing import Any

import module_cases
import numpy as np
import pytest
from resumed_training import iterator, network

import mxtrain as mx
from mxtrain.base import MXNetError

SGD = {"learning_rate": 0.2, "momentum": 0.9}
FILES = ("params", "states", "position")


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return str(tmp_path / "net")


def stop_at(place: tuple[int, int], number: int = signal.SIGTERM) -> Any:
    """A batch-end callback that sends this process a signal."""

    def callback(param: Any) -> None:
        if (param.epoch, param.nbatch) == place:
            signal.raise_signal(number)

    return callback


def train(prefix: str, seed: int, devices: int = 1, callback: Any = None, partial: bool = False, **options: Any) -> Any:
    """A script that trains three epochs of three batches, or goes on where it stopped."""
    mx.random.seed(seed)
    np.random.seed(seed)
    data = iterator(shuffle=True)
    contexts = [mx.cpu(number) for number in range(devices)]
    checkpoint = mx.model.TrainingCheckpoint(prefix, data)
    module = checkpoint.resume(network(), partial, context=contexts) or mx.mod.Module(network(), context=contexts)
    module.fit(
        data,
        begin_epoch=checkpoint.begin_epoch,
        num_epoch=3,
        initializer=mx.init.Xavier(),
        batch_end_callback=callback,
        epoch_end_callback=checkpoint.of(module),
        **{"optimizer_params": SGD, **options},
    )
    return module


def contents(prefix: str, number: int = 3) -> list[bytes]:
    return [Path(f"{prefix}-{number:04d}.{kind}").read_bytes() for kind in FILES]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: Any) -> dict[int, list[bytes]]:
    folder, found = tmp_path_factory.mktemp("undisturbed"), {}
    for devices in (1, 2):
        train(str(folder / f"net{devices}"), 1, devices)
        found[devices] = contents(str(folder / f"net{devices}"))
    return found


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("place", [(0, 0), (0, 2), (1, 1), (2, 1)], ids=str)
def test_what_is_stopped_goes_on(prefix: str, expected: Any, place: tuple[int, int], devices: int) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(mx.model.TrainingStopped) as stopped:
        train(prefix, 1, devices, stop_at(place))
    steps = place[0] * 3 + place[1] + 1
    assert (stopped.value.code, stopped.value.reason) == (85, "SIGTERM")
    assert stopped.value.checkpoint == f"{prefix}-stop-{steps:04d}"
    assert signal.getsignal(signal.SIGTERM) is before
    train(prefix, 99, devices)
    assert contents(prefix) == expected[devices]


def test_stopped_again_and_again(prefix: str, expected: Any) -> None:
    """After each step of three epochs; Ctrl-C does the same."""
    count = 0
    while True:
        try:
            train(prefix, 1 if count == 0 else 98 + count, callback=lambda _: signal.raise_signal(signal.SIGINT))
        except mx.model.TrainingStopped:
            count += 1
        else:
            break
    assert count == 8, "the signal of the last step comes too late to stop anything"
    assert contents(prefix) == expected[1]


def test_a_stop_checkpoint_is_one_of_mxnet_too(prefix: str) -> None:
    with pytest.raises(mx.model.TrainingStopped):
        train(prefix, 1, callback=stop_at((1, 1)))
    symbol, args, _ = mx.model.load_checkpoint(prefix + "-stop", 5)
    assert symbol.list_arguments() == network().list_arguments()
    assert set(args) == {"fc1_weight", "fc1_bias", "bn_gamma", "bn_beta", "fc2_weight", "fc2_bias"}


def test_a_second_signal_acts_at_once(prefix: str) -> None:
    def twice(param: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(prefix, 1, callback=twice)
    assert list(Path(prefix).parent.iterdir()) == []


def test_without_a_checkpoint_a_signal_acts_as_ever() -> None:
    module = mx.mod.Module(network())
    with pytest.raises(KeyboardInterrupt):
        module.fit(iterator(), num_epoch=1, batch_end_callback=stop_at((0, 0), signal.SIGINT))


def test_training_in_another_thread(prefix: str) -> None:
    """Only the main thread has signals; training goes on as without."""
    thread = threading.Thread(target=train, args=(prefix, 1))
    thread.start()
    thread.join(60)
    assert Path(f"{prefix}-0003.position").exists()


# ---------------------------------------------------------------- checkpoints of something else


def other_network() -> Any:
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc"), name="softmax")


@pytest.fixture
def stopped(prefix: str) -> str:
    with pytest.raises(mx.model.TrainingStopped):
        train(prefix, 1, callback=stop_at((1, 1)))
    return prefix


def files_of(prefix: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(prefix).parent.iterdir()}


def test_another_network(stopped: str) -> None:
    before = files_of(stopped)
    with pytest.raises(
        MXNetError, match=r"stop-0005: expected the checkpoint of this network.*differing arguments \['bn_beta'"
    ):
        mx.model.TrainingCheckpoint(stopped).resume(other_network())
    same_names = mx.sym.SoftmaxOutput(network().get_internals()["fc2_output"] * 2, name="softmax")
    with pytest.raises(MXNetError, match="the same arguments, but other operators"):
        mx.model.TrainingCheckpoint(stopped).resume(same_names)
    assert files_of(stopped) == before


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("nag", "expected the optimizer SGD of the checkpoint. Received: NAG"),
        ("adam", r"Parameter 0: expected states as Adam has them, \[\(\(6, 5\), 'float32'\), .*They are of another"),
    ],
)
@pytest.mark.parametrize("kvstore", ["local", "device"])
def test_another_optimizer(prefix: str, optimizer: str, message: str, kvstore: str) -> None:
    devices = 2 if kvstore == "device" else 1
    with pytest.raises(mx.model.TrainingStopped):
        train(prefix, 1, devices, stop_at((1, 1)), kvstore=kvstore)
    before = files_of(prefix)
    message = message.replace("Parameter 0", "Parameter ('fc1_weight'|0)")
    options = {"learning_rate": 0.1, **({"momentum": 0.9} if optimizer == "nag" else {})}
    with pytest.raises(MXNetError, match=message):
        train(prefix, 1, devices, kvstore=kvstore, optimizer=optimizer, optimizer_params=options)
    assert files_of(prefix) == before


def test_states_of_another_model(prefix: str) -> None:
    with pytest.raises(mx.model.TrainingStopped):
        train(prefix, 1, callback=stop_at((1, 1)))
    module = mx.mod.Module(
        mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=9), name="softmax")
    )
    module.bind(iterator().provide_data, iterator().provide_label)
    module.init_params()
    module.init_optimizer(optimizer_params=SGD)
    before = module._updater.get_states()
    with pytest.raises(MXNetError, match=r"expected states as SGD has them, \[\(\(9, 5\), 'float32'\)\]"):
        module.load_optimizer_states(f"{prefix}-stop-0005.states")
    assert module._updater.get_states() == before


def test_other_data(stopped: str) -> None:
    data, label = module_cases.data()
    other = mx.io.NDArrayIter(data[:8], label[:8], batch_size=8, shuffle=True)
    with pytest.raises(MXNetError, match="expected the state of 8 rows"):
        mx.model.TrainingCheckpoint(stopped, other).resume()
