"""`plot_network`: a network as a picture."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mxtrain.base import ArgumentTypeError, MXNetError
from mxtrain.visualization.graph import Node, Shape, inferred_shapes, nodes_of, output_shape, without_batch

_COLORS = {
    "null": "#8dd3c7",
    "Convolution": "#fb8072",
    "Deconvolution": "#fb8072",
    "FullyConnected": "#fb8072",
    "Activation": "#ffffb3",
    "LeakyReLU": "#ffffb3",
    "BatchNorm": "#bebada",
    "Pooling": "#80b1d3",
    "Concat": "#fdb462",
    "Flatten": "#fdb462",
    "Reshape": "#fdb462",
    "Softmax": "#b3de69",
}
_OTHER_COLOR = "#fccde5"
_PARAMETER_ENDINGS = (
    "_weight",
    "_bias",
    "_beta",
    "_gamma",
    "_moving_var",
    "_moving_mean",
    "_running_var",
    "_running_mean",
)
_NODE_ATTRS = {"shape": "box", "fixedsize": "true", "width": "1.3", "height": "0.8034", "style": "filled"}


class MissingLibraryError(MXNetError, ImportError):
    """A library that only this function needs is not installed."""


def plot_network(
    symbol: Any,
    title: str = "plot",
    save_format: str = "pdf",
    shape: Mapping[str, Shape] | None = None,
    dtype: Mapping[str, Any] | None = None,
    node_attrs: Mapping[str, str] | None = None,
    hide_weights: bool = True,
) -> Any:
    """A `graphviz.Digraph` of the network; its render() writes a file (with the program `dot`), its source is text.

    title: name of the graph and its file. save_format: "pdf", "png", ... shape, dtype: of the inputs; with shapes the
    edges show those of the values (without the batch axis). node_attrs: Graphviz attributes for all nodes.
    hide_weights: leave parameters out.

    Raises MissingLibraryError (an ImportError) without the Python package graphviz (extra `mxtrain[viz]`),
    ArgumentTypeError for anything but a Symbol, ArgumentError where `shape` does not determine all shapes.
    Source: mxnet.visualization.plot_network of MXNet 1.9.1.
    """
    digraph_class = _digraph_class()
    nodes = nodes_of(symbol)
    if node_attrs is not None and not isinstance(node_attrs, Mapping):
        raise ArgumentTypeError(f"Expected: node_attrs as a dict. Received: {type(node_attrs).__name__}.")
    shapes = None if shape is None else inferred_shapes(symbol, shape, dtype)
    _warn_of_equal_names(nodes)
    hidden = {i for i, node in enumerate(nodes) if hide_weights and _is_parameter(node)}
    dot = digraph_class(name=title, format=save_format)
    for number, node in enumerate(nodes):
        if number not in hidden:
            dot.node(name=node.name, label=_label(node), **_attributes(node, node_attrs or {}))
    for node in nodes:
        for number, output in node.inputs:
            if number not in hidden:
                label = without_batch(output_shape(nodes[number], output, shapes)) if shapes else ""
                dot.edge(tail_name=node.name, head_name=nodes[number].name, dir="back", arrowtail="open", label=label)
    return dot


def _digraph_class() -> Any:
    try:
        from graphviz import Digraph
    except ImportError as error:
        raise MissingLibraryError(
            "Draw network requires graphviz library. Install the Python package graphviz (pip install 'mxtrain[viz]')."
        ) from error
    return Digraph


def _warn_of_equal_names(nodes: list[Node]) -> None:
    counts = Counter(node.name for node in nodes)
    repeated = sorted(name for name, count in counts.items() if count > 1)
    if repeated:
        warnings.warn(
            "There are multiple variables with the same name in your graph, this may result in cyclic graph."
            f" Repeated names: {','.join(repeated)}",
            RuntimeWarning,
            stacklevel=3,
        )


def _is_parameter(node: Node) -> bool:
    return node.is_variable and node.name.endswith(_PARAMETER_ENDINGS)


def _attributes(node: Node, node_attrs: Mapping[str, str]) -> dict[str, str]:
    """Graphviz attributes of a node: variables are ovals, unless the caller says otherwise."""
    shape = {"shape": "oval"} if node.is_variable else {}
    return {**_NODE_ATTRS, **node_attrs, **shape, "fillcolor": _COLORS.get(node.op, _OTHER_COLOR)}


def _label(node: Node) -> str:
    """What is written on a node: kind and main settings of layers, the name of everything else."""
    attrs = node.attrs
    if node.op in ("Convolution", "Deconvolution"):
        return f"{node.op}\n{_sizes(attrs, 'kernel')}/{_sizes(attrs, 'stride')}, {attrs['num_filter']}"
    if node.op == "FullyConnected":
        return f"{node.op}\n{attrs['num_hidden']}"
    if node.op in ("Activation", "LeakyReLU"):
        return f"{node.op}\n{attrs.get('act_type', 'leaky')}"
    if node.op == "Pooling":
        window = f"{_sizes(attrs, 'kernel')}/{_sizes(attrs, 'stride')}"
        return f"{node.op}\n{attrs.get('pool_type', 'max')}, {window}"
    return node.name


def _sizes(attrs: Mapping[str, str], name: str) -> str:
    """An attribute like "(3, 3)" as 3x3; 1 where it is missing."""
    return "x".join(part.strip() for part in attrs.get(name, "1").strip("()[] ").split(",") if part.strip())
