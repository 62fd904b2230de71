"""`mx.sym.contrib`: control flow and `rand_zipfian` in graphs; other functions stand beside, made from operators."""

from collections.abc import Callable, Sequence
from typing import Any

from mxtrain.attribute import current as current_attributes
from mxtrain.base import ArgumentError
from mxtrain.name import current as current_names
from mxtrain.ops.control_flow.nesting import (
    StructureError,
    as_arguments,
    as_pair,
    flatten,
    regroup,
    require_max_iterations,
)
from mxtrain.ops.random import zipfian
from mxtrain.ops.registry import find
from mxtrain.symbol.cutting import Piece, body_scope, cut_out, distinct_outputs, stand_ins
from mxtrain.symbol.graph import Entry, Node, stored_attributes
from mxtrain.symbol.operators import functions
from mxtrain.symbol.symbol_type import Symbol

__all__ = ["cond", "foreach", "rand_zipfian", "while_loop"]


def foreach(body: Callable[..., Any], data: Any, init_states: Any, name: str = "foreach") -> tuple[Any, Any]:
    """A loop over the slices of data along axis 0: `outputs, states = body(data[i], states)`.

    data, init_states: a Symbol or nested lists of them; the body gets slices and states nested alike, and may use
    symbols from outside. Returns the outputs of all steps, stacked along a new axis 0, and the last states. name: of
    the body. Raises StructureError (an AssertionError) for anything but Symbols, and for data and states that the body
    does not use or gives back in another form.
    """
    data_list, data_form = _flatten(data, "the data of foreach")
    state_list, state_form = _flatten(init_states, "the states of foreach")
    with body_scope(name) as scope:
        variables = stand_ins([*data_list, *state_list])
        slices, states = variables[: len(data_list)], variables[len(data_list) :]
        result = body(regroup(slices, data_form), regroup(states, state_form))
        outputs, new_states = as_pair(result, "the body of foreach")
        outputs, out_form = _flatten(outputs, "the outputs of foreach")
        new_states, new_form = _flatten(new_states, "the states of foreach")
        if new_form != state_form:
            raise StructureError("Expected: states of the form that the body of foreach got. Received: another form.")
        heads = distinct_outputs([*outputs, *new_states])
    piece = cut_out(heads, scope, variables)
    free = [place for place, entry in enumerate(piece.outside) if entry is not None]
    node = _node(
        "_foreach",
        [*(_entry(symbol) for symbol in (*data_list, *state_list)), *_known(piece.outside)],
        [piece],
        in_data_locs=_places(piece, slices, "data"),
        in_state_locs=_places(piece, states, "state"),
        remain_locs=free,
        num_out_data=len(outputs),
        num_outputs=len(heads),
    )
    results = _outputs(node)
    return regroup(results[: len(outputs)], out_form), regroup(results[len(outputs) :], state_form)


def _places(piece: Piece, variables: Sequence[Symbol], what: str) -> list[int]:
    """Where the variables of a loop are among the inputs of its body."""
    places = [piece.place_of(variable) for variable in variables]
    if None in places:
        raise StructureError(
            f"the {what} arrays have to be used in the loop body: expected a body that reads all of them. "
            f"Received: one that does not read {variables[places.index(None)].name}."
        )
    return [place for place in places if place is not None]


def while_loop(
    cond: Callable[..., Any],
    func: Callable[..., Any],
    loop_vars: Any,
    max_iterations: Any = None,
    name: str = "while_loop",
) -> tuple[Any, Any]:
    """A loop `output, loop_vars = func(*loop_vars)` while `cond(*loop_vars)` is true, of at most max_iterations steps.

    loop_vars: a Symbol or nested lists of them. Returns the outputs of all steps, stacked along a new axis 0 of size
    max_iterations, which are 0 behind the last step; and the last loop_vars. name: of the two graphs, with _cond and
    _func. Raises ArgumentError (a ValueError) for loop_vars that func does not use, or returns in another number.
    """
    limit = require_max_iterations(max_iterations)
    initial, form = _flatten(loop_vars, "the loop_vars of while_loop")
    if not initial:
        raise ArgumentError("loop_vars should contain at least one element. Received: none.")
    with body_scope(f"{name}_cond") as scope:
        cond_vars = stand_ins(initial)
        condition = cond(*as_arguments(cond_vars, form))
        if not isinstance(condition, Symbol):
            raise ArgumentError(f"Return of cond must be a Symbol. Received: {type(condition).__name__}.")
        test = distinct_outputs([condition])
    cond_piece = cut_out(test, scope, cond_vars)
    with body_scope(f"{name}_func") as scope:
        func_vars = stand_ins(initial)
        outputs, changed = as_pair(func(*as_arguments(func_vars, form)), "func of while_loop")
        outputs, out_form = _flatten([] if outputs is None else outputs, "the outputs of while_loop")
        changed, _ = _flatten([] if changed is None else changed, "the new loop_vars of while_loop")
        if len(changed) != len(initial):
            raise ArgumentError(f"Expected: {len(initial)} loop_vars from func. Received: {len(changed)}.")
        heads = distinct_outputs([*outputs, *changed])
    func_piece = cut_out(heads, scope, func_vars)
    table = _InputTable(initial)
    node = _node(
        "_while_loop",
        table.entries,
        [cond_piece, func_piece],
        cond_input_locs=table.add(cond_piece, cond_vars),
        func_input_locs=table.add(func_piece, func_vars),
        func_var_locs=_loop_var_places(func_piece, func_vars),
        max_iterations=limit,
        num_out_data=len(outputs),
        num_outputs=len(heads),
    )
    results = _outputs(node)
    return regroup(results[: len(outputs)], out_form), regroup(results[len(outputs) :], form)


def _loop_var_places(piece: Piece, variables: Sequence[Symbol]) -> list[int]:
    places = [piece.place_of(variable) for variable in variables]
    if None in places:
        raise ArgumentError(f"The {places.index(None) + 1}-th loop_var doesn't involve into the computation of func.")
    return [place for place in places if place is not None]


def cond(pred: Any, then_func: Callable[[], Any], else_func: Callable[[], Any], name: str = "cond") -> Any:
    """What `then_func()` describes where `pred`, a Symbol of one element, is true; else what `else_func()` does.

    Only one of them is computed. Both give the same number of outputs, of the same shapes and dtypes, nested in lists
    as those of then_func are. name: of the graphs, with _pred, _then and _else. Raises ArgumentError (a ValueError)
    for branches that give different numbers of outputs.
    """
    pieces, forms = [], []
    for part, make in (("pred", lambda: pred), ("then", then_func), ("else", else_func)):
        with body_scope(f"{name}_{part}") as scope:
            outputs, form = _flatten(make(), "the outputs of cond")
            heads = distinct_outputs(outputs)
        pieces.append(cut_out(heads, scope, []))
        forms.append(form)
    counts = [piece.graph.num_outputs for piece in pieces]
    if counts[1] != counts[2]:
        raise ArgumentError(f"Number of outputs differs between then-branch and else-branch: {counts[1]}, {counts[2]}.")
    table = _InputTable([])
    node = _node(
        "_cond",
        table.entries,
        pieces,
        cond_input_locs=table.add(pieces[0], []),
        then_input_locs=table.add(pieces[1], []),
        else_input_locs=table.add(pieces[2], []),
        num_outputs=counts[1],
    )
    return regroup(_outputs(node), forms[1])


class _InputTable:
    """The inputs of an operator with several graphs: what two graphs share is one input.

    initial: the initial values of the loop variables. entries: the inputs, filled by `add`.
    """

    def __init__(self, initial: Sequence[Symbol]) -> None:
        self.entries: list[Entry] = []
        self._initial = initial
        self._known: dict[Any, int] = {}

    def add(self, piece: Piece, variables: Sequence[Symbol]) -> list[int]:
        """Where the inputs of a graph are among those of the operator. variables: those of the loop, inside."""
        numbers = {id(variable.heads[0].node): number for number, variable in enumerate(variables)}
        places = []
        for node, entry in zip(piece.graph.variables, piece.outside, strict=True):
            if entry is None:
                number = numbers[id(node)]
                places.append(self._place(("loop", number), _entry(self._initial[number])))
            else:
                is_free = entry.node.is_variable
                places.append(self._place(entry.node.name if is_free else (id(entry.node), entry.index), entry))
        return places

    def _place(self, key: Any, entry: Entry) -> int:
        if key not in self._known:
            self._known[key] = len(self.entries)
            self.entries.append(entry)
        return self._known[key]


def _node(operator: str, inputs: list[Entry], pieces: Sequence[Piece], **parameters: Any) -> Node:
    """The node of a control flow operator. inputs may still grow while the parameters are computed."""
    attrs = {key: str(value) for key, value in parameters.items()}
    attrs["num_args"] = str(len(inputs) + len(pieces))
    user = stored_attributes(current_attributes().get(None))
    runtime = {"subgraphs": tuple(piece.graph for piece in pieces)}
    return Node(find(operator), current_names().get(None, operator), inputs, {**user, **attrs}, runtime)


def _outputs(node: Node) -> list[Symbol]:
    return [Symbol([Entry(node, i)]) for i in range(node.num_outputs)]


def _known(entries: Sequence[Entry | None]) -> list[Entry]:
    return [entry for entry in entries if entry is not None]


def _flatten(value: Any, what: str) -> tuple[list[Symbol], Any]:
    symbols, form = flatten(value, Symbol, what)
    for symbol in symbols:
        _entry(symbol)
    return symbols, form


def _entry(symbol: Symbol) -> Entry:
    if len(symbol.heads) != 1:
        raise ArgumentError(f"Expected: Symbols of one output each. Received: {symbol!r} with {len(symbol.heads)}.")
    return symbol.heads[0]


def rand_zipfian(true_classes: Symbol, num_sampled: int, range_max: int) -> tuple[Symbol, Symbol, Symbol]:
    """Classes drawn from [0, range_max), with replacement: P(c) = (log(c + 2) - log(c + 1)) / log(range_max + 1).

    Returns the classes, (num_sampled,), int64; and how often each of true_classes (any shape) and of the drawn ones is
    expected among num_sampled draws, float64.
    """
    return zipfian.rand_zipfian(functions, true_classes, num_sampled, range_max)
