"""`ParameterDict`: parameters by name."""

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any

import numpy as np

from mxtrain import ndarray as nd
from mxtrain.base import NameLookupError
from mxtrain.context import Context
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.parameter.constant import Constant
from mxtrain.gluon.parameter.loading import load_value
from mxtrain.gluon.parameter.parameter_type import DEFAULT_INIT, Parameter
from mxtrain.ndarray import NDArray

NAMING_HELP = (
    "For more info on naming, please see https://mxnet.io/api/python/docs/tutorials/packages/gluon/blocks/naming.html"
)


class ParameterDict:
    """The parameters of a Block.

    prefix: goes before the name of every parameter that `get` makes. shared: a ParameterDict whose parameters `get`
    finds as well.
    Source: follows mxnet.gluon.ParameterDict of MXNet 1.9.1.
    """

    def __init__(self, prefix: str = "", shared: "ParameterDict | None" = None) -> None:
        self._prefix = prefix
        self._params: dict[str, Parameter] = {}
        self._shared = shared

    def __repr__(self) -> str:
        name = f"{self._prefix} " if self._prefix else ""
        lines = "\n".join(f"  {parameter}" for parameter in self.values())
        return f"{name}(\n{lines}\n)"

    def __getitem__(self, key: str) -> Parameter:
        if key not in self._params:
            raise NameLookupError(f"Expected: a parameter of {brief(self._params)}. Received: {key!r}.")
        return self._params[key]

    def __contains__(self, key: object) -> bool:
        return key in self._params

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def items(self) -> ItemsView[str, Parameter]:
        """Names and parameters."""
        return self._params.items()

    def keys(self) -> KeysView[str]:
        """Names."""
        return self._params.keys()

    def values(self) -> ValuesView[Parameter]:
        """Parameters."""
        return self._params.values()

    @property
    def prefix(self) -> str:
        """What goes before the name of every parameter that `get` makes."""
        return self._prefix

    # ---------------------------------------------------------------- members

    def get(self, name: str, **kwargs: Any) -> Parameter:
        """The parameter prefix + name; it is made from the keywords (those of Parameter) where it does not exist.

        Raises CheckError (an AssertionError) where an existing one contradicts the keywords.
        """
        name = self._prefix + name
        known = self._find(name)
        if known is None:
            known = self._params[name] = Parameter(name, **kwargs)
        else:
            for attribute, value in kwargs.items():
                _reconcile(known, attribute, value)
        return known

    def get_constant(self, name: str, value: Any = None) -> Constant:
        """The constant prefix + name; it is made from the value where it does not exist.

        Raises NameLookupError (a KeyError) where there is neither, and CheckError for another value.
        """
        name = self._prefix + name
        known = self._find(name)
        if known is None:
            if value is None:
                raise NameLookupError(
                    f"No constant named '{name}'. Please specify value if you want to create a new constant."
                )
            known = self._params[name] = Constant(name, value)
        elif not isinstance(known, Constant):
            raise CheckError(f"Parameter '{name}' already exists but it is not a constant.")
        elif value is not None and not _equal(known.value, value):
            raise CheckError(f"Constant '{name}' already exists but its value doesn't match new value")
        return known

    def _find(self, name: str) -> Parameter | None:
        """A parameter of this or the shared dictionary."""
        if name in self._params:
            return self._params[name]
        if self._shared is not None and name in self._shared._params:
            self._params[name] = self._shared._params[name]
            return self._params[name]
        return None

    def update(self, other: Any) -> None:
        """Take over all parameters of another dictionary. Raises CheckError for two of one name."""
        for name, parameter in other.items():
            if self._params.setdefault(name, parameter) is not parameter:
                raise CheckError(
                    f"Cannot update self with other because they have different Parameters with the same name '{name}'"
                )

    # ---------------------------------------------------------------- all at once

    def initialize(
        self,
        init: Any = DEFAULT_INIT,
        ctx: Context | Iterable[Context] | None = None,
        verbose: bool = False,
        force_reinit: bool = False,
    ) -> None:
        """Initialize every parameter; see Parameter.initialize. verbose: log what the initializer does."""
        if verbose:
            init.set_verbosity(verbose=verbose)
        for parameter in self.values():
            parameter.initialize(None, ctx, init, force_reinit=force_reinit)

    def zero_grad(self) -> None:
        """Set all gradients to zero."""
        for parameter in self.values():
            parameter.zero_grad()

    def reset_ctx(self, ctx: Context | Iterable[Context]) -> None:
        """Move all parameters to other contexts."""
        for parameter in self.values():
            parameter.reset_ctx(ctx)

    def list_ctx(self) -> list[Context]:
        """The contexts that some parameter is initialized on."""
        return list(dict.fromkeys(ctx for parameter in self.values() for ctx in parameter.list_ctx()))

    def setattr(self, name: str, value: Any) -> None:
        """Set an attribute of every parameter, such as `grad_req` or `lr_mult`."""
        for parameter in self.values():
            setattr(parameter, name, value)

    # ---------------------------------------------------------------- files

    def save(self, filename: str, strip_prefix: str = "") -> None:
        """Write all parameters to a file, by name without `strip_prefix`, which all of them must start with."""
        arrays = {}
        for parameter in self.values():
            if not parameter.name.startswith(strip_prefix):
                raise CheckError(
                    f"Prefix '{strip_prefix}' is to be striped before saving, but Parameter's name '{parameter.name}' "
                    f"does not start with '{strip_prefix}'. this may be due to your Block shares parameters from other "
                    "Blocks or you forgot to use 'with name_scope()' when creating child blocks. " + NAMING_HELP
                )
            arrays[parameter.name[len(strip_prefix) :]] = parameter._reduce()
        nd.save(filename, arrays)

    def load(
        self,
        filename: str,
        ctx: Context | list[Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
        restore_prefix: str = "",
        cast_dtype: bool = False,
        dtype_source: str = "current",
    ) -> None:
        """Read parameters from a file; see `load_dict`."""
        for name in self.keys() if restore_prefix else ():
            if not name.startswith(restore_prefix):
                raise CheckError(
                    f"restore_prefix is '{restore_prefix}' but Parameters name '{name}' does not start with "
                    f"'{restore_prefix}'. " + NAMING_HELP
                )
        loaded = nd.load(filename)
        if not isinstance(loaded, dict):
            raise CheckError(f"{filename}: expected arrays with names. Received: a list of {len(loaded)} without.")
        self.load_dict(loaded, ctx, allow_missing, ignore_extra, restore_prefix, filename, cast_dtype, dtype_source)

    def load_dict(
        self,
        param_dict: Mapping[str, NDArray],
        ctx: Context | list[Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
        restore_prefix: str = "",
        filename: str | None = None,
        cast_dtype: bool = False,
        dtype_source: str = "current",
    ) -> None:
        """Take over values by name (those of files may start with "arg:" or "aux:").

        restore_prefix: goes before the names. allow_missing: parameters may be without a value. ignore_extra: values
        may be without a parameter. cast_dtype, dtype_source: see Block.load_parameters.
        Raises CheckError naming what is missing, left over, or of another shape or dtype.
        """
        source = f"file: {filename}" if filename else "param_dict"
        values = {restore_prefix + _without_kind(name): value for name, value in param_dict.items()}
        missing = [] if allow_missing else [name for name in self.keys() if name not in values]
        if missing:
            raise CheckError(
                f"Parameter '{missing[0][len(restore_prefix) :]}' is missing in {source}, which contains parameters: "
                f"{brief(name[len(restore_prefix) :] for name in values)}. Please make sure source and target networks "
                f"have the same prefix.{NAMING_HELP}"
            )
        for name, value in values.items():
            if name in self._params:
                load_value(self._params[name], value, ctx, cast_dtype, dtype_source)
            elif not ignore_extra:
                raise CheckError(
                    f"Parameter '{name[len(restore_prefix) :]}' loaded from {source} is not present in ParameterDict, "
                    f"choices are: {brief(key[len(restore_prefix) :] for key in self.keys())}. Set ignore_extra to "
                    f"True to ignore. Please make sure source and target networks have the same prefix.{NAMING_HELP}"
                )


def _reconcile(parameter: Parameter, attribute: str, value: Any) -> None:
    """Make sure that an existing parameter is what is asked for; what it does not know yet is filled in."""
    existing = getattr(parameter, attribute, None)
    if existing is None:
        setattr(parameter, attribute, value)
        return
    if attribute == "shape" and value is not None:
        wanted = (value,) if isinstance(value, int) else tuple(value)
        if _compatible(wanted, existing):
            parameter._shape = tuple(mine if mine > 0 else other for mine, other in zip(existing, wanted, strict=True))
            return
    elif attribute == "dtype" and value is not None and np.dtype(value) == np.dtype(existing):
        return
    if value is not None and value != existing:
        raise CheckError(
            f"Cannot retrieve Parameter '{parameter.name}' because desired attribute does not match with stored for "
            f"attribute '{attribute}': desired '{value}' vs stored '{existing}'."
        )


def _compatible(wanted: tuple[int, ...], existing: tuple[int, ...]) -> bool:
    if len(wanted) != len(existing):
        return False
    return all(a == b or a <= 0 or b <= 0 for a, b in zip(wanted, existing, strict=True))


def _equal(known: NDArray, value: Any) -> bool:
    values = value.asnumpy() if isinstance(value, NDArray) else np.asarray(value)
    return known.shape == values.shape and bool((known.asnumpy() == values).all())


def _without_kind(name: str) -> str:
    """The name without the "arg:" or "aux:" that exported networks write before it."""
    return name[4:] if name.startswith(("arg:", "aux:")) else name


def brief(names: Iterable[str], limit: int = 7) -> str:
    """A few names for a message: 'a', 'b', ..., 'z'."""
    listed = [f"'{name}'" for name in names]
    if len(listed) <= limit:
        return ", ".join(listed)
    return ", ".join([*listed[: limit // 2], "...", *listed[-(limit // 2) :]])
