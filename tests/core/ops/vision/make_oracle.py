"""Writes oracle_*.json: what MXNet 1.9.1 makes of the cases in cases_*.py, and the gradients it gives.

Run by hand with an interpreter that has MXNet 1.9.1; the tests read only the files that it writes.
"""

import importlib
import json
import os
import pathlib
import sys

os.environ["MXNET_ENGINE_TYPE"] = "NaiveEngine"  # errors arise where they are made

import mxnet as mx
import numpy as np

HERE = pathlib.Path(__file__).parent


def fill(source, rng, low, high):
    """A shape as random numbers, a list as it is; a pair with a dtype as an array of that dtype."""
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], str):
        return fill(source[0], rng, low, high)[0], source[1]
    if isinstance(source, tuple):
        return rng.uniform(low, high, source).astype("float32").round(3), "float32"
    return np.array(source, "float32"), "float32"


def run(name, inputs, parameters):
    """One row of the file."""
    rng = np.random.default_rng(7)
    parameters = dict(parameters)
    low, high = parameters.pop("low", -1.0), parameters.pop("high", 1.0)
    fixed, one_head = parameters.pop("fixed", ()), parameters.pop("one_head", False)
    filled = {key: fill(source, rng, low, high) for key, source in inputs.items()}
    arrays = {key: mx.nd.array(value, dtype=dtype) for key, (value, dtype) in filled.items()}
    wanted = [key for key, array in arrays.items() if array.dtype == np.float32 and key not in fixed]
    for key in wanted:
        arrays[key].attach_grad()
    function = mx.nd
    for part in name.split("."):
        function = getattr(function, part)
    with mx.autograd.record():
        result = function(**arrays, **parameters) if "arg0" not in arrays else function(*arrays.values(), **parameters)
    outputs = result if isinstance(result, list) else [result]
    row = {
        "operator": name,
        "inputs": {key: value.tolist() for key, (value, _) in filled.items()},
        "dtypes": {key: dtype for key, (_, dtype) in filled.items() if dtype != "float32"},
        "parameters": parameters,
        "outputs": [output.asnumpy().astype("float64").tolist() for output in outputs],
        "types": [np.dtype(output.dtype).name for output in outputs],
        "heads": [rng.uniform(0.5, 1.5, output.shape).round(3).tolist() for output in outputs],
        "gradients": {},
    }
    if one_head:
        row["heads"][1:] = [np.zeros(output.shape).tolist() for output in outputs[1:]]
    if wanted:
        heads = [mx.nd.array(head, dtype=output.dtype) for head, output in zip(row["heads"], outputs, strict=True)]
        mx.autograd.backward(outputs, heads)
        row["gradients"] = {key: arrays[key].grad.asnumpy().tolist() for key in wanted}
    return row


def compact(value):
    """Numbers as short as float32 allows."""
    if isinstance(value, list):
        return [compact(part) for part in value]
    if isinstance(value, dict):
        return {key: compact(part) for key, part in value.items()}
    return float(f"{value:.8g}") if isinstance(value, float) else value


def main(families):
    sys.path.insert(0, str(HERE))
    for family in families or sorted(path.stem.removeprefix("cases_") for path in HERE.glob("cases_*.py")):
        rows = []
        for case in importlib.import_module(f"cases_{family}").CASES:
            try:
                rows.append(run(*case))
            except mx.MXNetError as error:
                print("left out:", case[0], case[2], str(error).splitlines()[-1])
        lines = ",\n".join(json.dumps(compact(row), separators=(",", ":")) for row in rows)
        (HERE / f"oracle_{family}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        print(family, len(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
