"""Writes older_versions/*.json: one small network in the layouts that MXNet's JSON has had."""

import json
import pathlib

CONV = {"kernel": "(3, 3)", "num_filter": "4", "no_bias": "True"}
SOFTMAX = {"grad_scale": "1"}


def nodes(has_states):
    """(operator, name, parameters, inputs); before 0.9 auxiliary states were no nodes."""
    states = [("null", "bn_moving_mean", {}, []), ("null", "bn_moving_var", {}, [])] if has_states else []
    bn = 5 + len(states)
    return [
        ("null", "data", {}, []),
        ("null", "conv_weight", {}, []),
        ("Convolution", "conv", CONV, [0, 1]),
        ("null", "bn_gamma", {}, []),
        ("null", "bn_beta", {}, []),
        *states,
        ("BatchNorm", "bn", {"eps": "0.001"}, [2, *range(3, bn)]),
        ("null", "softmax_label", {}, []),
        ("SoftmaxOutput", "softmax", {**SOFTMAX, "multi_output": "True"}, [bn, bn + 1]),
    ]


def record(node, layout):
    operator, name, parameters, inputs = node
    # the multiplier of the weight's learning rate: on the operator, under its plain name, under its name of today
    user = {}
    if layout == "0.6" and operator == "Convolution":
        user = {"weight_lr_mult": "2"}
    elif name == "conv_weight" and layout != "0.6":
        user = {"lr_mult" if layout == "0.8" else "__lr_mult__": "2"}
    if layout in ("0.6", "0.8"):
        entries = [[i, 0] for i in inputs]
        parts = {"param": parameters, "attr": user, "backward_source_id": -1}
    else:
        entries = [[i, 0, 0] for i in inputs]
        given = {**parameters, **user}
        parts = {"attrs" if layout == "1.2" else "attr": given} if given else {}
    return {"op": operator, "name": name, **parts, "inputs": entries}


def graph(layout, version):
    records = [record(node, layout) for node in nodes(has_states=layout not in ("0.6", "0.8"))]
    head = [len(records) - 1, 0] if layout in ("0.6", "0.8") else [len(records) - 1, 0, 0]
    arguments = [i for i, node in enumerate(records) if node["op"] == "null"]
    written = {"nodes": records, "arg_nodes": arguments, "heads": [head]}
    return {**written, "attrs": {"mxnet_version": ["int", version]}} if version else written


if __name__ == "__main__":
    folder = pathlib.Path(__file__).with_name("older_versions")
    for layout, version in (("0.6", 0), ("0.8", 0), ("0.9", 903), ("0.11", 1100), ("1.2", 10200)):
        text = json.dumps(graph(layout, version), indent=2)
        (folder / f"mxnet-{layout}.json").write_text(text + "\n", encoding="utf-8")
