"""Writes oracle.json: what MXNet 1.9.1 gives for densities of random numbers, and their gradients.

Run by hand with an interpreter that has MXNet 1.9.1; the tests read only the file that it writes.
"""

import json
import pathlib

import mxnet as mx

NUMBERS = [[0.5, 1.0, 2.0], [0.25, 3.0, 1.5]]
COUNTS = [[0.0, 1.0, 2.0], [4.0, 3.0, 1.0]]
CASES = [
    ("uniform", [NUMBERS, [0.0, 0.1], [4.0, 2.0]]),
    ("normal", [NUMBERS, [0.0, 1.0], [1.0, 2.0]]),
    ("normal", [NUMBERS, NUMBERS, COUNTS]),
    ("gamma", [NUMBERS, [0.7, 2.0], [1.5, 2.0]]),
    ("exponential", [NUMBERS, [0.7, 2.0]]),
    ("poisson", [COUNTS, [0.7, 2.0]]),
    ("negative_binomial", [COUNTS, [1.0, 3.0], [0.4, 0.7]]),
    ("generalized_negative_binomial", [COUNTS, [1.0, 3.0], [0.4, 0.7]]),
    ("dirichlet", [[[[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]], [[0.6, 0.2, 0.2], [0.3, 0.3, 0.4]]],
                   [[1.0, 2.0, 0.5], [2.0, 2.0, 2.0]]]),
    ("dirichlet", [[[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]], [1.0, 2.0, 0.5]]),
    ("dirichlet", [[0.2, 0.3, 0.5], [1.0, 2.0, 0.5]]),
]  # fmt: skip


def plain(array):
    return json.loads(json.dumps(array.asnumpy().tolist()), parse_float=lambda text: float(f"{float(text):.7g}"))


def run(name, inputs, is_log):
    """One row of the file."""
    arrays = [mx.nd.array(x) for x in inputs]
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        density = getattr(mx.nd, f"random_pdf_{name}")(*arrays, is_log=is_log)
    density.backward()
    return {
        "name": name,
        "inputs": inputs,
        "is_log": is_log,
        "density": plain(density),
        "gradients": [plain(x.grad) for x in arrays],
    }


if __name__ == "__main__":
    rows = [run(name, inputs, is_log) for name, inputs in CASES for is_log in (False, True)]
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    pathlib.Path(__file__).with_name("oracle.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
