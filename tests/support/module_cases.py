"""Small trainings that give the same numbers by MXNet and by mxtrain: `mx` is the one or the other."""

from typing import Any

import numpy as np

NUM_SAMPLES, NUM_FEATURES, NUM_CLASSES = 24, 5, 3


def data() -> tuple[np.ndarray, np.ndarray]:
    """Samples (24, 5) and labels (24,)."""
    random = np.random.RandomState(7)
    labels = np.arange(NUM_SAMPLES) % NUM_CLASSES
    samples = random.normal(size=(NUM_SAMPLES, NUM_FEATURES)) + labels[:, None]
    return samples.astype(np.float32), labels.astype(np.float32)


def network(mx: Any, batch_norm: bool = False) -> Any:
    """Two fully connected layers with a relu between them, and a softmax."""
    layer = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=4, name="fc1")
    if batch_norm:
        layer = mx.sym.BatchNorm(layer, fix_gamma=False, eps=1e-3, momentum=0.9, name="bn")
    layer = mx.sym.Activation(layer, act_type="relu", name="relu")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(layer, num_hidden=NUM_CLASSES, name="fc2"), name="softmax")


def first_values(mx: Any) -> dict[str, Any]:
    """Values of the weights and biases."""
    random = np.random.RandomState(11)
    shapes = {"fc1_weight": (4, 5), "fc1_bias": (4,), "fc2_weight": (3, 4), "fc2_bias": (3,)}
    return {name: mx.nd.array(random.uniform(-0.5, 0.5, shape)) for name, shape in shapes.items()}


CASES: dict[str, dict[str, Any]] = {
    "one device": {},
    "momentum and decay": {"optimizer_params": {"learning_rate": 0.2, "momentum": 0.9, "wd": 0.01}},
    "adam": {"optimizer": "adam", "optimizer_params": {"learning_rate": 0.05}},
    "two devices": {"num_devices": 2},
    "two devices, device": {"num_devices": 2, "kvstore": "device"},
    "unequal loads": {"num_devices": 2, "work_load_list": [1, 3]},
    "fixed": {"fixed_param_names": ["fc1_weight", "fc1_bias"]},
    "last batch smaller": {"batch_size": 10},
    "batch norm": {"batch_norm": True},
    "batch norm on two devices": {"batch_norm": True, "num_devices": 2},
}


def train(
    mx: Any,
    *,
    num_devices: int = 1,
    kvstore: str = "local",
    batch_size: int = 8,
    batch_norm: bool = False,
    optimizer: str = "sgd",
    optimizer_params: Any = (("learning_rate", 0.3),),
    **module_options: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and auxiliary states after two epochs of `fit`."""
    samples, labels = data()
    module = mx.mod.Module(
        network(mx, batch_norm), context=[mx.cpu(device) for device in range(num_devices)], **module_options
    )
    module.fit(
        mx.io.NDArrayIter(samples, labels, batch_size),
        num_epoch=2,
        kvstore=kvstore,
        optimizer=optimizer,
        optimizer_params=optimizer_params,
        initializer=mx.init.One(),
        arg_params=first_values(mx),
        allow_missing=True,
    )
    args, aux = module.get_params()
    as_lists = [{name: value.asnumpy().tolist() for name, value in part.items()} for part in (args, aux)]
    return as_lists[0], as_lists[1]
