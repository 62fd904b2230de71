"""`Symbol`: a computation described before it runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mxtrain.atomic_write import write_atomically
from mxtrain.base import (
    ArgumentError,
    ArgumentTypeError,
    IndexRangeError,
    MXNetError,
    NameLookupError,
    NotImplementedForSymbol,
)
from mxtrain.ops.shapes import is_known
from mxtrain.symbol import infer, json_format
from mxtrain.symbol.amp_casts import without_amp_casts
from mxtrain.symbol.debug import describe
from mxtrain.symbol.graph import HIDDEN_KEYS, Entry, Node, auxiliary, replaced, stored_attributes, topological


class Symbol:
    """One or several outputs of a graph of operators and variables.

    Made by `mx.sym.Variable` and the functions of `mx.sym`; `bind` or `simple_bind` turns it into an Executor.
    """

    __slots__ = ("__weakref__", "heads")
    __array_priority__ = 1000.0

    def __init__(self, heads: Sequence[Entry]) -> None:
        self.heads = list(heads)

    if TYPE_CHECKING:  # what `arithmetic.py`, `methods.py` and `mxtrain.executor` add

        def __getattr__(self, name: str) -> Any: ...

    # ---------------------------------------------------------------- structure

    @property
    def name(self) -> str | None:
        """The name of the only node that outputs come from; None for a group."""
        first = self.heads[0].node
        return first.name if all(head.node is first for head in self.heads) else None

    def list_arguments(self) -> list[str]:
        """Names of the arguments, in the order in which `bind` takes them."""
        order = topological(self.heads)
        aux = auxiliary(order)
        return [node.name for node in order if node.is_variable and id(node) not in aux]

    def list_auxiliary_states(self) -> list[str]:
        """Names of the states that operators update themselves, such as BatchNorm's moving mean."""
        order = topological(self.heads)
        aux = auxiliary(order)
        return [node.name for node in order if node.is_variable and id(node) in aux]

    def list_inputs(self) -> list[str]:
        """Names of all arguments and auxiliary states, in graph order."""
        return [node.name for node in topological(self.heads) if node.is_variable]

    def list_outputs(self) -> list[str]:
        """Names of the outputs, such as "fc1_output"."""
        return [_output_name(head) for head in self.heads]

    @property
    def handle(self) -> int:
        """A number that identifies the Symbol in this process (MXNet's C handle)."""
        return id(self)

    def as_nd_ndarray(self) -> "Symbol":
        """The Symbol itself."""
        return self

    @property
    def num_outputs(self) -> int:
        """How many outputs there are."""
        return len(self.heads)

    def __len__(self) -> int:
        return len(self.heads)

    def __iter__(self) -> Iterator["Symbol"]:
        return (Symbol([head]) for head in self.heads)

    def __getitem__(self, index: Any) -> "Symbol":
        """The output of an index or a name (with or without "_output"), or a group of those of a slice."""
        if isinstance(index, str):
            return self._output_named(index)
        if isinstance(index, slice):
            return Symbol(self.heads[index])
        if not -len(self.heads) <= index < len(self.heads):
            raise IndexRangeError(f"Expected: an output index below {len(self.heads)}. Received: {index}.")
        return Symbol([self.heads[index]])

    def _output_named(self, name: str) -> "Symbol":
        found = [head for head in self.heads if name in (_output_name(head), head.node.name)]
        exact = [head for head in found if _output_name(head) == name]
        matches = exact or found
        if not matches:
            raise ArgumentError(f"Expected: an output of {self.list_outputs()}. Received: {name!r}.")
        if len(matches) > 1:
            raise ArgumentError(f"Expected: the name of one output. Received: {name!r}, which {len(matches)} have.")
        return Symbol([matches[0]])

    def get_internals(self) -> "Symbol":
        """A group of every output inside the graph, to cut a network at one of them."""
        return Symbol([Entry(node, i) for node in topological(self.heads) for i in range(node.num_visible)])

    def get_children(self) -> "Symbol | None":
        """A group of the direct inputs of the nodes that outputs come from; None for a variable."""
        nodes = {id(head.node): head.node for head in self.heads}
        inputs = [entry for node in nodes.values() for entry in node.inputs]
        return Symbol(inputs) if inputs else None

    def get_inputs(self) -> "Symbol":
        """A group of all variables."""
        return Symbol([Entry(node) for node in topological(self.heads) if node.is_variable])

    # ---------------------------------------------------------------- composition

    def __call__(self, *args: "Symbol", **kwargs: "Symbol | str | None") -> "Symbol":
        """A copy of the graph with other symbols in the place of its variables, by order or by name."""
        name = kwargs.pop("name", None)
        variables = [node for node in topological(self.heads) if node.is_variable]
        if args and kwargs:
            raise ArgumentTypeError("Expected: symbols by position or by name. Received: both.")
        given: dict[str, Any] = dict(zip([v.name for v in variables], args, strict=False)) if args else dict(kwargs)
        for key, value in given.items():
            if not isinstance(value, Symbol):
                raise ArgumentTypeError(f"Expected: a Symbol for {key!r}. Received: {type(value).__name__}.")
            if len(value.heads) != 1:
                raise ArgumentError(f"Expected: a Symbol of one output for {key!r}. Received: {len(value.heads)}.")
        unknown = set(given) - {variable.name for variable in variables}
        if unknown:
            raise NameLookupError(f"Expected: arguments of {self.list_inputs()}. Received: {sorted(unknown)}.")
        substitutes = {id(v): given[v.name].heads[0] for v in variables if v.name in given}
        heads = replaced(self.heads, substitutes)
        return Symbol([_renamed(head, str(name)) for head in heads] if name else heads)

    def _gen_atomic_symbol(self) -> "Symbol":
        """The operator of this Symbol applied to fresh variables."""
        node = self.heads[0].node
        if self.name is None or node.op is None:
            raise ArgumentError(f"Expected: a Symbol of one operator. Received: {self!r}.")
        inputs = [Entry(Node(None, f"{node.name}_{name}")) for name in node.input_names]
        fresh = Node(node.op, node.name, inputs, node.attrs)
        return Symbol([Entry(fresh, i) for i in range(fresh.num_visible)])

    def __copy__(self) -> "Symbol":
        return Symbol(self.heads)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Symbol":
        return Symbol(json_format.load(json_format.dump(self.heads)))

    # ---------------------------------------------------------------- attributes

    def attr(self, key: str) -> str | None:
        """A string attribute of the node, or None."""
        return None if self.name is None else self.heads[0].node.attribute(key)

    def list_attr(self, recursive: bool = False) -> dict[str, str]:
        """All string attributes of the node."""
        if recursive:
            raise ArgumentError("Expected: recursive=False. For the attributes of a whole graph use attr_dict().")
        return _shown_attributes(self.heads[0].node)

    def attr_dict(self) -> dict[str, dict[str, str]]:
        """The string attributes of every node that has some, by name."""
        shown = {node.name: _shown_attributes(node) for node in topological(self.heads)}
        return {name: attrs for name, attrs in shown.items() if attrs}

    def _set_attr(self, **kwargs: str) -> None:
        """Set string attributes of the node. Raises ArgumentError for a group, which has no attributes of its own."""
        if self.name is None:
            raise ArgumentError(f"Expected: the Symbol of one node. Received: {self!r}.")
        for key, value in kwargs.items():
            if not isinstance(value, str):
                raise ArgumentTypeError(f"Expected: a string attribute. Received: {key}={value!r}.")
        node = self.heads[0].node
        node.attrs.update(stored_attributes(kwargs))
        node._params = None

    # ---------------------------------------------------------------- inference

    def infer_shape(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """Shapes of arguments, outputs and auxiliary states, from those of some arguments (by order or name).

        Returns three lists of tuples in the orders of the list_* methods; three Nones where some remain unknown.
        Raises ArgumentError naming the node where shapes disagree, and NameLookupError for a name that is no argument.
        """
        arguments, outputs, aux = self._shapes(args, kwargs)
        if all(is_known(shape) for shape in (*arguments, *outputs, *aux)):
            return arguments, outputs, aux
        return None, None, None

    def infer_shape_partial(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """As `infer_shape`, with what is known so far: 0 for an unknown size, () for an unknown shape.

        Under NumPy's shape semantics these are -1 and None.
        """
        found = self._shapes(args, kwargs)
        arguments, outputs, aux = ([infer.as_written(shape) for shape in shapes] for shapes in found)
        return arguments, outputs, aux

    def _shapes(self, args: Any, kwargs: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        given = {name: infer.as_partial(shape) for name, shape in self._by_name(args, kwargs).items()}
        return self._split(infer.infer_shapes(self.heads, given))

    def infer_type(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """dtypes of arguments, outputs and auxiliary states, as NumPy scalar types; Nones where some are unknown."""
        found = self.infer_type_partial(*args, **kwargs)
        return found if all(dtype is not None for part in found for dtype in part) else (None, None, None)

    def infer_type_partial(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """As `infer_type`, with None for the unknown ones."""
        found = self._split(infer.infer_types(self.heads, self._by_name(args, kwargs)))
        arguments, outputs, aux = ([None if t is None else np.dtype(t).type for t in part] for part in found)
        return arguments, outputs, aux

    def _by_name(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if args and kwargs:
            raise ArgumentError("Expected: values by position or by name. Received: both.")
        names = self.list_arguments()
        if len(args) > len(names):
            raise ArgumentError(f"Expected: at most {len(names)} values, one per argument. Received: {len(args)}.")
        given = dict(zip(names, args, strict=False)) if args else dict(kwargs)
        unknown = sorted(set(given) - set(self.list_inputs()))
        if unknown:
            raise NameLookupError(f"Expected: names of {self.list_inputs()}. Received: {unknown}.")
        return {name: value for name, value in given.items() if value is not None}

    def _split(self, facts: infer.Facts) -> tuple[list[Any], list[Any], list[Any]]:
        aux = auxiliary(facts.order)
        variables = [node for node in facts.order if node.is_variable]
        arguments = [facts.get(Entry(node)) for node in variables if id(node) not in aux]
        states = [facts.get(Entry(node)) for node in variables if id(node) in aux]
        return arguments, [facts.get(head) for head in self.heads], states

    # ---------------------------------------------------------------- storing

    def tojson(self, remove_amp_cast: bool = True) -> str:
        """The graph as JSON, in MXNet 1.9.1's format. remove_amp_cast: leave the casts of mixed precision out."""
        return json_format.dump(without_amp_casts(self.heads) if remove_amp_cast else self.heads)

    def save(self, fname: str, remove_amp_cast: bool = True) -> None:
        """Write the graph as JSON to a file."""
        write_atomically(fname, [self.tojson(remove_amp_cast).encode()])

    def debug_str(self) -> str:
        """The graph in words."""
        return describe(self.heads)

    def __repr__(self) -> str:
        name = self.name
        if name is None:
            return f"<Symbol group [{', '.join(head.node.name for head in self.heads)}]>"
        return f"<Symbol {name}>"

    def __reduce__(self) -> Any:
        return load_json, (self.tojson(),)

    def __bool__(self) -> bool:
        raise NotImplementedForSymbol(self.__bool__, "bool")

    __hash__ = object.__hash__


def _output_name(head: Entry) -> str:
    names = head.node.output_names
    return names[head.index] if head.index < len(names) else f"{head.node.name}_output{head.index}"


def _renamed(head: Entry, name: str) -> Entry:
    node = head.node
    return Entry(Node(node.op, name, node.inputs, node.attrs, node.runtime), head.index)


def _shown_attributes(node: Node) -> dict[str, str]:
    """A node's attributes; `__lr_mult__` and its like under both of their names, as MXNet shows them."""
    shown = dict(node.attrs)
    for key in HIDDEN_KEYS:
        if f"__{key}__" in shown:
            shown[key] = shown[f"__{key}__"]
    return shown


def load_json(json_str: str) -> Symbol:
    """The Symbol in a JSON text of any MXNet version. Raises ArgumentError or NameLookupError naming what is wrong."""
    return Symbol(json_format.load(json_str))


def load(fname: str) -> Symbol:
    """The Symbol in a JSON file. Raises an MXNetError naming file and fault."""
    try:
        with open(fname, encoding="utf-8") as file:
            text = file.read(json_format.MAX_JSON_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise MXNetError(f"{fname}: expected a symbol as JSON in a file. Received: {error}.") from error
    try:
        return load_json(text)
    except MXNetError as error:
        raise type(error)(f"{fname}: {error}") from None
