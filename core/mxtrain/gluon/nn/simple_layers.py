"""Layers without much of their own: Dropout, Embedding, Flatten, Lambda, HybridLambda."""

from collections.abc import Callable, Sequence
from typing import Any

from mxtrain import ndarray as nd
from mxtrain import symbol as sym
from mxtrain.gluon.block import Block, HybridBlock
from mxtrain.gluon.errors import CheckError


class Dropout(HybridBlock):
    """Sets values to zero at random in training, and scales the others up. Output: the input's shape.

    rate: probability. axes: axes along which the mask is one. Source: Srivastava et al., JMLR 15 (2014).
    """

    def __init__(self, rate: float, axes: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._rate = rate
        self._axes = axes

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """x with values dropped."""
        if self._rate > 0:
            return F.Dropout(x, p=self._rate, axes=self._axes, name="fwd", cudnn_off=False)
        return F.identity(x)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p = {self._rate}, axes={self._axes})"


class Embedding(HybridBlock):
    """Rows of a learnt table by index.

    x: any shape, indices from 0 to input_dim - 1. Output: x's shape and (output_dim,). sparse_grad: the gradient is
    row_sparse.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        dtype: Any = "float32",
        weight_initializer: Any = None,
        sparse_grad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._kwargs = {
            "input_dim": input_dim,
            "output_dim": output_dim,
            "dtype": dtype,
            "sparse_grad": sparse_grad,
        }
        self.weight = self.params.get(
            "weight",
            shape=(input_dim, output_dim),
            init=weight_initializer,
            dtype=dtype,
            allow_deferred_init=True,
            grad_stype="row_sparse" if sparse_grad else "default",
        )

    def hybrid_forward(self, F: Any, x: Any, weight: Any) -> Any:
        """The rows."""
        return F.Embedding(x, weight, name="fwd", **self._kwargs)

    def __repr__(self) -> str:
        return "{name}({input_dim} -> {output_dim}, {dtype})".format(name=type(self).__name__, **self._kwargs)


class Flatten(HybridBlock):
    """All axes but the first made into one."""

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """(batch, everything else)."""
        return F.Flatten(x)

    def __repr__(self) -> str:
        return type(self).__name__


class Lambda(Block):
    """A function of arrays, or the name of one in `mx.nd`, as a Block."""

    def __init__(self, function: str | Callable[..., Any], prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self._func_impl, self._func_name = _named(function, lambda name: getattr(nd, name), [nd])

    def forward(self, *args: Any) -> Any:
        """function(*args)."""
        return self._func_impl(*args)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._func_name})"


class HybridLambda(HybridBlock):
    """A function(F, x, *args), or the name of one that both `mx.nd` and `mx.sym` have, as a HybridBlock."""

    def __init__(self, function: str | Callable[..., Any], prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self._func, self._func_name = _named(function, lambda name: lambda F, *args: getattr(F, name)(*args), [nd, sym])

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """function(F, x, *args)."""
        return self._func(F, x, *args)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._func_name})"


def _named(function: Any, find: Callable[[str], Any], modules: Sequence[Any]) -> tuple[Callable[..., Any], str]:
    """The function, given itself or by name, and its name. Raises CheckError for an unknown name or another type."""
    if isinstance(function, str):
        if not all(hasattr(module, function) for module in modules):
            raise CheckError(f"Function name {function} is not found in {'/'.join(m.__name__ for m in modules)}.")
        return find(function), function
    if callable(function):
        return function, getattr(function, "__name__", type(function).__name__)
    raise CheckError(f"Unrecognized function in lambda: {function} of type {type(function)}")
