"""`HybridBlock`: a block whose computation is written once for arrays and symbols, and can be compiled."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxtrain import ndarray as nd
from mxtrain import symbol as sym
from mxtrain.base import ArgumentError, MXNetError
from mxtrain.context import Context
from mxtrain.executor import CachedOp
from mxtrain.gluon.block import graph_files
from mxtrain.gluon.block.block_type import Block
from mxtrain.gluon.block.inputs import Inputs, inspect_inputs
from mxtrain.gluon.block.nesting import Structure, fits, flatten, regroup
from mxtrain.gluon.errors import DeferredInitializationError
from mxtrain.gluon.parameter import ParameterDict
from mxtrain.ndarray import NDArray
from mxtrain.symbol import Symbol
from mxtrain.util import is_np_shape


class HybridBlock(Block):
    """A block that runs operator by operator until `hybridize()` lets it run as one compiled graph.

    A subclass defines `hybrid_forward(F, x, *args, **params)`, where F is `mx.nd` or `mx.sym` and params are the
    block's own parameters by attribute name. All children must be HybridBlocks.
    Source: follows mxnet.gluon.HybridBlock of MXNet 1.9.1.
    """

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._cached_graph: tuple[list[Symbol], Symbol] | None = None
        self._cached_op: CachedOp | None = None
        self._cached_op_args: list[tuple[bool, Any]] = []
        self._in_format: Structure = None
        self._out_format: Structure = None
        self._active = False
        self._flags: list[tuple[str, Any]] = []
        self._backend: str | None = None
        self._backend_opts: dict[str, Any] = {}
        self._callback: Callable[[str, str, NDArray], None] | None = None
        self._monitor_all = False

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if isinstance(value, HybridBlock):
            self._clear_cached_op()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy of the block has: everything but the compiled graph, which holds this block's own arrays."""
        return {**vars(self), "_cached_graph": None, "_cached_op": None, "_cached_op_args": []}

    def register_child(self, block: Block, name: str | None = None) -> None:
        """Make a HybridBlock a child. Raises ArgumentError for another kind of block."""
        if not isinstance(block, HybridBlock):
            raise ArgumentError(
                f"Children of HybridBlock must also be HybridBlock, but {block} has type {type(block)}. If you are "
                "using Sequential, please try HybridSequential instead."
            )
        super().register_child(block, name)
        self._clear_cached_op()

    # ---------------------------------------------------------------- running

    def forward(self, x: Any, *args: Any) -> Any:
        """Run on arrays (compiled, where hybridized), or compose symbols.

        Raises ArgumentError for a mix of both, and where a hybridized block gets arrays on several contexts.
        """
        inputs = inspect_inputs(x, args)
        if inputs.context is None:
            params: dict[str, Any] = {name: parameter.var() for name, parameter in self._reg_params.items()}
            with self.name_scope():
                return self.hybrid_forward(sym, x, *args, **params)
        with inputs.context:
            if self._active:
                return self._call_cached_op(inputs, x, *args)
            return self.hybrid_forward(nd, x, *args, **self._own_params(inputs.context, x, *args))

    def _own_params(self, ctx: Context, *args: Any) -> dict[str, Any]:
        """The values of the block's own parameters by attribute name, initialized now where they waited for a shape."""
        try:
            return {name: parameter.data(ctx) for name, parameter in self._reg_params.items()}
        except DeferredInitializationError:
            self._deferred_infer_shape(*args)
            for parameter in self.params.values():
                parameter._finish_deferred_init()
            return {name: parameter.data(ctx) for name, parameter in self._reg_params.items()}

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The computation, written with F (`mx.nd` or `mx.sym`): x, args and kwargs are arrays or symbols."""
        raise NotImplementedError(f"{type(self).__name__} must define hybrid_forward")

    # ---------------------------------------------------------------- the compiled graph

    def hybridize(
        self,
        active: bool = True,
        backend: str | None = None,
        clear: bool = True,
        static_alloc: bool = False,
        static_shape: bool = False,
        inline_limit: int = 2,
        forward_bulk_size: int | None = None,
        backward_bulk_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Run as a compiled graph from now on (or, with active=False, no longer).

        clear: forget the graph that was compiled before. backend: a registered graph rewriter, with its options as
        keywords. The others are accepted as in MXNet; memory is always planned.
        """
        self._backend = backend
        self._backend_opts = kwargs if backend is not None else {}
        self._active = active
        flags = {
            "static_alloc": static_alloc,
            "static_shape": static_shape,
            "inline_limit": inline_limit,
            "forward_bulk_size": forward_bulk_size,
            "backward_bulk_size": backward_bulk_size,
        }
        self._flags = [(name, value) for name, value in flags.items() if value is not None]
        if clear:
            self._clear_cached_op()
        if active and (self._forward_hooks or self._forward_pre_hooks):
            warnings.warn(
                f'"{self}" is being hybridized while still having forward hook/pre-hook. If "{self}" is a child of '
                "HybridBlock, the hooks will not take effect.",
                stacklevel=2,
            )
        super().hybridize(active, **flags)

    def optimize_for(
        self,
        x: Any,
        *args: Any,
        backend: str | None = None,
        clear: bool = False,
        static_alloc: bool = False,
        static_shape: bool = False,
        inline_limit: int = 2,
        forward_bulk_size: int | None = None,
        backward_bulk_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Hybridize, and compile the graph for inputs like these without running it."""
        self.hybridize(
            True,
            backend,
            clear,
            static_alloc,
            static_shape,
            inline_limit,
            forward_bulk_size,
            backward_bulk_size,
            **kwargs,
        )
        inputs = inspect_inputs(x, args)
        if inputs.context is None:
            raise ArgumentError("optimize_for: expected NDArrays. Received: Symbols.")
        with inputs.context:
            self._build_cache(inputs.context, x, *args)

    def cast(self, dtype: Any) -> None:
        """Change the element type of all parameters."""
        self._clear_cached_op()
        super().cast(dtype)

    def _clear_cached_op(self) -> None:
        self._cached_graph = None
        self._cached_op = None

    def _get_graph(self, *args: Any) -> tuple[list[Symbol], Symbol]:
        """The graph of a call with inputs like these: (input variables, outputs)."""
        if self._cached_graph is None:
            flat, self._in_format = flatten(args, "input")
            count = sum(value is not None for value in flat)
            if count == 0:
                raise ArgumentError(f"All args are None and we do not support such a case. Received args={args}")
            names = iter(["data"] if count == 1 else [f"data{number}" for number in range(count)])
            variables = [None if value is None else sym.var(next(names)) for value in flat]
            params = {name: parameter.var() for name, parameter in self._reg_params.items()}
            with self.name_scope():
                outputs = self.hybrid_forward(sym, *regroup(variables, self._in_format)[0], **params)
            flat_outputs, self._out_format = flatten(outputs, "output")
            self._cached_graph = [v for v in variables if v is not None], sym.Group(flat_outputs)
        return self._cached_graph

    def _build_cache(self, ctx: Context, *args: Any) -> None:
        """Trace the graph, and find out which of its inputs are data and which are parameters."""
        data, out = self._get_graph(*args)
        places = {str(variable.name): place for place, variable in enumerate(data)}
        params = self.collect_params()
        names = out.list_inputs()
        self._warn_of_unused(places, params, names)
        if self._backend is not None:
            out = self._rewritten(out, ctx, params, args)
            self._cached_graph = data, out
            names = out.list_inputs()
        self._cached_op_args = [(True, places[n]) if n in places else (False, params[n]) for n in names]
        indices = {
            is_data: [i for i, (kind, _) in enumerate(self._cached_op_args) if kind is is_data]
            for is_data in (True, False)
        }
        flags = [("data_indices", indices[True]), ("param_indices", indices[False]), *self._flags]
        self._cached_op = CachedOp(out, flags)
        self._watch_operators()

    def _watch_operators(self) -> None:
        if self._cached_op is None or self._callback is None:
            return
        callback = self._callback
        self._cached_op._register_op_hook(
            lambda name, operator, array: callback(name.decode(), operator.decode(), array), self._monitor_all
        )

    @staticmethod
    def _warn_of_unused(data: dict[str, int], params: ParameterDict, used: Sequence[str]) -> None:
        for name, place in data.items():
            if name not in used:
                warnings.warn(
                    f"The {place}-th input to HybridBlock is not used by any computation. Is this intended?",
                    stacklevel=5,
                )
        for name in params:
            if name not in used:
                warnings.warn(f"Parameter {name} is not used by any computation. Is this intended?", stacklevel=5)

    def _rewritten(self, out: Any, ctx: Context, params: ParameterDict, args: Sequence[Any]) -> Symbol:
        """The graph after the backend of `hybridize` has changed it."""
        self._initialize_deferred(*args)
        values = {name: parameter.data(ctx) for name, parameter in params.items()}
        arguments = {name: values[name] for name in out.list_arguments() if name in values}
        states = {name: values[name] for name in out.list_auxiliary_states()}
        rewritten: Symbol = out.optimize_for(self._backend, arguments, states, ctx, **self._backend_opts)
        return rewritten

    def _call_cached_op(self, inputs: Inputs, *args: Any) -> Any:
        if len(inputs.contexts) > 1:
            raise ArgumentError(
                "Find multiple contexts in the input, After hybridized, the HybridBlock only supports one input "
                "context. You can print the ele.ctx in the input arguments to inspect their contexts. Find all "
                f"contexts = {inputs.contexts}"
            )
        ctx = inputs.context
        if self._cached_op is None:
            self._build_cache(ctx, *args)  # type: ignore[arg-type]
        flat, structure = flatten(args, "input")
        if not fits(structure, self._in_format):
            raise ArgumentError(
                f"The argument structure of HybridBlock does not match the cached version. Stored format = "
                f"{structure}, input format = {self._in_format}"
            )
        data = [value for value in flat if value is not None]
        try:
            arrays = [data[what] if is_data else what.data(ctx) for is_data, what in self._cached_op_args]
        except DeferredInitializationError:
            self._initialize_deferred(*args)
            arrays = [data[what] if is_data else what.data(ctx) for is_data, what in self._cached_op_args]
        out = self._cached_op(*arrays)  # type: ignore[misc]
        if self._out_format == [0]:
            return [out]
        return out if self._out_format == 0 else regroup(out if isinstance(out, list) else [out], self._out_format)[0]

    def _initialize_deferred(self, *args: Any) -> None:
        """Initialize the parameters of the graph that waited for a shape."""
        params = self.collect_params()
        if any(parameter._deferred_init is not None for parameter in params.values()):
            self._deferred_infer_shape(*args)
            for parameter in params.values():
                parameter._finish_deferred_init()

    def register_op_hook(self, callback: Callable[[str, str, Any], None], monitor_all: bool = False) -> None:
        """Call `callback(name, operator, array)` with operators' outputs, and inputs (monitor_all), when hybridized."""
        self._callback = callback
        self._monitor_all = monitor_all
        super().register_op_hook(callback, monitor_all)
        self._watch_operators()

    # ---------------------------------------------------------------- inference

    def infer_shape(self, *args: Any) -> None:
        """Give the parameters the shapes that follow from inputs like these."""
        self._infer("infer_shape_partial", "shape", args)

    def infer_type(self, *args: Any) -> None:
        """Give the parameters the element types that follow from inputs like these."""
        self._infer("infer_type_partial", "dtype", args)

    def _infer(self, infer: str, attribute: str, args: Sequence[Any]) -> None:
        variables, out = self._get_graph(*args)
        values = [value for value in flatten(args, "input")[0] if value is not None]
        known = {str(v.name): getattr(value, attribute) for v, value in zip(variables, values, strict=True)}
        arguments, _, states = getattr(out, infer)(**known)
        found = dict(zip(out.list_arguments(), arguments, strict=True))
        found.update(zip(out.list_auxiliary_states(), states, strict=True))
        for parameter in self.collect_params().values():
            fact = found.get(parameter.name)
            unknown = fact is None or (fact == () and not is_np_shape())
            if not unknown:
                setattr(parameter, attribute, fact)

    def _deferred_infer_shape(self, *args: Any) -> None:
        try:
            self.infer_shape(*args)
        except MXNetError as error:
            raise ArgumentError(f"Deferred initialization failed because shape cannot be inferred. {error}") from error

    # ---------------------------------------------------------------- files

    def export(self, path: str | None, epoch: int = 0, remove_amp_cast: bool = True) -> Any:
        """Write the graph and the parameters: PATH-symbol.json and PATH-0000.params (with the epoch's number).

        They can be read by SymbolBlock.imports, mx.mod.Module and MXNet. Without a path: returns (symbol, parameters by
        "arg:NAME" and "aux:NAME"). Raises MXNetError before the first forward of the hybridized block.
        """
        return graph_files.export(self, path, epoch, remove_amp_cast)

    def _describe_graph(self) -> dict[str, Any]:
        """The compiled graph for `Block.save`."""
        return graph_files.describe(self)

    def _restore_graph(self, described: dict[str, Any], prefixes: Mapping[str, str]) -> None:
        """Take a graph over that `Block.save` wrote; see architecture.GraphHolder."""
        graph_files.restore(self, described, prefixes)
