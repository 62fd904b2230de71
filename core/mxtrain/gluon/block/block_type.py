"""`Block`: a layer or a network, with parameters and child blocks."""

import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.context import Context
from mxtrain.gluon.block import architecture, files
from mxtrain.gluon.block.hooks import HookHandle
from mxtrain.gluon.block.naming import BlockScope
from mxtrain.gluon.block.summary import print_summary
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.parameter import Parameter, ParameterDict
from mxtrain.gluon.parameter.parameter_type import DEFAULT_INIT


class Block:
    """Base of all layers and networks. A subclass makes its layers in `__init__` and defines `forward(*args)`.

    Attributes that are Blocks or Parameters are registered as children. prefix: goes before the names of all parameters
    below; numbered after the class by default. params: a ParameterDict to share parameters with.
    Source: follows mxnet.gluon.Block of MXNet 1.9.1.
    """

    _params: ParameterDict

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        self._empty_prefix = prefix == ""
        self._prefix, self._params = BlockScope.create(prefix, params, self._alias())
        self._name = self._prefix.removesuffix("_")
        self._scope = BlockScope(self)
        self._children: dict[str, Block] = {}
        self._reg_params: dict[str, Parameter] = {}
        self._forward_hooks: dict[int, Callable[..., Any]] = {}
        self._forward_pre_hooks: dict[int, Callable[..., Any]] = {}

    def __repr__(self) -> str:
        members = [(key, value) for key, value in vars(self).items() if isinstance(value, Block)]
        return _tree(type(self).__name__, members)

    def __setattr__(self, name: str, value: Any) -> None:
        existing = getattr(self, name, None)
        if isinstance(existing, (Parameter, Block)) and not isinstance(value, type(existing)):
            raise ArgumentTypeError(
                f"Changing attribute type for {name} from {type(existing)} to {type(value)}is not allowed."
            )
        if isinstance(value, Block):
            self.register_child(value, name)
        elif isinstance(value, Parameter):
            if self._reg_params.get(name, value) is not value:
                raise CheckError(
                    f"Overriding Parameter attribute {name} is not allowed. If you want to share parameters between "
                    "blocks, please set 'params' at Block construction instead."
                )
            self._reg_params[name] = value
        super().__setattr__(name, value)

    # ---------------------------------------------------------------- names and members

    def _alias(self) -> str:
        """What blocks of this class are named after."""
        return type(self).__name__.lower()

    @property
    def prefix(self) -> str:
        """What goes before the names of all parameters below this block."""
        return self._prefix

    @property
    def name(self) -> str:
        """The prefix without the underscore at its end."""
        return self._name

    def name_scope(self) -> BlockScope:
        """A `with` block: blocks made inside are named below this one."""
        return self._scope

    @property
    def params(self) -> ParameterDict:
        """The block's own parameters, without those of its children (see collect_params)."""
        return self._params

    def collect_params(self, select: str | None = None) -> ParameterDict:
        """The parameters of this block and all below it; with `select`, those whose name matches the pattern."""
        self._warn_of_hidden_blocks()
        found = ParameterDict(self._params.prefix)
        pattern = re.compile(select or "")
        found.update({name: value for name, value in self.params.items() if pattern.match(name)})
        for child in self._children.values():
            found.update(child.collect_params(select=select))
        return found

    def _warn_of_hidden_blocks(self) -> None:
        """Warn of blocks in lists and dictionaries, which are not found there."""
        known = {id(child) for child in self._children.values()}
        for name, value in vars(self).items():
            if name.startswith("__") or name == "_children" or not isinstance(value, (list, tuple, dict)):
                continue
            if any(id(block) not in known for block in _blocks_in(value)):
                warnings.warn(
                    f'"{type(self).__name__}.{name}" is an unregistered container with Blocks. Note that Blocks inside '
                    "the list, tuple or dict will not be registered automatically. Make sure to register them using "
                    "register_child() or switching to nn.Sequential/nn.HybridSequential instead. ",
                    stacklevel=3,
                )

    def _collect_params_with_prefix(self, prefix: str = "") -> dict[str, Parameter]:
        """All parameters by their place in the network, such as "features.0.weight"."""
        start = f"{prefix}." if prefix else ""
        found = {start + name: parameter for name, parameter in self._reg_params.items()}
        for name, child in self._children.items():
            found.update(child._collect_params_with_prefix(start + name))
        return found

    def register_child(self, block: "Block", name: str | None = None) -> None:
        """Make a block a child; blocks set as attributes are registered by themselves."""
        self._children[str(len(self._children)) if name is None else name] = block

    def apply(self, fn: Callable[["Block"], Any]) -> "Block":
        """Call `fn` with every block below, then with this one; returns this one."""
        for child in self._children.values():
            child.apply(fn)
        fn(self)
        return self

    # ---------------------------------------------------------------- hooks

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(block, inputs)` before every forward; inputs is a tuple."""
        return HookHandle(self._forward_pre_hooks, hook)

    def register_forward_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(block, inputs, outputs)` after every forward."""
        return HookHandle(self._forward_hooks, hook)

    def register_op_hook(self, callback: Callable[[str, str, Any], None], monitor_all: bool = False) -> None:
        """Call `callback(name, operator, array)` with every operator's output in hybridized blocks.

        monitor_all: with the operators' inputs, too.
        """
        for child in self._children.values():
            child.register_op_hook(callback, monitor_all)

    # ---------------------------------------------------------------- parameters

    def initialize(
        self,
        init: Any = DEFAULT_INIT,
        ctx: Context | Iterable[Context] | None = None,
        verbose: bool = False,
        force_reinit: bool = False,
    ) -> None:
        """Initialize all parameters; see ParameterDict.initialize."""
        self.collect_params().initialize(init, ctx, verbose, force_reinit)

    def cast(self, dtype: Any) -> None:
        """Change the element type of all parameters."""
        for child in self._children.values():
            child.cast(dtype)
        for parameter in self.params.values():
            parameter.cast(dtype)

    def save_parameters(self, filename: str, deduplicate: bool = False) -> None:
        """Write all parameters to a file, by their place in the network. deduplicate: shared ones only once."""
        files.save(self, filename, deduplicate)

    def load_parameters(
        self,
        filename: str,
        ctx: Context | list[Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
        cast_dtype: bool = False,
        dtype_source: str = "current",
    ) -> None:
        """Read parameters from a file of `save_parameters`, `collect_params().save` or `export`.

        ctx: where to put parameters that are not initialized; cpu by default. allow_missing: parameters may be missing
        in the file. ignore_extra: it may have others. cast_dtype: dtypes may differ; dtype_source: the "current" dtype
        or the "saved" one is kept then. Raises CheckError or ArgumentError naming what does not fit.
        """
        files.load(self, filename, ctx, allow_missing, ignore_extra, cast_dtype, dtype_source)

    def save_params(self, filename: str) -> None:
        """Old name of save_parameters, with the parameters' full names in the file; deprecated, as in MXNet."""
        warnings.warn(
            "save_params is deprecated. Please use save_parameters. Note that if you want load from SymbolBlock later, "
            "please use export instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        try:
            self.collect_params().save(filename, strip_prefix=self.prefix)
        except CheckError as error:
            raise ArgumentError(
                f"{error}\nsave_params is deprecated. Using save_parameters may resolve this error."
            ) from error

    def load_params(
        self, filename: str, ctx: Any = None, allow_missing: bool = False, ignore_extra: bool = False
    ) -> None:
        """Old name of load_parameters; deprecated, as in MXNet."""
        warnings.warn("load_params is deprecated. Please use load_parameters.", DeprecationWarning, stacklevel=2)
        self.load_parameters(filename, ctx, allow_missing, ignore_extra)

    def save(self, prefix: str) -> None:
        """Write parameters and the graphs of hybridized blocks: PREFIX-model.params and PREFIX-model.json."""
        architecture.save(self, prefix)

    def load(self, prefix: str) -> None:
        """Read what `save` wrote into a network made by the same code."""
        architecture.load(self, prefix)

    # ---------------------------------------------------------------- running

    def hybridize(self, active: bool = True, **kwargs: Any) -> None:
        """Let the HybridBlocks below run as compiled graphs; see HybridBlock.hybridize."""
        for child in self._children.values():
            child.hybridize(active, **kwargs)

    def __call__(self, *args: Any) -> Any:
        """Run `forward`, between the hooks."""
        for hook in self._forward_pre_hooks.values():
            hook(self, args)
        out = self.forward(*args)
        if self._forward_hooks:
            for hook in tuple(self._forward_hooks.values()):
                hook(self, args, out)
        return out

    def forward(self, *args: Any) -> Any:
        """The computation: arrays to an array or a list of them."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def summary(self, *inputs: Any) -> None:
        """Print a table of the layers, their outputs' shapes and their parameters, for a call with these inputs."""
        print_summary(self, inputs)


def _blocks_in(value: Any) -> Iterable[Block]:
    """The blocks in nested lists and dictionaries."""
    if isinstance(value, Block):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _blocks_in(part)


def _tree(title: str, members: Iterable[tuple[str, Any]], indent: str = "  ") -> str:
    """A block in words, one line per member; members' own lines stand two columns further to the right."""
    lines = "\n".join(f"{indent}({name}): " + repr(member).replace("\n", "\n  ") for name, member in members)
    return f"{title}(\n{lines}\n)"
