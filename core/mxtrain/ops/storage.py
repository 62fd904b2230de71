"""How an operator computes on sparse arrays: the combinations of storage types that it knows, each with its kernel.

An operator declares them as `storage`, a sequence of forms:

    storage = (
        form("csr, default -> default", product_of_csr),
        form("csr, default -> row_sparse", product_by_rows, when=lambda p: p.transpose_a),
        form("row_sparse... -> row_sparse", sum_of_rows),       # one input or more
        form("csr, default... -> default..., csr...", sample),  # what is marked comes equally often on both sides
    )

The first form whose input types are those of the call and whose `when(p)` holds (p: the parameters; it must not depend
on values, since graphs infer storage before there are any) decides the outputs' types and computes:
`compute(xp, *inputs, **parameters)` takes containers (`sparse.containers`) where the form says row_sparse or csr and
backend arrays where it says default, and returns the same way. It may ask by name for runtime arguments like `forward`;
`out` is given where the output is to be written over an input (an optimizer's weight, say), else None. A form whose
inputs are all dense and some output is not makes sparse arrays out of dense ones (cast_storage, a sparse gradient).

Without a form that fits, storage falls back: inputs are made dense, `forward` computes, outputs are dense. That is
always right, so a form is never needed, only faster and smaller.

`on_values("csr", "row_sparse")` is the storage of functions that map 0 to 0, element by element: `forward` runs on the
stored values alone.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mxtrain.ops.parameters import Params
from mxtrain.ops.sparse.containers import DENSE, STORAGE_TYPES, SparseContainer

REPEATED = "..."


@dataclass(frozen=True)
class Form:
    """One combination of storage types; one that ends in "..." stands for one or more, as many everywhere."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    compute: Any  # the kernel; None until `complete`: the operator's forward, on the stored values
    when: Callable[[Params], bool] | None = None

    def fits(self, stypes: Sequence[str], params: Mapping[str, Any]) -> bool:
        """Whether inputs of these types, with these parameters, are computed by this form."""
        given = tuple(stypes)
        if given != self.inputs and not (self._num_repeatable and given == self._inputs_of(len(given))):
            return False
        return self.when is None or self.when(Params(**params))

    def _inputs_of(self, count: int) -> tuple[str, ...]:
        """The storage types of so many inputs."""
        return _repeated(self.inputs, self._times(count))

    def _times(self, num_inputs: int) -> int:
        """How often what may be repeated comes among this many inputs."""
        repeatable = self._num_repeatable
        return (num_inputs - len(self.inputs)) // repeatable + 1 if repeatable else 1

    @functools.cached_property
    def _num_repeatable(self) -> int:
        return sum(stype.endswith(REPEATED) for stype in self.inputs)

    def outputs_for(self, num_inputs: int) -> tuple[str, ...]:
        """The storage types of the outputs for so many inputs."""
        return _repeated(self.outputs, self._times(num_inputs)) if self._num_repeatable else self.outputs

    @property
    def makes_sparse(self) -> bool:
        """Whether sparse arrays come of dense ones."""
        return all(stype.removesuffix(REPEATED) == DENSE for stype in self.inputs) and any(
            stype.removesuffix(REPEATED) != DENSE for stype in self.outputs
        )

    @functools.cached_property
    def asks(self) -> frozenset[str]:
        """The names of all keyword arguments of the kernel."""
        parameters = inspect.signature(self.compute).parameters.values() if self.compute else ()
        return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def _repeated(stypes: Sequence[str], times: int) -> tuple[str, ...]:
    """The storage types with those that may be repeated as often."""
    return tuple(
        stype.removesuffix(REPEATED) for stype in stypes for _ in range(times if stype.endswith(REPEATED) else 1)
    )


def form(text: str, compute: Callable[..., Any], when: Callable[[Params], bool] | None = None) -> Form:
    """A form from its description, such as "csr, default -> default"; the module's docstring tells the rest."""
    left, _, right = text.partition("->")
    inputs, outputs = (tuple(part.strip() for part in side.split(",") if part.strip()) for side in (left, right))
    unknown = {stype.removesuffix(REPEATED) for stype in (*inputs, *outputs)} - set(STORAGE_TYPES)
    if unknown or not outputs:
        raise ValueError(f"expected storage types of {STORAGE_TYPES} on both sides of '->', received {text!r}")
    return Form(inputs, outputs, compute, when)


def on_values(*stypes: str, when: Callable[[Params], bool] | None = None) -> tuple[Form, ...]:
    """The forms of an operator of one array that maps 0 to 0: its forward runs on the stored values."""
    return tuple(Form((stype,), (stype,), None, when) for stype in stypes)


def complete(forms: Sequence[Form], forward: Callable[..., Any]) -> tuple[Form, ...]:
    """Forms with the kernels that `on_values` left open."""
    return tuple(replace(one, compute=_run_on_values(forward)) if one.compute is None else one for one in forms)


def _run_on_values(forward: Callable[..., Any]) -> Callable[..., Any]:
    def compute(xp: Any, data: SparseContainer, **params: Any) -> Any:
        return data.with_values(forward(xp, data.values, **params))

    return compute
