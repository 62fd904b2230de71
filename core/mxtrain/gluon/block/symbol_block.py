"""`SymbolBlock`: a Symbol as a block."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mxtrain import symbol as sym
from mxtrain.base import mx_real_t
from mxtrain.context import Context
from mxtrain.gluon.block.hybrid_block import HybridBlock
from mxtrain.gluon.block.inputs import inspect_inputs
from mxtrain.gluon.block.nesting import flatten, regroup
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.parameter import ParameterDict
from mxtrain.symbol import Symbol

ROW_SPARSE = "1"
#: What a batch normalization has beside its variance, by the end of the variance's name.
NORMALIZATION = {"running_var": ("running_mean", "gamma", "beta"), "moving_var": ("moving_mean", "gamma", "beta")}


class SymbolBlock(HybridBlock):
    """A block that computes a Symbol.

    outputs: a Symbol or a list of them. inputs: the variables that take the data, one or a list; all other variables
    become parameters. params: a ParameterDict to share parameters with.
    Raises CheckError (an AssertionError) for inputs that are no variables, and for row_sparse parameters.
    Source: follows mxnet.gluon.SymbolBlock of MXNet 1.9.1.
    """

    def __init__(self, outputs: Any, inputs: Any, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=None, params=None)
        self._prefix = ""
        self._params = ParameterDict("", params)
        if isinstance(inputs, Symbol) and len(inputs) == 1:
            inputs = [inputs]
        if isinstance(outputs, (list, tuple)) and len(outputs) == 1:
            outputs = outputs[0]
        variables, self._in_format = flatten(inputs, "input")
        flat_outputs, self._out_format = flatten(outputs, "output")
        out = sym.Group(flat_outputs)
        _check(variables, out)
        self._make_parameters(variables, out)
        self._cached_graph = variables, out
        start = len(_common_start(list(self.params.keys())))
        self._reg_params = {name[start:]: parameter for name, parameter in self.params.items()}

    def __repr__(self) -> str:
        variables, out = self._get_graph()
        return f"{type(self).__name__}(\n{out} : {len(variables)} -> {len(out)}\n)"

    def _make_parameters(self, variables: Sequence[Symbol], out: Symbol) -> None:
        inputs = {variable.name for variable in variables}
        types = _parameter_types(variables, out)
        for name in out.list_arguments():
            if name not in inputs:
                self.params.get(name, allow_deferred_init=True, dtype=types.get(name, mx_real_t))
        for name in out.list_auxiliary_states():
            if name not in inputs:
                self.params.get(name, grad_req="null", allow_deferred_init=True, dtype=types.get(name, mx_real_t))

    @staticmethod
    def imports(
        symbol_file: str,
        input_names: str | Sequence[str],
        param_file: str | None = None,
        ctx: Context | list[Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
    ) -> "SymbolBlock":
        """A block from the files that `HybridBlock.export` wrote (or Module, or MXNet).

        input_names: the variables that take the data. ctx: where the parameters go. The parameters have the dtypes of
        the file.
        """
        names = [input_names] if isinstance(input_names, str) else input_names
        dtype = mx_real_t if param_file is None else None
        block = SymbolBlock(sym.load(symbol_file), [sym.var(name, dtype=dtype) for name in names])
        if param_file is not None:
            block.collect_params().load(
                param_file, ctx, allow_missing, ignore_extra, cast_dtype=True, dtype_source="saved"
            )
        return block

    def forward(self, x: Any, *args: Any) -> Any:
        """Run the graph on arrays, or put symbols in the place of its inputs."""
        inputs = inspect_inputs(x, args)
        if inputs.context is not None:
            with inputs.context:
                return self._call_cached_op(inputs, x, *args)
        flat, structure = flatten([x, *args], "input")
        if structure != self._in_format:
            raise CheckError(f"Invalid input format. Expected: {self._in_format}. Received: {structure}.")
        variables, out = self._get_graph()
        composed = out(**{str(variable.name): value for variable, value in zip(variables, flat, strict=True)})
        return regroup(list(composed), self._out_format)[0]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_cached_graph": self._cached_graph}

    def _clear_cached_op(self) -> None:
        graph = self._cached_graph
        super()._clear_cached_op()
        self._cached_graph = graph

    def cast(self, dtype: Any) -> None:
        """Change the element type of all parameters; with float16 those of batch normalization stay float32."""
        super().cast(dtype)
        if np.dtype(dtype).name != "float16":
            return
        names = self._get_graph()[1].list_inputs()
        for name in names:
            for ending, siblings in NORMALIZATION.items():
                group = [name.removesuffix(ending) + sibling for sibling in siblings]
                if name.endswith(ending) and set(group) <= set(names):
                    for member in (name, *group):
                        self.params.get(member).cast("float32")

    def reset_ctx(self, ctx: Context | Iterable[Context]) -> None:
        """Move all parameters to other contexts."""
        self.collect_params().reset_ctx(ctx)


def _common_start(names: Sequence[str]) -> str:
    """The longest text that all names start with."""
    first, last = min(names, default=""), max(names, default="")
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:same]


def _check(variables: Sequence[Symbol], out: Symbol) -> None:
    for variable in variables:
        if len(variable.get_internals().list_outputs()) != 1:
            raise CheckError(f"Input symbols must be variable, but {variable} is an output of operators")
    for node in out.get_internals():
        if node.attr("__storage_type__") == ROW_SPARSE:
            raise CheckError(
                f"SymbolBlock doesn't support Parameter '{node.name}' because its storage type is 'row_sparse'."
            )


def _parameter_types(variables: Sequence[Symbol], out: Symbol) -> dict[str, Any]:
    """The dtypes of the graph's variables, as far as they follow from those that the inputs were made with."""
    given = sym.Group(list(variables)).infer_type_partial()[0]
    known = {str(v.name): dtype for v, dtype in zip(variables, given, strict=True) if dtype is not None}
    used: dict[str, Any] = {name: dtype for name, dtype in known.items() if name in out.list_inputs()}
    arguments, _, states = out.infer_type_partial(**used)
    found = dict(zip(out.list_arguments(), arguments, strict=True))
    found.update(zip(out.list_auxiliary_states(), states, strict=True))
    return {name: dtype for name, dtype in found.items() if dtype is not None}
