"""Writes *.json and facts.json: JSON texts, lists and inferred shapes of MXNet 1.9.1's symbols.

Run by hand, with tests/support on the module path and an interpreter that has MXNet 1.9.1; the tests read the files.
"""

import json
import pathlib

import mxnet as mx
import numpy as np
from symbol_networks import NETWORKS, register_custom

SHAPES = {
    "mlp": {"data": (8, 20)},
    "lenet": {"data": (4, 1, 28, 28)},
    "resnet": {"data": (2, 3, 32, 32)},
    "branches": {"b": (4, 3)},
    "attributes": {"data": (2, 5)},
    "custom": {"data": (2, 5)},
}


def facts(name, symbol):
    shapes = symbol.infer_shape(**SHAPES[name])
    types = symbol.infer_type(**dict.fromkeys(SHAPES[name], np.float64))
    return {
        "arguments": symbol.list_arguments(),
        "auxiliary_states": symbol.list_auxiliary_states(),
        "inputs": symbol.list_inputs(),
        "outputs": symbol.list_outputs(),
        "internals": symbol.get_internals().list_outputs(),
        "children": symbol.get_children().list_outputs(),
        "attributes": symbol.attr_dict(),
        "given": SHAPES[name],
        "shapes": shapes,
        "types": [[None if t is None else np.dtype(t).name for t in part or []] for part in types],
    }


if __name__ == "__main__":
    register_custom(mx)
    folder = pathlib.Path(__file__).parent
    described = {}
    for key, build in NETWORKS.items():
        with mx.name.NameManager():
            symbol = build(mx)
        (folder / f"{key}.json").write_text(symbol.tojson(), encoding="utf-8")
        described[key] = facts(key, symbol)
    (folder / "facts.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
