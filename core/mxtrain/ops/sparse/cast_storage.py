"""`cast_storage`: the same values in another storage type."""

from typing import Literal

from mxtrain.ops import shapes
from mxtrain.ops.kernels.sparse.conversion import convert
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.sparse.containers import STORAGE_TYPES
from mxtrain.ops.storage import form


def _to(xp, data, *, stype):
    converted = convert(xp, data, stype)
    return converted.copy() if converted is data else converted


@operator("cast_storage", "_sparse_cast_storage", cases=[Case(data=(2, 3), stype=stype) for stype in STORAGE_TYPES])
class CastStorage:
    """The array in the storage type `stype`: "default", "row_sparse" or "csr" (matrices only).

    data: any dtype. Output: same shape, dtype and values; rows or elements that are 0 are not stored.
    Source: MXNet 1.9.1's `cast_storage`.
    """

    infer_shape = shapes.same
    storage = [
        form(f"{source} -> {target}", _to, when=lambda p, target=target: p.stype == target)
        for source in STORAGE_TYPES
        for target in STORAGE_TYPES
        if (source, target) != ("default", "default")
    ]

    def forward(xp, data, *, stype: Literal["default", "row_sparse", "csr"], out=None):
        if out is None:
            return data.copy()
        if out is not data:
            out[...] = data
        return out

    def gradient(F, gy, y, data, *, stype):
        return gy
