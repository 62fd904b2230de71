"""`Initializer`: fills a parameter with its first values, according to the parameter's name and attributes."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mxtrain import log, registry
from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.ndarray import NDArray


class InitDesc(str):
    """The name of a parameter, with what else an initializer may want to know.

    attrs: attributes of the variable; "__init__" there names the initializer to use. global_init: the initializer of
    the whole model, for one that initializes only a part.
    """

    attrs: dict[str, str]
    global_init: Any

    def __new__(cls, name: str, attrs: Mapping[str, str] | None = None, global_init: Any = None) -> InitDesc:
        """A description; strings cannot be changed, so it is filled here."""
        desc = super().__new__(cls, name)
        desc.attrs = dict(attrs or {})
        desc.global_init = global_init
        return desc


class Initializer:
    """Base of all initializers. A subclass defines `_init_weight(name, array)`; the keywords are its configuration.

    A parameter is filled by the initializer in its attribute "__init__" if it has one, else by its name: *weight by
    this initializer, *gamma with 1, *bias and *beta with 0, *moving_mean and *running_mean with 0, *moving_var and
    *running_var with 1, *min with 0, *max with 1.

    Source: follows mxnet.initializer.Initializer of MXNet 1.9.1.
    """

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = kwargs
        self._verbose = False
        self._print_func: Callable[[NDArray], Any] = _root_mean_square

    def set_verbosity(self, verbose: bool = False, print_func: Callable[[NDArray], Any] | None = None) -> Initializer:
        """Logs each initialization, with what print_func says of the array (its root mean square by default)."""
        self._verbose = verbose
        self._print_func = print_func or _root_mean_square
        return self

    def dumps(self) -> str:
        """The JSON text that `mx.init.create` makes an equal initializer of, such as '["uniform", {"scale": 0.07}]'."""
        return json.dumps([type(self).__name__.lower(), self._kwargs])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Initializer):
            return NotImplemented
        return type(self) is type(other) and self._kwargs == other._kwargs

    __hash__ = object.__hash__

    def __call__(self, desc: InitDesc | str, arr: NDArray) -> None:
        """Fills `arr` for the parameter that `desc` names.

        Raises ArgumentError (a ValueError) for a name without a rule.
        """
        if not isinstance(desc, str):
            raise ArgumentTypeError(f"Expected: an InitDesc or a name. Received: {type(desc).__name__}.")
        if not isinstance(desc, InitDesc):
            warnings.warn(
                "Calling initializer with init(str, NDArray) has been deprecated. Please use"
                " init(mx.init.InitDesc(...), NDArray) instead.",
                DeprecationWarning,
                stacklevel=2,
            )
            desc = InitDesc(desc)
        if desc.global_init is None:
            desc.global_init = self
        stated = desc.attrs.get("__init__")
        if stated:
            create(stated)._init_weight(desc, arr)
            self._log(desc, stated, arr)
            return
        rule = next((rule for endings, rule in _RULES if desc.lower().endswith(endings)), "default")
        getattr(self, f"_init_{rule}")(desc, arr)
        self._log(desc, rule, arr)

    def _log(self, desc: InitDesc, init: str, arr: NDArray) -> None:
        if self._verbose:
            log.info("Initialized %s as %s: %s", desc, init, self._print_func(arr))

    def _init_weight(self, name: str, arr: NDArray) -> None:
        """Fills a weight; every initializer states its own."""
        raise NotImplementedError(f"{type(self).__name__} must define _init_weight")

    def _init_bias(self, _: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_beta(self, _: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_gamma(self, _: str, arr: NDArray) -> None:
        arr[:] = 1.0

    def _init_zero(self, _: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_one(self, _: str, arr: NDArray) -> None:
        arr[:] = 1.0

    def _init_quantized_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = np.random.randint(-127, 127, size=arr.shape)

    def _init_default(self, name: str, _: NDArray) -> None:
        raise ArgumentError(
            f"Unknown initialization pattern for {name}. Default initialization is now limited to"
            ' "weight", "bias", "gamma" (1.0), and "beta" (0.0). Please use mx.sym.Variable(init=mx.init.*) to set'
            " initialization pattern"
        )


#: Endings of names, and the method _init_<rule> that fills such a parameter; the first that fits counts.
_RULES = (
    (("weight",), "weight"),
    (("bias",), "bias"),
    (("gamma",), "gamma"),
    (("beta",), "beta"),
    (("min",), "zero"),
    (("max",), "one"),
    (("moving_mean", "running_mean", "moving_avg", "moving_inv_var"), "zero"),
    (("moving_var", "running_var"), "one"),
)


def _root_mean_square(array: NDArray) -> str:
    values = array.asnumpy().astype(np.float64)
    return str(math.sqrt(float((values * values).mean()))) if values.size else "0.0"


register = registry.get_register_func(Initializer, "initializer")
alias = registry.get_alias_func(Initializer, "initializer")
create = registry.get_create_func(Initializer, "initializer")
