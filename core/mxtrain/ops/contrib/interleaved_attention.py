"""Products of attention whose projections lie interleaved: per head, queries, keys and values side by side.

`_contrib_interleaved_matmul_selfatt_qk` and `_valatt` take (length, batch, heads * 3 * size): queries, keys, values;
`_contrib_interleaved_matmul_encdec_qk` and `_valatt` take (length, batch, heads * 2 * size): keys, values.
"""

import math

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator


def _parts(projections, heads, count):
    """Each of the `count` interleaved projections as a view (batch * heads, length, size)."""
    types.require_floating(projections.dtype)
    if projections.ndim != 3 or heads < 1 or projections.shape[2] % (heads * count):
        raise ArgumentError(
            f"Expected: projections of (length, batch, a multiple of {count} * heads). "
            f"Received: {projections.shape}, heads={heads}."
        )
    length, batch, width = projections.shape
    split = projections.reshape(length, batch * heads, count, width // (heads * count))
    return [split[:, :, part].swapaxes(0, 1) for part in range(count)]


def _scale(queries):
    return queries.dtype.type(1 / math.sqrt(max(queries.shape[2], 1)))


def _scores(xp, queries, keys):
    """Products of queries, divided by the root of their size, and keys: (batch * heads, queries, keys)."""
    return xp.matmul(queries * _scale(queries), keys.swapaxes(1, 2))


def _scores_backward(xp, gy, queries, keys, by_queries, by_keys):
    """Write the gradients of _scores into by_queries and by_keys."""
    scaled = gy * _scale(queries)
    by_queries[...] = xp.matmul(scaled, keys)
    by_keys[...] = xp.matmul(scaled.swapaxes(1, 2), queries)


def _weighted(xp, attention, values, shape):
    """Sums of values weighted by attention (batch * heads, queries, keys), in the shape (queries, batch, width)."""
    require_shape("attention", attention, (len(values), attention.shape[1], values.shape[1]))
    return xp.matmul(attention, values).swapaxes(0, 1).reshape(shape)


def _by_head(gy, heads):
    """The gradient (queries, batch, width) as (batch * heads, queries, size)."""
    return gy.reshape(gy.shape[0], gy.shape[1] * heads, -1).swapaxes(0, 1)


def _compose_parts(F, projections, heads, count):
    """`_parts` in operators."""
    length, batch, width = projections.shape
    split = F.Reshape(projections, shape=(length, batch * heads, count, width // (heads * count)))
    turned = F.transpose(split, axes=(2, 1, 0, 3))
    return [F.Reshape(F.slice_axis(turned, axis=0, begin=i, end=i + 1), shape=(-3, 0, 0)) for i in range(count)]


def _compose_scores(F, queries, keys):
    """`_scores` in operators."""
    return F.batch_dot(queries * (1 / math.sqrt(max(queries.shape[2], 1))), keys, transpose_b=True)


def _compose_weighted(F, attention, values, batch):
    """`_weighted` in operators."""
    sums = F.transpose(F.batch_dot(attention, values), axes=(1, 0, 2))
    return F.Reshape(sums, shape=(sums.shape[0], batch, -1))


def _product(*sizes):
    return -1 if -1 in sizes else math.prod(sizes)


def _infer_scores(ins, outs, p):
    queries, keys = ins[0], ins[-1]
    if queries is None or keys is None:
        return ins, outs
    batch = queries[1] if queries[1] != -1 else keys[1]
    return ins, [shapes.unify(outs[0], (_product(batch, p.heads), queries[0], keys[0]))]


def _infer_weighted(count):
    """The shape rule of weighted sums; count: projections beside each other in the first input."""

    def rule(ins, outs, p):
        source, attention = ins
        if source is None:
            return ins, outs
        length, batch, width = source
        attention = shapes.unify(attention, (_product(batch, p.heads), -1, length))
        rows = length if count == 3 else attention[1]
        if count == 3:
            attention = shapes.unify(attention, (-1, length, length))
        found = (rows, batch, width // count if width != -1 else -1)
        return [source, attention], [shapes.unify(outs[0], found)]

    return rule


def _like_later_inputs(ins, outs, p):
    """The shape rule of a gradient: gy, then the inputs, whose shapes the outputs have."""
    known = [shapes.unify(a, b) for a, b in zip(ins[1:], outs, strict=True)]
    return [ins[0], *known], known


@operator("_contrib_interleaved_matmul_selfatt_qk", cases=[Case(queries_keys_values=(3, 2, 12), heads=2)])
class SelfAttentionScores:
    """Products of queries and keys of self-attention, divided by the square root of their size.

    queries_keys_values: (length, batch, heads * 3 * size). Output: (batch * heads, length, length).
    Source: arXiv:1706.03762; MXNet 1.9.1.
    """

    infer_shape = _infer_scores

    def forward(xp, queries_keys_values, *, heads: int):
        queries, keys, _ = _parts(widen(xp, queries_keys_values), heads, 3)
        return _scores(xp, queries, keys).astype(queries_keys_values.dtype, copy=False)

    def gradient(F, gy, y, queries_keys_values, *, heads):
        return F._interleaved_selfatt_qk_backward(gy, queries_keys_values, heads=heads)

    def composition(F, queries_keys_values, *, heads):
        queries, keys, _ = _compose_parts(F, queries_keys_values, heads, 3)
        return _compose_scores(F, queries, keys)


@operator("_interleaved_selfatt_qk_backward", cases=[Case(gy=(4, 3, 3), queries_keys_values=(3, 2, 12), heads=2)])
class SelfAttentionScoresBackward:
    """The gradient of `_contrib_interleaved_matmul_selfatt_qk` by its input, in the input's shape; 0 for the values."""

    infer_shape = shapes.like_input(1)
    gradient = NOT_DIFFERENTIABLE

    def forward(xp, gy, queries_keys_values, *, heads: int):
        source = widen(xp, queries_keys_values)
        queries, keys, _ = _parts(source, heads, 3)
        require_shape("gy", gy, (len(queries), queries.shape[1], keys.shape[1]))
        result = xp.zeros(source.shape, source.dtype)
        by_queries, by_keys, _ = _parts(result, heads, 3)
        _scores_backward(xp, widen(xp, gy), queries, keys, by_queries, by_keys)
        return result.astype(gy.dtype, copy=False)


@operator(
    "_contrib_interleaved_matmul_selfatt_valatt",
    cases=[Case(queries_keys_values=(3, 2, 12), attention=(4, 3, 3), heads=2)],
)
class SelfAttentionValues:
    """Values of self-attention weighted by the attention.

    queries_keys_values: (length, batch, heads * 3 * size). attention: (batch * heads, length, length).
    Output: (length, batch, heads * size). Source: arXiv:1706.03762; MXNet 1.9.1.
    """

    infer_shape = _infer_weighted(3)

    def forward(xp, queries_keys_values, attention, *, heads: int):
        require_one_dtype(queries_keys_values, attention)
        values = _parts(widen(xp, queries_keys_values), heads, 3)[2]
        length, batch, width = queries_keys_values.shape
        result = _weighted(xp, widen(xp, attention), values, (length, batch, width // 3))
        return result.astype(attention.dtype, copy=False)

    def gradient(F, gy, y, queries_keys_values, attention, *, heads):
        return F._interleaved_valatt_backward(gy, queries_keys_values, attention, heads=heads, count=3)

    def composition(F, queries_keys_values, attention, *, heads):
        values = _compose_parts(F, queries_keys_values, heads, 3)[2]
        return _compose_weighted(F, attention, values, queries_keys_values.shape[1])


@operator(
    "_interleaved_valatt_backward",
    cases=[
        Case(gy=(3, 2, 4), projections=(3, 2, 12), attention=(4, 3, 3), heads=2, count=3),
        Case(gy=(5, 2, 4), projections=(3, 2, 8), attention=(4, 5, 3), heads=2, count=2),
    ],
)
class WeightedValuesBackward:
    """The gradients of weighted values by attention and by `count` interleaved projections, values the last."""

    outputs = ("projections", "attention")
    infer_shape = _like_later_inputs
    gradient = NOT_DIFFERENTIABLE

    def forward(xp, gy, projections, attention, *, heads: int, count: int):
        source, weights = widen(xp, projections), widen(xp, attention)
        values = _parts(source, heads, count)[-1]
        head = _by_head(widen(xp, gy), heads)
        result = xp.zeros(source.shape, source.dtype)
        _parts(result, heads, count)[-1][...] = xp.matmul(weights.swapaxes(1, 2), head)
        by_attention = xp.matmul(head, values.swapaxes(1, 2))
        return result.astype(gy.dtype, copy=False), by_attention.astype(gy.dtype, copy=False)


@operator("_contrib_interleaved_matmul_encdec_qk", cases=[Case(queries=(4, 2, 6), keys_values=(3, 2, 12), heads=2)])
class EncoderDecoderScores:
    """Products of a decoder's queries and an encoder's keys, divided by the square root of their size.

    queries: (length, batch, heads * size). keys_values: (keys, batch, heads * 2 * size).
    Output: (batch * heads, length, keys). Source: arXiv:1706.03762; MXNet 1.9.1.
    """

    infer_shape = _infer_scores

    def forward(xp, queries, keys_values, *, heads: int):
        require_one_dtype(queries, keys_values)
        (split,), (keys, _) = _parts(widen(xp, queries), heads, 1), _parts(widen(xp, keys_values), heads, 2)
        require_shape("keys_values", keys_values, (keys_values.shape[0], queries.shape[1], 2 * queries.shape[2]))
        return _scores(xp, split, keys).astype(queries.dtype, copy=False)

    def gradient(F, gy, y, queries, keys_values, *, heads):
        return F._interleaved_encdec_qk_backward(gy, queries, keys_values, heads=heads)

    def composition(F, queries, keys_values, *, heads):
        (split,), (keys, _) = _compose_parts(F, queries, heads, 1), _compose_parts(F, keys_values, heads, 2)
        return _compose_scores(F, split, keys)


@operator(
    "_interleaved_encdec_qk_backward", cases=[Case(gy=(4, 4, 3), queries=(4, 2, 6), keys_values=(3, 2, 12), heads=2)]
)
class EncoderDecoderScoresBackward:
    """The gradients of `_contrib_interleaved_matmul_encdec_qk` by its inputs, in their shapes; 0 for the values."""

    outputs = ("queries", "keys_values")
    infer_shape = _like_later_inputs
    gradient = NOT_DIFFERENTIABLE

    def forward(xp, gy, queries, keys_values, *, heads: int):
        wide, source = widen(xp, queries), widen(xp, keys_values)
        (split,), (keys, _) = _parts(wide, heads, 1), _parts(source, heads, 2)
        require_shape("gy", gy, (len(split), split.shape[1], keys.shape[1]))
        by_queries, by_source = xp.empty(wide.shape, wide.dtype), xp.zeros(source.shape, source.dtype)
        targets = _parts(by_queries, heads, 1)[0], _parts(by_source, heads, 2)[0]
        _scores_backward(xp, widen(xp, gy), split, keys, *targets)
        return by_queries.astype(gy.dtype, copy=False), by_source.astype(gy.dtype, copy=False)


@operator(
    "_contrib_interleaved_matmul_encdec_valatt",
    cases=[Case(keys_values=(3, 2, 8), attention=(4, 5, 3), heads=2)],
)
class EncoderDecoderValues:
    """Values of an encoder weighted by the attention.

    keys_values: (keys, batch, heads * 2 * size). attention: (batch * heads, length, keys).
    Output: (length, batch, heads * size). Source: arXiv:1706.03762; MXNet 1.9.1.
    """

    infer_shape = _infer_weighted(2)

    def forward(xp, keys_values, attention, *, heads: int):
        require_one_dtype(keys_values, attention)
        values = _parts(widen(xp, keys_values), heads, 2)[1]
        if attention.ndim != 3:
            raise ArgumentError(f"Expected: attention of (batch * heads, length, keys). Received: {attention.shape}.")
        shape = (attention.shape[1], keys_values.shape[1], keys_values.shape[2] // 2)
        return _weighted(xp, widen(xp, attention), values, shape).astype(attention.dtype, copy=False)

    def gradient(F, gy, y, keys_values, attention, *, heads):
        return F._interleaved_valatt_backward(gy, keys_values, attention, heads=heads, count=2)

    def composition(F, keys_values, attention, *, heads):
        values = _compose_parts(F, keys_values, heads, 2)[1]
        return _compose_weighted(F, attention, values, keys_values.shape[1])
