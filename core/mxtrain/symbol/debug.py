"""A graph in words, for people."""

from collections.abc import Sequence

from mxtrain.symbol.graph import Entry, topological


def describe(heads: Sequence[Entry]) -> str:
    """Outputs, then every node with its inputs and attributes, in the layout of MXNet's debug_str."""
    lines = ["Symbol Outputs:"]
    lines += [f"\toutput[{i}]={head.node.name}({head.index})" for i, head in enumerate(heads)]
    for node in topological(heads):
        if node.op is None:
            lines.append(f"Variable:{node.name}")
            continue
        lines += ["--------------------", f"Op:{node.op.name}, Name={node.name}", "Inputs:"]
        first_aux = len(node.inputs) - node.num_aux
        for i, entry in enumerate(node.inputs):
            version = f" version={int(i >= first_aux)}" if entry.node.is_variable else ""
            lines.append(f"\targ[{i}]={entry.node.name}({entry.index}){version}")
        if node.attrs:
            lines.append("Attrs:")
            lines += [f"\t{key}={node.attrs[key]}" for key in sorted(node.attrs)]
    return "\n".join(lines) + "\n"
