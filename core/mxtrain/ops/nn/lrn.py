"""`LRN`: local response normalisation across channels."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator


def _window_sums(xp, x, nsize):
    """The sum over nsize channels around each channel, fewer at the ends."""
    sums = x.copy()
    for shift in range(1, nsize // 2 + 1):
        sums[:, shift:] += x[:, :-shift]
        sums[:, :-shift] += x[:, shift:]
    return sums


@operator("LRN", cases=[Case(data=(2, 5, 2, 2), nsize=3, alpha=0.1), Case(data=(2, 4, 1, 2), nsize=5, alpha=0.1)])
class LRN:
    """data / (knorm + alpha / nsize * (sum of squares over nsize channels around it))^beta.

    data: (N, C, H, W), floating. nsize: odd. Output: same shape and dtype; a hidden second one is the term in brackets.
    Source: Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 3.3; MXNet 1.9.1's
    `LRN`.
    """

    outputs = ("output", "tmp_norm")
    visible = 1

    def infer_shape(ins, outs, p):
        data = shapes.unify_all([*ins, *outs])
        return [data], [data, data]

    def forward(xp, data, *, alpha: float = 1e-4, beta: float = 0.75, knorm: float = 2.0, nsize: int, out=None):
        if nsize < 1 or nsize % 2 == 0:
            raise ArgumentError(f"Expected: an odd nsize. Received: nsize={nsize}.")
        x = widen(xp, data)
        norm = knorm + alpha / nsize * _window_sums(xp, x * x, nsize)
        targets = (None, None) if out is None else out
        return deliver(x * norm**-beta, targets[0], data.dtype), deliver(norm, targets[1], data.dtype)

    def gradient(F, gy, y, data, **params):
        return F._lrn_backward(gy[0], data, y[1], **params)

    def composition(F, data, *, alpha, beta, knorm, nsize):
        # windows slide over the channels
        rows = F.Reshape(F.square(data), shape=(0, 1, data.shape[1], -1))
        columns = F.im2col(rows, kernel=(nsize, 1), pad=(nsize // 2, 0))
        sums = F.Reshape(F.sum(columns, axis=1), shape=data.shape)
        return (data * (knorm + alpha / nsize * sums) ** -beta,)


@operator("_lrn_backward", cases=[Case(gy=(1, 3, 2, 1), data=(1, 3, 2, 1), norm=(1, 3, 2, 1), nsize=3, low=0.5)])
class LRNBackward:
    """Gradient of LRN by its data, from gy, data and the hidden output; parameters as there. All of one shape."""

    infer_shape = shapes.same
    gradient = NOT_DIFFERENTIABLE

    def forward(
        xp, gy, data, norm, *, alpha: float = 1e-4, beta: float = 0.75, knorm: float = 2.0, nsize: int, out=None
    ):
        grad, x, n = widen(xp, gy), widen(xp, data), widen(xp, norm)
        scaled = grad * n**-beta
        shared = _window_sums(xp, scaled * x / n, nsize)
        return deliver(scaled - (2 * alpha * beta / nsize) * x * shared, out, gy.dtype)
