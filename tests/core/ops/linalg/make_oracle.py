"""Writes oracle.json: what MXNet 1.9.1's matrix operators and their gradients make of fixed inputs.

Run by hand with an interpreter that has MXNet 1.9.1; the tests read only the file that it writes.
"""

import json
import pathlib

import mxnet as mx
import numpy as np

SYMMETRIC = [[4.0, 1.0, 2.0], [1.0, 3.0, 0.5], [2.0, 0.5, 5.0]]
GENERAL = [[4.0, 1.0, 2.0], [0.3, 3.0, 0.5], [2.0, 0.5, 5.0]]
TRIANGULAR = [[2.0, 7.0, 9.0], [0.5, 3.0, 8.0], [1.0, 2.0, 4.0]]
TALL = [[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]
WIDE = [[4.0, 1.0, 2.0], [0.3, 3.0, 0.5]]
SINGULAR = [[1.0, 2.0], [2.0, 4.0]]
VECTOR = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
FLAGS = (False, True)

# operator, inputs, parameters
CASES = [
    *(("potrf", [a], {}) for a in (SYMMETRIC, GENERAL, [SYMMETRIC, SYMMETRIC])),
    ("potri", [TRIANGULAR], {}),
    *(
        (name, [TRIANGULAR, WIDE if rightside else TALL], {"transpose": t, "rightside": rightside, "lower": low,
                                                          "alpha": 2.0})
        for name in ("trmm", "trsm") for t in FLAGS for rightside in FLAGS for low in FLAGS
    ),
    *(("sumlogdiag", [a], {}) for a in (GENERAL, [GENERAL, SYMMETRIC])),
    *(("gelqf", [a], {}) for a in (WIDE, [[-x for x in row] for row in WIDE], GENERAL)),
    *(("syevd", [a], {}) for a in (SYMMETRIC, GENERAL, [SYMMETRIC])),
    *((name, [a], {}) for name in ("det", "slogdet", "inverse") for a in (GENERAL, [GENERAL, TRIANGULAR])),
    *((name, [SINGULAR], {}) for name in ("det", "slogdet")),
    *(("extractdiag", [GENERAL], {"offset": k}) for k in (-1, 0, 2)),
    *(("makediag", [[1.0, 2.0]], {"offset": k}) for k in (-1, 0, 2)),
    *(("extracttrian", [GENERAL], {"offset": k, "lower": low}) for k in (-1, 0, 1) for low in FLAGS),
    *(("maketrian", [VECTOR], {"offset": k, "lower": low}) for k in (-1, 0, 1) for low in FLAGS),
]  # fmt: skip


def run(name, inputs, parameters):
    """One row of the file."""
    arrays = [mx.nd.array(x) for x in inputs]
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        result = getattr(mx.nd.linalg, name)(*arrays, **parameters)
    outputs = result if isinstance(result, list) else [result]
    heads = [mx.nd.array(np.linspace(0.5, 1.5, y.size).reshape(y.shape)) for y in outputs]
    mx.autograd.backward(outputs, heads)
    return {
        "operator": name,
        "inputs": inputs,
        "parameters": parameters,
        "outputs": [plain(y) for y in outputs],
        "gradients": [plain(x.grad) for x in arrays],
    }


def plain(array):
    return json.loads(json.dumps(array.asnumpy().tolist()), parse_float=lambda text: float(f"{float(text):.7g}"))


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(run(*case), separators=(",", ":")) for case in CASES)
    pathlib.Path(__file__).with_name("oracle.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
