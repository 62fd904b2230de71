"""What older versions of MXNet wrote differently into a symbol's JSON."""

from typing import Any

from mxtrain.symbol.graph import HIDDEN_KEYS, Node, complete_variable
from mxtrain.symbol.infer import declared_shape

# until 0.9.4, argmax and argmin took axis=-1 for the flattened array
LAST_WITH_FLATTENING_AXIS = 904
# until 0.9.3, operators did not tell variables their initializers
LAST_WITHOUT_INITIALIZERS = 903


def written_by(graph: dict[str, Any]) -> int:
    """The version of MXNet that wrote a graph, such as 10901; 0 before 0.9, which wrote none."""
    attributes = graph.get("attrs")
    version = attributes.get("mxnet_version") if isinstance(attributes, dict) else None
    is_number = isinstance(version, list) and len(version) == 2 and isinstance(version[1], int)
    return version[1] if is_number else 0  # type: ignore[index]


def has_np_shape(graph: dict[str, Any]) -> bool:
    """Whether a graph was written under NumPy's shape semantics."""
    attributes = graph.get("attrs")
    return isinstance(attributes, dict) and "is_np_shape" in attributes


def written_attributes(record: Any) -> dict[str, str]:
    """A node's attributes.

    They stood until 0.8 under "param" (the operator's) and "attr" (the user's), until 0.11 under "attr", and since then
    under "attrs".
    """
    parts = (record.get(key, {}) for key in ("param", "attr", "attrs"))
    return {str(key): str(value) for part in parts for key, value in part.items()}


def upgrade_shape(node: Node) -> None:
    """Unknown sizes of variables were written as 0; under NumPy's shape semantics they are -1."""
    sizes = declared_shape(node)
    if sizes is not None:
        node.attrs["__shape__"] = str(tuple(size or -1 for size in sizes))


def hand_down_attributes(node: Node) -> None:
    """Until 0.8, `weight_lr_mult` stood on the operator for what is `__lr_mult__` of its weight now."""
    for key in list(node.attrs):
        hidden = next((name for name in HIDDEN_KEYS if key.endswith(f"_{name}") and not key.startswith("__")), None)
        if hidden is None:
            continue
        value = node.attrs.pop(key)
        wanted = key.removesuffix(f"_{hidden}")
        for name, entry in zip(node.input_names, node.inputs, strict=False):
            if name == wanted and entry.node.is_variable:
                entry.node.attrs[f"__{hidden}__"] = value


def add_initializers(node: Node) -> None:
    """Give the variables that an operator reads its initializers, where they have none."""
    for name, entry in zip(node.input_names, node.inputs, strict=False):
        complete_variable(entry.node, node, name)


def drop_flattening_axis(node: Node) -> None:
    """Leave the axis out where -1 meant the flattened array."""
    if node.op is not None and node.op.name in ("argmax", "argmin") and node.attrs.get("axis") == "-1":
        del node.attrs["axis"]
