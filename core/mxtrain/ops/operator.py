"""The declaration of an operator: everything that imperative, symbolic and compiled execution need to know of it.

An operator is declared once, as a class under `@operator(name, ...)`; the class body is read, never instantiated:

    @operator("elu", cases=(Case(data=(2, 3)), Case(data=(4,), slope=0.5)))
    class Elu:
        '''Exponential linear unit: y = x where x > 0, else slope * (exp(x) - 1).

        data: any shape, floating. Output: same shape and dtype. Source: arXiv:1511.07289, eq. 2.
        '''

        infer_shape = shapes.same

        def forward(xp, data, *, slope: float = 1.0, out=None):
            return xp.where(data > 0, data, slope * xp.expm1(data))

        def gradient(F, gy, y, data, *, slope):
            return F.where(data > 0, gy, gy * (y + slope))

`forward(xp, *inputs, *, parameters, runtime arguments)` computes on plain backend arrays; xp is numpy or cupy.

- Positional arguments are the inputs; `*data` takes any number (their count travels as the parameter that `count`
  names). A default of None marks an input that some parameters switch off: `inputs(p)` then tells which are in use.
- Keyword-only arguments are parameters, typed by their annotations (see `parameters`), except the runtime arguments:
  `out` (an array, or a tuple of them, to write into and return; None: allocate), `is_train`, `rng` (the device's
  `RandomState`), `needs` (per input, whether its gradient is wanted), `ctx` (the Context) and `state` (what
  `create_state(ctx, shapes, types, p)` made for this node or call).
- It returns one array, or a tuple where `outputs` names several. Results are C-contiguous or made so by the caller.

`gradient(F, gy, y, *inputs, **parameters)` returns the gradient of each input that is no auxiliary state (None: no
gradient flows), written in operators of F, so that the tape, the gradient graph and higher-order differentiation share
it. gy and y are tuples where the operator has several outputs. `NOT_DIFFERENTIABLE` and `ZERO_GRADIENT` stand for
operators without one. A fused backward kernel is one more operator; where that is NOT_DIFFERENTIABLE,

- `composition(F, *inputs, **parameters)` computes the operator's visible outputs from NDArrays by other operators
  (`is_train` may be asked for): a gradient that is to be differentiated again is then that of the composition. It may
  return None: the gradient is differentiable as it is, or there is no composition for these parameters; or
- `differentiable_once` tells in words why there is no composition.

Other names a class may define (p holds all parameters as attributes):
`infer_shape`, `infer_type` (rules of `shapes` and `types`; the type rule defaults to `types.same`), `inputs(p)`,
`aux` (names of the inputs that are auxiliary states, last, or a function of p), `mutates` (names of inputs that forward
writes, or a function of p), `outputs` (names, or a function of p), `visible` (how many of the outputs a user sees, or
a function of p),
`inplace` (indices of inputs whose buffer output 0 may take over), `elementwise` (True where an element of the only
output depends on the elements at its place alone, "broadcast" where inputs may broadcast to it, or a function of p:
large arrays are then computed in blocks), `view` (the output is the input's memory in another shape),
`ignores_head_gradient` (a loss layer: its gradient does not depend on gy), `create_state`, `count`,
`listed_outputs` (names of the outputs in symbols and their JSON, or a function of p, where MXNet has others or hides
more), `variable_attributes` (attributes, by input, of the variables that a symbol makes for missing inputs), `storage`
(the combinations of sparse and dense inputs that it has kernels for, as forms of `mxtrain.ops.storage`; any other is
computed densely), `sparse_gradient` (whether gradients by dense inputs are sparse, or a function of p: else gradients
need no rule of their own, since they are written in operators, whose storage is inferred like that of all others),
`refuse_sparse` (a function of p: why sparse inputs are refused with these parameters, or None).
`repeatable`: whether forward may run twice in a step, to save its outputs' memory (default: where it has no state).

A state whose forward keeps something for its backward keeps all of it in an attribute `memory`, and has a method
`new_memory()`: the body of a loop puts another memory there for each step.
"""

import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError, IndexRangeError, MXNetError
from mxtrain.ops import types as type_rules
from mxtrain.ops.large_arrays import add_elementwise_kernel
from mxtrain.ops.parameters import Parameter, Params, parse_params, read_parameter
from mxtrain.ops.registry import register
from mxtrain.ops.sparse.containers import DENSE
from mxtrain.ops.storage import Form, complete

RUNTIME_ARGUMENTS = frozenset(("out", "is_train", "rng", "needs", "ctx", "state"))


class _NoGradient:
    """Marks an operator without a gradient function."""

    def __init__(self, meaning: str) -> None:
        self.meaning = meaning

    def __repr__(self) -> str:
        return self.meaning


NOT_DIFFERENTIABLE = _NoGradient("NOT_DIFFERENTIABLE")
ZERO_GRADIENT = _NoGradient("ZERO_GRADIENT")


class Case:
    """One test case of an operator: a shape (or an array, or a list of shapes for `*data`) per input, and parameters.

    Inputs are filled with random numbers from `low` to `high`. differentiable=False leaves the case out of the
    numerical-gradient test (integers, or a kink of measure zero that random numbers may hit). A mapping as the first
    argument holds inputs and parameters whose names are taken: {"low": 0.0}.
    """

    def __init__(
        self,
        named: Mapping[str, Any] | None = None,
        /,
        *,
        low: float = -1.0,
        high: float = 1.0,
        differentiable: bool = True,
        **arguments: Any,
    ) -> None:
        self.low = low
        self.high = high
        self.differentiable = differentiable
        self.arguments = {**(named or {}), **arguments}

    def __repr__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())


@dataclass
class Kernel:
    """A faster forward that stands in where `when(arrays, p)` holds; the plain forward stays the reference.

    min_size: elements that the first or the last input must have.
    """

    name: str
    forward: Callable[..., Any]
    when: Callable[[Sequence[Any], Params], bool]
    min_size: int = 0


@dataclass(eq=False)
class Operator:
    """A declared operator. Made by `@operator`; see the module's docstring for the meaning of each part."""

    name: str
    doc: str
    forward: Callable[..., Any]
    gradient: Any
    infer_shape: Callable[..., Any]
    infer_type: Callable[..., Any]
    input_names: tuple[str, ...]
    params: dict[str, Parameter]
    runtime: frozenset[str]
    aliases: tuple[str, ...] = ()
    variadic: bool = False
    accepts_extra: bool = False
    mutates: tuple[str, ...] | Callable[[Params], Sequence[str]] = ()
    count: str = "num_args"
    inplace: tuple[int, ...] = ()
    view: bool = False
    ignores_head_gradient: bool = False
    cases: tuple[Case, ...] = ()
    source: str = ""
    choose_inputs: Callable[[Params], Sequence[str]] | None = None
    choose_aux: Callable[[Params], Sequence[str]] | None = None
    choose_outputs: Callable[[Params], Sequence[str]] | None = None
    choose_visible: Callable[[Params], int] | None = None
    choose_listed: Callable[[Params], Sequence[str]] | None = None
    variable_attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    create_state: Callable[..., Any] | None = None
    composition: Callable[..., Any] | None = None
    differentiable_once: str = ""
    repeatable: bool = True
    kernels: list[Kernel] = field(default_factory=list)
    storage: tuple[Form, ...] = ()
    choose_sparse_gradient: Callable[[Params], bool] | None = None
    refuse_sparse: Callable[[Params], str | None] | None = None

    def __repr__(self) -> str:
        return f"<operator {self.name}>"

    def kernel(
        self, name: str, when: Callable[[Sequence[Any], Params], bool], min_size: int = 0
    ) -> Callable[[Any], Any]:
        """Decorator that registers a faster forward beside the plain one, guarded by `when(arrays, p)`.

        The kernel that is registered last is asked first. min_size: elements that the first or the last input must
        have; the guard is not asked for fewer.
        """

        def add(forward: Callable[..., Any]) -> Callable[..., Any]:
            self.kernels.insert(0, Kernel(name, forward, when, min_size))
            self.kernel_size = min(kernel.min_size for kernel in self.kernels)
            return forward

        return add

    def choose_forward(self, arrays: Sequence[Any], params: Mapping[str, Any]) -> Callable[..., Any]:
        """The forward to run on arrays like these: the first kernel whose guard holds, else the plain one."""
        size = max(arrays[0].size, arrays[-1].size) if arrays else 0
        if size < self.kernel_size:
            return self.forward
        p = Params(**params)
        for kernel in self.kernels:
            if size >= kernel.min_size and kernel.when(arrays, p):
                return kernel.forward
        return self.forward

    def choose_form(self, stypes: Sequence[str], params: Mapping[str, Any]) -> Form | None:
        """The form that computes inputs of these storage types (auxiliary states last); None: all is made dense.

        Raises ArgumentError where the operator refuses sparse inputs.
        """
        if self.refuse_sparse is not None and any(stype != DENSE for stype in stypes):
            reason = self.refuse_sparse(Params(**params))
            if reason is not None:
                raise ArgumentError(f"Operator {self.name!r}: {reason} Received: storage types {list(stypes)}.")
        return next((form for form in self.storage if form.fits(stypes, params)), None)

    def infer_storage(self, stypes: Sequence[str], params: Mapping[str, Any]) -> tuple[str, ...]:
        """The storage types of all outputs for inputs (auxiliary states last) of these types."""
        form = self.choose_form(stypes, params)
        return (DENSE,) * len(self.outputs(params)) if form is None else form.outputs_for(len(stypes))

    def may_make_sparse(self, params: Mapping[str, Any]) -> bool:
        """Whether dense inputs may have sparse outputs or gradients."""
        return self.makes_sparse or bool(self.choose_sparse_gradient and self.choose_sparse_gradient(Params(**params)))

    def parse(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, typed, defaults filled in. Raises ArgumentError or ArgumentTypeError naming the operator."""
        return parse_params(self.name, self.params, given, accepts_extra=self.accepts_extra)

    def inputs(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the inputs in use, auxiliary states excluded."""
        if self.choose_inputs is not None:
            return tuple(self.choose_inputs(Params(**params)))
        if self.variadic:
            return tuple(f"arg{i}" for i in range(params.get(self.count) or 0))
        return self.input_names[: len(self.input_names) - len(self.aux(params))]

    def aux(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the inputs that are auxiliary states; they come last."""
        return () if self.choose_aux is None else tuple(self.choose_aux(Params(**params)))

    def all_inputs(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the inputs in use, auxiliary states last."""
        return (*self.inputs(params), *self.aux(params))

    def written_inputs(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the inputs in use in the order in which a symbol's JSON lists them: that of forward's arguments."""
        names = self.all_inputs(params)
        if self.choose_inputs is None or self.variadic:
            return names
        return tuple(name for name in self.input_names if name in names)

    def changed(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the inputs that forward writes."""
        return tuple(self.mutates(Params(**params)) if callable(self.mutates) else self.mutates)

    def outputs(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of all outputs."""
        return ("output",) if self.choose_outputs is None else tuple(self.choose_outputs(Params(**params)))

    def listed_outputs(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of all outputs in symbols and their JSON; the visible ones come first."""
        return self.outputs(params) if self.choose_listed is None else tuple(self.choose_listed(Params(**params)))

    def num_visible(self, params: Mapping[str, Any]) -> int:
        """How many of the outputs a user sees."""
        if self.choose_visible is not None:
            return self.choose_visible(Params(**params))
        return len(self.outputs(params))

    @property
    def differentiable(self) -> bool:
        """Whether a gradient can flow through the operator."""
        return self.gradient is not NOT_DIFFERENTIABLE

    def arrange(self, arrays: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        """The arrays in the order of forward's arguments, None for inputs switched off in the middle."""
        if self.choose_inputs is None or self.variadic:
            return arrays
        names = self.all_inputs(params)
        if names == self.input_names[: len(names)]:
            return arrays
        given = dict(zip(names, arrays, strict=True))
        return [given.get(name) for name in self.input_names]

    def call_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as forward and gradient take them: without the count of variadic inputs."""
        if not self.variadic or self.count in self._forward_parameters:
            return dict(params)
        return {name: value for name, value in params.items() if name != self.count}

    def __post_init__(self) -> None:
        self.kernel_size = sys.maxsize  # elements from which on some kernel may stand in
        # whether forward returns a bare array (and gradient takes a bare gy and y) rather than tuples
        self.single_output = self.choose_outputs is None
        self._forward_parameters = frozenset(inspect.signature(self.forward).parameters)
        self.gradient_runtime = _runtime_of_gradient(self.gradient)
        self.composition_runtime = _runtime_of_gradient(self.composition)
        self.asks = self.runtime - {"out"}  # what forward wants to know of its surroundings
        self.storage = complete(self.storage, self.forward)
        self.makes_sparse = any(form.makes_sparse for form in self.storage)

    def explain(self, error: Exception, arrays: Sequence[Any], params: Mapping[str, Any], node: str = "") -> MXNetError:
        """The error to raise for a forward that failed on `arrays`: what was expected and what was received."""
        where = f"Operator {self.name!r}{f' ({node})' if node else ''}"
        received = ", ".join(
            f"{name}: {'None' if a is None else f'{tuple(a.shape)} {a.dtype}'}"
            for name, a in zip(self._names_for(arrays, params), arrays, strict=False)
        )
        reason = str(error)
        if not isinstance(error, MXNetError):
            reason = self._conclude(arrays, params) or f"{type(error).__name__}: {reason}"
        elif reason.startswith("Operator "):
            return error
        kind = (
            type(error)
            if isinstance(error, (ArgumentError, ArgumentTypeError, IndexRangeError))
            else _error_kind(error)
        )
        return kind(f"{where}: {reason} Inputs: {received or 'none'}.")

    def _names_for(self, arrays: Sequence[Any], params: Mapping[str, Any]) -> Sequence[str]:
        return self.all_inputs(params) if self.variadic else self.input_names

    def _conclude(self, arrays: Sequence[Any], params: Mapping[str, Any]) -> str:
        """What the inference rules say is wrong with the inputs; empty if they find nothing."""
        p = Params(**params)
        present = [a for a in arrays if a is not None]
        count = len(self.outputs(params))
        try:
            self.infer_shape([tuple(a.shape) for a in present], [None] * count, p)
            self.infer_type([a.dtype for a in present], [None] * count, p)
        except MXNetError as error:
            return str(error)
        except Exception:  # noqa: BLE001  the inputs make no sense to the rules either; the caller tells what failed
            return ""
        return ""


def _runtime_of_gradient(gradient: Any) -> frozenset[str]:
    """Which of `is_train`, `state` and `needs` a gradient formula, or a composition, asks for by name."""
    if gradient is None or isinstance(gradient, _NoGradient):
        return frozenset()
    parameters = inspect.signature(gradient).parameters.values()
    return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY) & {"is_train", "state", "needs"}


def _error_kind(error: Exception) -> type[MXNetError]:
    if isinstance(error, TypeError):
        return ArgumentTypeError
    return ArgumentError if isinstance(error, (ValueError, IndexError)) else MXNetError


def _as_function(value: Any) -> Callable[[Params], Any] | None:
    return value if value is None or callable(value) else lambda p: value


def operator(name: str, *aliases: str, cases: Iterable[Case] = ()) -> Callable[[type], Operator]:
    """Class decorator that declares the operator `name` (also reachable under `aliases`); returns the Operator."""

    def declare(body: type) -> Operator:
        return declare_operator(name, *aliases, cases=cases, doc=inspect.getdoc(body) or "", **vars(body))

    return declare


def declare_operator(name: str, *aliases: str, cases: Iterable[Case] = (), doc: str, **parts: Any) -> Operator:
    """Declare an operator from the parts that a class body would hold: for families that share their code."""
    forward = _unwrap(parts["forward"])
    hints = typing.get_type_hints(forward)
    signature = list(inspect.signature(forward).parameters.values())[1:]
    inputs = tuple(p.name for p in signature if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY))
    variadic = any(p.kind is p.VAR_POSITIONAL for p in signature)
    keywords = [p for p in signature if p.kind is p.KEYWORD_ONLY]
    params = {
        p.name: read_parameter(p.name, hints[p.name], p.default) for p in keywords if p.name not in RUNTIME_ARGUMENTS
    }
    count = parts.get("count", "num_args")
    if variadic and count not in params:
        params[count] = read_parameter(count, int, 0)
    gradient = parts["gradient"]
    declared = Operator(
        name=name,
        aliases=aliases,
        cases=tuple(cases),
        doc=doc,
        forward=forward,
        gradient=gradient if isinstance(gradient, _NoGradient) else _unwrap(gradient),
        infer_shape=_unwrap(parts["infer_shape"]),
        infer_type=_unwrap(parts.get("infer_type", type_rules.same)),
        input_names=inputs,
        params=params,
        runtime=frozenset(p.name for p in keywords) & RUNTIME_ARGUMENTS,
        variadic=variadic,
        accepts_extra=any(p.kind is p.VAR_KEYWORD for p in signature),
        mutates=_unwrap(parts.get("mutates", ())),
        count=count,
        inplace=parts.get("inplace", ()),
        view=parts.get("view", False),
        ignores_head_gradient=parts.get("ignores_head_gradient", False),
        source=forward.__module__,
        choose_inputs=_as_function(_unwrap(parts.get("inputs"))),
        choose_aux=_as_function(_unwrap(parts.get("aux"))),
        choose_outputs=_as_function(_unwrap(parts.get("outputs"))),
        choose_visible=_as_function(_unwrap(parts.get("visible"))),
        choose_listed=_as_function(_unwrap(parts.get("listed_outputs"))),
        variable_attributes=parts.get("variable_attributes", {}),
        create_state=_unwrap(parts.get("create_state")),
        repeatable=parts.get("repeatable", "create_state" not in parts),
        storage=tuple(parts.get("storage", ())),
        composition=_unwrap(parts.get("composition")),
        differentiable_once=parts.get("differentiable_once", ""),
        choose_sparse_gradient=_as_function(_unwrap(parts.get("sparse_gradient"))),
        refuse_sparse=_unwrap(parts.get("refuse_sparse")),
    )
    if (elementwise := _unwrap(parts.get("elementwise", False))) is not False:
        add_elementwise_kernel(declared, elementwise)
    register(declared, (name, *aliases))
    return declared


def _unwrap(value: Any) -> Any:
    """The function inside a staticmethod; anything else as it is."""
    return value.__func__ if isinstance(value, staticmethod) else value
