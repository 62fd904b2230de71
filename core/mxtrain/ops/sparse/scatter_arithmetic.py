"""Arithmetic that leaves alone what is not stored: the operators `_scatter_*`."""

from mxtrain.ops import shapes
from mxtrain.ops.kernels.sparse.conversion import to_dense
from mxtrain.ops.kernels.sparse.pairs import at_stored_of_lhs
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, declare_operator
from mxtrain.ops.registry import find
from mxtrain.ops.sparse.containers import STORAGE_TYPES
from mxtrain.ops.storage import form, on_values


def _declare_scalar(name: str, plain: str, meaning: str) -> None:
    compute = find(plain).forward

    def forward(xp, data, *, scalar: float, out=None):
        return compute(xp, data, scalar=scalar, out=out)

    declare_operator(
        name,
        doc=f"{meaning} at the stored places of data; what is not stored stays 0.\n\n"
        "data: any shape, dtype and storage. Output: the same. Source: MXNet 1.9.1.",
        cases=[Case(data=(2, 3), scalar=1.5)],
        forward=forward,
        gradient=NOT_DIFFERENTIABLE,
        infer_shape=shapes.same,
        inplace=(0,),
        storage=on_values("csr", "row_sparse"),
    )


_declare_scalar("_scatter_plus_scalar", "_plus_scalar", "data + scalar")
_declare_scalar("_scatter_minus_scalar", "_minus_scalar", "data - scalar")


def _declare_division() -> None:
    divide = find("elemwise_div").forward
    at_stored = at_stored_of_lhs(divide)

    def forward(xp, lhs, rhs, *, out=None):
        return divide(xp, lhs, rhs, out=out)

    def compute(xp, lhs, rhs):
        return at_stored(xp, lhs, to_dense(xp, rhs))

    declare_operator(
        "_scatter_elemwise_div",
        doc="lhs / rhs at the stored rows of lhs; the others stay 0.\n\n"
        "lhs, rhs: one shape and dtype, any storage. Output: the same, row_sparse where lhs is. Source: MXNet 1.9.1.",
        cases=[Case(lhs=(2, 3), rhs=(2, 3), low=0.5, high=1.6)],
        forward=forward,
        gradient=NOT_DIFFERENTIABLE,
        infer_shape=shapes.same,
        inplace=(0, 1),
        storage=[form(f"row_sparse, {rhs} -> row_sparse", compute) for rhs in STORAGE_TYPES],
    )


_declare_division()
