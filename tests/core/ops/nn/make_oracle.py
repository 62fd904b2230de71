"""Writes oracle.json: what MXNet 1.9.1's neural-network operators and their gradients make of fixed inputs.

Run by hand with an interpreter that has MXNet 1.9.1; the tests read only the file that it writes.
"""

import json
import os
import pathlib
import subprocess
import sys

import mxnet as mx
import numpy as np

# name, inputs (a shape, to be filled with random numbers, or values), parameters
CASES = [
    ("FullyConnected", {"data": (2, 3), "weight": (4, 3), "bias": (4,)}, {"num_hidden": 4}),
    ("FullyConnected", {"data": (2, 3, 2), "weight": (4, 6)}, {"num_hidden": 4, "no_bias": True}),
    (
        "FullyConnected",
        {"data": (2, 3, 2), "weight": (3, 2), "bias": (3,)},
        {"num_hidden": 3, "flatten": False},
    ),
    *(
        ("Activation", {"data": (3, 4)}, {"act_type": kind})
        for kind in ("relu", "sigmoid", "tanh", "softrelu", "softsign")
    ),
    ("Convolution", {"data": (2, 3, 6), "weight": (4, 3, 3), "bias": (4,)}, {"kernel": (3,), "num_filter": 4}),
    (
        "Convolution",
        {"data": (2, 2, 5, 6), "weight": (3, 2, 3, 2), "bias": (3,)},
        {"kernel": (3, 2), "num_filter": 3, "stride": (2, 1), "pad": (1, 1)},
    ),
    (
        "Convolution",
        {"data": (2, 4, 6, 5), "weight": (4, 2, 2, 2)},
        {"kernel": (2, 2), "num_filter": 4, "num_group": 2, "dilate": (2, 1), "no_bias": True},
    ),
    (
        "Convolution",
        {"data": (1, 2, 3, 4, 3), "weight": (2, 2, 2, 2, 2), "bias": (2,)},
        {"kernel": (2, 2, 2), "num_filter": 2, "pad": (1, 0, 1), "stride": (1, 2, 1)},
    ),
    ("Convolution", {"data": (2, 3, 3, 3), "weight": (2, 3, 1, 1), "bias": (2,)}, {"kernel": (1, 1), "num_filter": 2}),
    (
        "Convolution",
        {"data": (2, 3, 5, 5), "weight": (2, 3, 1, 1), "bias": (2,)},
        {"kernel": (1, 1), "num_filter": 2, "stride": (2, 2)},
    ),
    *(
        (
            "Pooling",
            {"data": (1, 2, 5, 6)},
            {"kernel": kernel, "stride": (2, 2), "pad": pad, "pool_type": kind, "pooling_convention": convention},
        )
        for kind in ("max", "avg", "sum")
        for convention in ("valid", "full")
        for kernel, pad in (((2, 2), (0, 0)), ((3, 3), (1, 1)))
    ),
    ("Pooling", {"data": (2, 2, 5)}, {"kernel": (3,), "stride": (1,), "pool_type": "max"}),
    ("Pooling", {"data": (1, 2, 4, 4, 4)}, {"kernel": (2, 2, 2), "stride": (2, 1, 2), "pool_type": "avg"}),
    ("Pooling", {"data": (2, 2, 3, 4)}, {"global_pool": True, "kernel": (2, 2), "pad": (1, 1), "pool_type": "avg"}),
    ("Pooling", {"data": (2, 2, 3, 4)}, {"global_pool": True, "pool_type": "max"}),
    (
        "Pooling",
        {"data": (1, 1, 5, 5)},
        {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "avg", "count_include_pad": False},
    ),
    *(
        ("Pooling", {"data": (1, 2, 4, 4)}, {"kernel": (2, 2), "pool_type": "lp", "p_value": p, "low": 0.2})
        for p in (1, 2, 3)
    ),
    ("Pooling", {"data": [[[0, 0, 0], [1, 1, 1]]]}, {"kernel": (2,), "pool_type": "max"}),
    *(
        ("SoftmaxOutput", {"data": (3, 4), "label": [0, 3, 1]}, options)
        for options in (
            {},
            {"grad_scale": 0.5},
            {"normalization": "batch"},
            {"normalization": "valid", "ignore_label": 3},
            {"normalization": "valid", "ignore_label": 3, "use_ignore": True},
            {"smooth_alpha": 0.2},
        )
    ),
    *(
        ("SoftmaxOutput", {"data": (2, 3, 2, 2), "label": [[[0, 1], [2, 1]], [[0, 0], [2, 1]]]}, options)
        for options in (
            {"multi_output": True},
            {"multi_output": True, "normalization": "batch"},
            {"multi_output": True, "normalization": "valid", "use_ignore": True, "ignore_label": 1},
            {"multi_output": True, "smooth_alpha": 0.2},
        )
    ),
    *(
        ("SoftmaxOutput", {"data": (2, 2, 3), "label": [[0, 1], [2, 1]]}, options)
        for options in (
            {"preserve_shape": True},
            {"preserve_shape": True, "normalization": "batch"},
            {"preserve_shape": True, "normalization": "valid", "use_ignore": True, "ignore_label": 1},
        )
    ),
    ("SoftmaxOutput", {"data": (2, 3), "label": [[0.5, 0.25, 0.25], [0, 1, 0]]}, {"grad_scale": 2}),
    *(
        (
            "BatchNorm",
            {"data": (3, 2, 2, 2), "gamma": (2,), "beta": (2,), "moving_mean": (2,), "moving_var": [1.5, 0.5]},
            options,
        )
        for options in (
            {},
            {"fix_gamma": False, "momentum": 0.5, "eps": 0.01},
            {"fix_gamma": False, "use_global_stats": True},
            {"fix_gamma": False, "output_mean_var": True},
            {"fix_gamma": False, "predict": True},
        )
    ),
    (
        "BatchNorm",
        {"data": (4, 3), "gamma": (3,), "beta": (3,), "moving_mean": (3,), "moving_var": [1, 2, 3]},
        {"axis": -1, "fix_gamma": False},
    ),
    ("Dropout", {"data": (2, 3)}, {"predict": True}),
    ("Dropout", {"data": (2, 3)}, {"p": 0.0}),
    (
        "Embedding",
        {"data": [[0, 2, -1], [7, 1.7, 2]], "weight": (4, 3)},
        {"input_dim": 4, "output_dim": 3, "constants": ["data"]},
    ),
    *(
        ("LeakyReLU", {"data": (3, 4)}, {"act_type": kind, "slope": 0.3}) for kind in ("leaky", "elu", "gelu")
    ),  # selu's gradient is wrong there
    ("LeakyReLU", {"data": (2, 3, 2), "gamma": (3,)}, {"act_type": "prelu"}),
    ("LeakyReLU", {"data": (2, 3), "gamma": (1,)}, {"act_type": "prelu"}),
    *((name, {"data": (2, 3, 2)}, {"axis": 1}) for name in ("softmax", "softmin", "log_softmax")),
    *((name, {"data": (2, 3)}, {"temperature": 2.5}) for name in ("softmax", "softmin", "log_softmax")),
    (
        "softmax",
        {"data": (3, 4), "length": [4, 2, 1]},
        {"use_length": True, "constants": ["length"], "dtypes": {"length": "int32"}},
    ),
    (
        "softmax",
        {"data": (2, 3, 2), "length": [[3, 1], [2, 0]]},
        {"use_length": True, "axis": 1, "constants": ["length"], "dtypes": {"length": "int32"}},
    ),
    ("SoftmaxActivation", {"data": (2, 3)}, {"mode": "instance"}),  # with more axes its gradient is wrong there
    ("SoftmaxActivation", {"data": (2, 3, 2)}, {"mode": "channel"}),
    *(
        (name, inputs, {"grad_scale": scale})
        for name in ("LinearRegressionOutput", "MAERegressionOutput", "LogisticRegressionOutput")
        for inputs, scale in (({"data": (2, 3), "label": (2, 3)}, 1), ({"data": (3, 1), "label": (3,)}, 0.5))
    ),
    ("SVMOutput", {"data": (3, 4), "label": [0, 3, 1]}, {}),
    (
        "SVMOutput",
        {"data": (3, 4), "label": [0, 3, 1]},
        {"use_linear": True, "margin": 0.7, "regularization_coefficient": 0.5},
    ),
    *(
        ("MakeLoss", {"data": (2, 3)}, {"grad_scale": 2, "normalization": kind, "valid_thresh": 0.1})
        for kind in ("null", "batch", "valid")
    ),
    ("make_loss", {"data": (2, 3)}, {}),
    ("softmax_cross_entropy", {"data": (3, 4), "label": [0, 3, 1]}, {"constants": ["label"]}),
    ("LayerNorm", {"data": (2, 3, 4), "gamma": (4,), "beta": (4,)}, {"eps": 0.01}),
    ("LayerNorm", {"data": (2, 3, 4), "gamma": (3,), "beta": (3,)}, {"axis": 1, "output_mean_var": True}),
    ("GroupNorm", {"data": (2, 4, 3), "gamma": (2,), "beta": (2,)}, {"num_groups": 2, "eps": 0.01}),
    ("GroupNorm", {"data": (2, 4, 2), "gamma": (1,), "beta": (1,)}, {"output_mean_var": True}),
    ("InstanceNorm", {"data": (2, 3, 2, 2), "gamma": (3,), "beta": (3,)}, {}),
    *(("L2Normalization", {"data": (2, 3, 2)}, {"mode": mode}) for mode in ("instance", "channel", "spatial")),
    ("LRN", {"data": (2, 5, 2, 2)}, {"nsize": 3, "alpha": 0.1}),
    ("LRN", {"data": (2, 6, 1, 2)}, {"nsize": 5, "alpha": 0.5, "beta": 0.5, "knorm": 1}),
    ("Deconvolution", {"data": (2, 3, 4), "weight": (3, 2, 3)}, {"kernel": (3,), "num_filter": 2, "stride": (2,)}),
    (
        "Deconvolution",
        {"data": (1, 2, 3, 3), "weight": (2, 2, 3, 2), "bias": (2,)},
        {"kernel": (3, 2), "num_filter": 2, "stride": (2, 1), "pad": (1, 0), "adj": (1, 0), "no_bias": False},
    ),
    (
        "Deconvolution",
        {"data": (1, 4, 3, 3), "weight": (4, 1, 2, 2)},
        {"kernel": (2, 2), "num_filter": 2, "num_group": 2, "dilate": (2, 1)},
    ),
    (
        "Deconvolution",
        {"data": (1, 2, 3, 3), "weight": (2, 1, 4, 4)},
        {"kernel": (4, 4), "num_filter": 1, "stride": (2, 2), "target_shape": (6, 6)},
    ),
]

_STATE, _CELL = (1, 2, 4), (4, 2, 4)
# what only MXNet's oneDNN kernels can do on a CPU
ONEDNN_CASES = [
    *(
        (
            "RNN",
            {"data": (3, 2, 5), "parameters": (count,), "state": _STATE, **cell},
            {"state_size": 4, "num_layers": 1, "mode": mode, "low": -0.5},
        )
        for mode, count, cell in (
            ("rnn_tanh", 44, {}),
            ("rnn_relu", 44, {}),
            ("gru", 132, {}),
            ("lstm", 176, {"state_cell": _STATE}),
        )
    ),
    (
        "RNN",
        {"data": (3, 2, 5), "parameters": (800,), "state": _CELL, "state_cell": _CELL},
        {"state_size": 4, "num_layers": 2, "mode": "lstm", "bidirectional": True, "state_outputs": True, "low": -0.5},
    ),
    (
        "RNN",
        {"data": (3, 2, 5), "parameters": (600,), "state": _CELL},
        {"state_size": 4, "num_layers": 2, "mode": "gru", "bidirectional": True, "state_outputs": True, "low": -0.5},
    ),
]


def _fill(spec, random, low):
    if isinstance(spec, list):
        return np.array(spec, "float32")
    return np.round(random.uniform(low, 1, spec), 3).astype("float32")


def _listed(array):
    return np.array([float(f"{value:.7g}") for value in array.asnumpy().ravel()]).reshape(array.shape).tolist()


def run(index, case):
    """Outputs, gradients by all inputs that have one, and auxiliary states after backward."""
    name, inputs, options = case
    params = dict(options)
    low, predict, constants = params.pop("low", -1), params.pop("predict", False), params.pop("constants", [])
    dtypes = params.pop("dtypes", {})
    random = np.random.RandomState(index)
    values = {key: _fill(spec, random, low) for key, spec in inputs.items()}
    arrays = {key: mx.nd.array(value, dtype=dtypes.get(key)) for key, value in values.items()}
    constants = [*constants, "moving_mean", "moving_var"]
    for key, array in arrays.items():
        if key not in constants:
            array.attach_grad()
    with mx.autograd.record(train_mode=not predict):
        outputs = getattr(mx.nd, name)(**arrays, **params)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    head = np.round(random.uniform(-1, 1, outputs[0].shape), 3).astype("float32")
    mx.autograd.backward(outputs[:1], [mx.nd.array(head)], train_mode=not predict)
    return {
        "operator": name,
        "parameters": params,
        "inputs": {key: value.tolist() for key, value in values.items()},
        "dtypes": dtypes,
        "is_train": not predict,
        "outputs": [_listed(output) for output in outputs],
        "head": head.tolist(),
        "gradients": {key: _listed(array.grad) for key, array in arrays.items() if array.grad is not None},
        "after": {key: _listed(array) for key, array in arrays.items() if key.startswith("moving_")},
    }


def write(path):
    """Each set of cases needs a process of its own, since MXNET_MKLDNN_ENABLED is read when MXNet is loaded."""
    if len(sys.argv) > 1:
        cases = {"0": CASES, "1": ONEDNN_CASES}[sys.argv[1]]
        print(*(json.dumps(run(index, case)) for index, case in enumerate(cases)), sep="\n")
        return
    rows = []
    for enabled in ("0", "1"):
        environment = {**os.environ, "MXNET_MKLDNN_ENABLED": enabled}
        command = [sys.executable, __file__, enabled]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        rows += [line for line in done.stdout.splitlines() if line.startswith("{")]
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    write(pathlib.Path(__file__).with_name("oracle.json"))
