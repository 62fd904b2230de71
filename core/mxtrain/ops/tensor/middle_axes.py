"""Arrays repeated over, and summed over, axes in the middle: parameters of many distributions and their samples."""

from typing import Any

from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator


def _infer_spread(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    """The output has the shape of `like`; the input that of its first axes, and its last `kept` ones."""
    like = shapes.unify(ins[1], outs[0])
    return [ins[0], like], [like]


def _middle(data: Any, like: Any, kept: int) -> Any:
    """data with axes of size 1 where only `like` has some: before its last `kept` axes."""
    lead = data.ndim - kept
    more = (1,) * (like.ndim - data.ndim)
    return data.reshape(*data.shape[:lead], *more, *data.shape[lead:])


@operator("_spread_over_middle", cases=[Case(data=(2,), like=(2, 3)), Case(data=(2, 2), like=(2, 3, 2), kept=1)])
class SpreadOverMiddle:
    """data repeated over the axes that only `like` has: those before the last `kept`, after the others of data.

    Output: the shape of like, whose values are unused; dtype of data.
    """

    infer_shape = _infer_spread

    def forward(xp, data, like, *, kept: int = 0):
        return xp.broadcast_to(_middle(data, like, kept), like.shape).copy()

    def gradient(F, gy, y, data, like, *, kept):
        return F._sum_over_middle(gy, data, kept=kept), None


@operator("_sum_over_middle", cases=[Case(data=(2, 3), like=(2,)), Case(data=(2, 3, 2), like=(2, 2), kept=1)])
class SumOverMiddle:
    """data summed over the axes that `like` lacks: those before the last `kept`, after the other ones of like.

    Output: the shape of like, whose values are unused; dtype of data.
    """

    infer_shape = _infer_spread

    def forward(xp, data, like, *, kept: int = 0):
        lead = like.ndim - kept
        return xp.asarray(data.sum(tuple(range(lead, data.ndim - kept))), dtype=data.dtype).reshape(like.shape)

    def gradient(F, gy, y, data, like, *, kept):
        return F._spread_over_middle(gy, data, kept=kept), None
