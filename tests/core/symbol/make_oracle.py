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
    "lstm": {"data": (2, 3), "softmax_label": (12, 2), "l0_h": (2, 4), "l0_c": (2, 4), "l1_h": (2, 4), "l1_c": (2, 4)},
    "ssd": {"data": (2, 3, 16, 16), "label": (2, 2, 5)},
    "states": {"data": (2, 3, 4)},
    "shapes_and_orders": {"moves": (2, 6)},
}
# some operators of MXNet know float32 only
TYPES = dict.fromkeys(SHAPES, "float64") | {"lstm": "float32", "ssd": "float32", "shapes_and_orders": "float32"}


def facts(name, symbol):
    shapes = symbol.infer_shape(**SHAPES[name])
    types = symbol.infer_type(**dict.fromkeys(SHAPES[name], np.dtype(TYPES[name]).type))
    return {
        "arguments": symbol.list_arguments(),
        "auxiliary_states": symbol.list_auxiliary_states(),
        "inputs": symbol.list_inputs(),
        "outputs": symbol.list_outputs(),
        "internals": symbol.get_internals().list_outputs(),
        "children": symbol.get_children().list_outputs(),
        "attributes": symbol.attr_dict(),
        "given": SHAPES[name],
        "given_type": TYPES[name],
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
