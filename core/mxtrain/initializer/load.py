"""Initializers that choose by name: from saved parameters, or among several initializers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxtrain import log
from mxtrain.base import ArgumentError
from mxtrain.ndarray import NDArray
from mxtrain.ndarray.serialization import load


class Load:
    """Copies parameters from a file or a dictionary, by name ("arg:" and "aux:" before names do not matter).

    param: file name, or names to NDArrays. default_init: fills what is not there. verbose: log each parameter.
    Calling it raises ArgumentError for a parameter that is not there, or of another shape.
    Source: mxnet.initializer.Load of MXNet 1.9.1.
    """

    def __init__(
        self, param: str | Mapping[str, NDArray], default_init: Callable[..., Any] | None = None, verbose: bool = False
    ) -> None:
        params = load(param) if isinstance(param, str) else param
        if not isinstance(params, Mapping):
            raise ArgumentError(f"Load: expected named parameters. Received: {type(params).__name__} ({param!s:.100}).")
        self.param = {name.removeprefix("arg:").removeprefix("aux:"): array for name, array in params.items()}
        self.default_init = default_init
        self.verbose = verbose

    def __call__(self, name: str, arr: NDArray) -> None:
        """Fills `arr` for the parameter of that name."""
        if name in self.param:
            self._copy(name, arr)
        elif self.default_init is not None:
            self.default_init(name, arr)
        else:
            raise ArgumentError(
                f"Cannot Initialize {name}. Not found in loaded param and no default Initializer is provided."
            )
        if self.verbose:
            log.info("Initialized %s by %s", name, "loading" if name in self.param else "default")

    def _copy(self, name: str, arr: NDArray) -> None:
        source = self.param[name]
        if source.shape != arr.shape:
            raise ArgumentError(
                f"Parameter {name} cannot be initialized from loading. Shape mismatch, target {arr.shape} vs loaded"
                f" {source.shape}"
            )
        arr[:] = source


class Mixed:
    """The initializer of the first pattern that a parameter's name begins with.

    patterns: regular expressions, one for each of initializers. Source: mxnet.initializer.Mixed of MXNet 1.9.1.
    """

    def __init__(self, patterns: Sequence[str], initializers: Sequence[Callable[..., Any]]) -> None:
        if len(patterns) != len(initializers):
            raise ArgumentError(f"Mixed: expected {len(patterns)} initializers. Received: {len(initializers)}.")
        self.map = [(re.compile(pattern), init) for pattern, init in zip(patterns, initializers, strict=True)]

    def __call__(self, name: str, arr: NDArray) -> None:
        """Fills `arr` for the parameter of that name. Raises ArgumentError where no pattern fits."""
        for pattern, init in self.map:
            if pattern.match(name):
                init(name, arr)
                return
        raise ArgumentError(
            f'Parameter name {name} did not match any pattern. Consider adding a ".*" pattern at the end with default'
            " Initializer."
        )
