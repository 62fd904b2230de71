"""Writes sparse_oracle.json: what MXNet 1.9.1's optimizers make of weights by row_sparse gradients.

Run by hand with an interpreter that has MXNet 1.9.1; the tests read only the file that it writes.
"""

import itertools
import json
import pathlib

import mxnet as mx

WEIGHT = [[0.5, -1.25], [0.25, 2.0], [0.03125, -0.75], [1.5, 1.0]]
# numbers of the rows that each gradient stores, and their values
GRADIENTS = [
    ([0, 2], [[1.0, -2.0], [0.5, 0.25]]),
    ([2, 3], [[-0.125, 3.0], [0.75, -0.5]]),
    ([], []),
    ([0, 1, 2, 3], [[0.5, 1.5], [0.25, -1.0], [2.0, -1.0], [0.125, -0.375]]),
]
_COMMON = ({"learning_rate": 0.1}, {"learning_rate": 0.1, "wd": 0.05, "rescale_grad": 0.5, "clip_gradient": 0.4})
_OWN = {
    "sgd": ({}, {"momentum": 0.9}, {"lazy_update": False}, {"momentum": 0.9, "lazy_update": False}),
    "ccsgd": ({"momentum": 0.9},),
    "adam": ({}, {"lazy_update": False}),
    "adagrad": ({},),
    "ftrl": ({},),
    "groupadagrad": ({},),
    "nag": ({},),  # MXNet's result with momentum depends on whether the weight is dense
    "rmsprop": ({}, {"centered": True}),
    "adadelta": ({},),
    "signum": ({}, {"momentum": 0.0}),
    "ftml": ({},),
    "lamb": ({},),
    "nadam": ({},),
    "dcasgd": ({},),
    "test": ({},),
}
_WITHOUT_WD = ("groupadagrad", "adagrad")


def _cases():
    for name, own_options in _OWN.items():
        for own, common, stype in itertools.product(own_options, _COMMON, ("default", "row_sparse")):
            arguments = {**common, **own}
            if name in _WITHOUT_WD:
                arguments.pop("wd", None)
            yield {"name": name, "arguments": arguments, "stype": stype}
    for momentum, stype in itertools.product((0.0, 0.9), ("default", "row_sparse")):
        arguments = {**_COMMON[1], "multi_precision": True, "momentum": momentum}
        yield {"name": "sgd", "arguments": arguments, "stype": stype, "dtype": "float16"}


def flat(state):
    """Storage type and values of every array of a state, depth first; None is left out."""
    if state is None:
        return []
    if isinstance(state, (tuple, list)):
        return [array for part in state for array in flat(part)]
    return [[state.stype, state.asnumpy().astype("float64").round(9).tolist()]]


def gradient(rows, values, dtype):
    if not rows:
        return mx.nd.sparse.zeros("row_sparse", (4, 2), dtype=dtype)
    return mx.nd.sparse.row_sparse_array((values, rows), shape=(4, 2), dtype=dtype)


def run(case):
    optimizer = mx.optimizer.create(case["name"], **case["arguments"])
    dtype = case.get("dtype", "float32")
    weight = mx.nd.array(WEIGHT, dtype=dtype).tostype(case["stype"])
    updater = mx.optimizer.get_updater(optimizer)
    for rows, values in GRADIENTS:
        updater(0, gradient(rows, values, dtype), weight)
    return {**case, "weight": flat(weight)[0], "state": flat(updater.states[0])}


if __name__ == "__main__":
    target = pathlib.Path(__file__).with_name("sparse_oracle.json")
    cases = []
    for one in _cases():
        try:
            cases.append(run(one))
        except Exception as error:  # what MXNet refuses
            print(one, str(error).splitlines()[-1])
    inputs = {"weight": WEIGHT, "gradients": GRADIENTS}
    lines = ",\n".join(json.dumps(case) for case in cases)
    target.write_text(f'{{"inputs": {json.dumps(inputs)},\n"cases": [\n{lines}\n]}}\n')
