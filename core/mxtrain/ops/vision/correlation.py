"""`Correlation`: how alike the patches of two feature maps are, for every small displacement of one of them."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator


class _Geometry:
    """Which places of the padded maps (N, C, H + 2 pad, W + 2 pad) are compared."""

    def __init__(self, kernel_size, max_displacement, stride1, stride2, pad_size):
        if kernel_size < 1 or kernel_size % 2 == 0 or min(stride1, stride2) < 1 or min(max_displacement, pad_size) < 0:
            raise ArgumentError(
                f"Expected: an odd kernel_size, positive strides, max_displacement and pad_size >= 0. Received: "
                f"kernel_size={kernel_size}, stride1={stride1}, stride2={stride2}, "
                f"max_displacement={max_displacement}, pad_size={pad_size}."
            )
        self.kernel, self.stride, self.pad = kernel_size, stride1, pad_size
        reach = max_displacement // stride2
        self.steps = [step * stride2 for step in range(-reach, reach + 1)]
        self.border = max_displacement
        self.channels = len(self.steps) ** 2

    def count(self, size):
        """How many patches there are along an axis of this size (-1 if unknown)."""
        if size == -1:
            return -1
        count = -(-(size + 2 * self.pad - 2 * (self.border + self.kernel // 2)) // self.stride)
        if count < 1:
            raise ArgumentError(
                f"Expected: size + 2 * pad_size > 2 * (max_displacement + kernel_size // 2) in both directions. "
                f"Received: a map of size {size}."
            )
        return count

    def padded(self, xp, data):
        """The data with zeros around it."""
        return xp.pad(data, ((0, 0), (0, 0), (self.pad, self.pad), (self.pad, self.pad)))

    def unpadded(self, data):
        """The opposite of padded."""
        return data[:, :, self.pad : data.shape[2] - self.pad, self.pad : data.shape[3] - self.pad]

    def place(self, counts, down, across):
        """The key of the elements at an offset from each patch's first corner."""
        y, x = self.border + down, self.border + across
        ends = [at + self.stride * (count - 1) + 1 for at, count in zip((y, x), counts, strict=True)]
        return (slice(None), slice(None), slice(y, ends[0], self.stride), slice(x, ends[1], self.stride))

    def pairs(self, counts):
        """For each displacement and place within a patch: its channel, and the keys into both maps."""
        for channel in range(self.channels):
            down, across = self.steps[channel // len(self.steps)], self.steps[channel % len(self.steps)]
            for row in range(self.kernel):
                for column in range(self.kernel):
                    yield (
                        channel,
                        self.place(counts, row, column),
                        self.place(counts, row + down, column + across),
                    )


def _check(data1, data2):
    types.require_floating(data1.dtype)
    require_one_dtype(data1, data2)
    if data1.ndim != 4:
        raise ArgumentError(f"Expected: data1 of (N, C, H, W). Received: {data1.shape}.")
    require_shape("data2", data2, data1.shape)


_CASES = [
    {"kernel_size": 1, "max_displacement": 1, "pad_size": 1},
    {"kernel_size": 3, "max_displacement": 2, "stride1": 2, "stride2": 2, "pad_size": 2},
    {"kernel_size": 1, "max_displacement": 1, "is_multiply": False},
]


@operator("Correlation", cases=[Case(data1=(1, 2, 4, 5), data2=(1, 2, 4, 5), **case) for case in _CASES])
class Correlation:
    """Products (or distances) of patches of two maps, for each displacement of the second one.

    data1, data2: (N, C, H, W), floating. kernel_size: of the patches, odd. max_displacement: along each axis, in steps
    of stride2. stride1: between patches. pad_size: zeros around both maps. is_multiply: products, else absolute
    differences. Output: (N, D * D, h, w), D = 2 * (max_displacement // stride2) + 1, the means over channels and patch;
    h = (H + 2 * pad_size - 2 * (max_displacement + kernel_size // 2)) / stride1, rounded up. Source: arXiv:1504.06852;
    MXNet 1.9.1.
    """

    listed_outputs = ("output", "tmp1", "tmp2")  # MXNet hides the padded maps

    def infer_shape(ins, outs, p):
        geometry = _Geometry(p.kernel_size, p.max_displacement, p.stride1, p.stride2, p.pad_size)
        data = shapes.unify(*ins)
        if outs[0] is not None:
            data = shapes.unify(data, (outs[0][0], -1, -1, -1))
        if data is None:
            return ins, outs
        counts = (geometry.count(size) for size in data[2:])
        return [data, data], [shapes.unify(outs[0], (data[0], geometry.channels, *counts))]

    def forward(
        xp,
        data1,
        data2,
        *,
        kernel_size: int = 1,
        max_displacement: int = 1,
        stride1: int = 1,
        stride2: int = 1,
        pad_size: int = 0,
        is_multiply: bool = True,
    ):
        _check(data1, data2)
        geometry = _Geometry(kernel_size, max_displacement, stride1, stride2, pad_size)
        first, second = (geometry.padded(xp, widen(xp, data)) for data in (data1, data2))
        counts = tuple(geometry.count(size) for size in data1.shape[2:])
        result = xp.zeros((data1.shape[0], geometry.channels, *counts), first.dtype)
        for channel, here, there in geometry.pairs(counts):
            if is_multiply:
                result[:, channel] += xp.einsum("nchw,nchw->nhw", first[here], second[there])
            else:
                result[:, channel] += xp.abs(first[here] - second[there]).sum(axis=1)
        result /= kernel_size * kernel_size * data1.shape[1]
        return result.astype(data1.dtype, copy=False)

    differentiable_once = "products of shifted patches have no other form here, nor a second derivative in MXNet"

    def gradient(F, gy, y, data1, data2, **params):
        return F._correlation_backward(gy, data1, data2, **params)


@operator(
    "_correlation_backward",
    cases=[Case(gy=(1, 9, 4, 5), data1=(1, 2, 4, 5), data2=(1, 2, 4, 5), **_CASES[0])],
)
class CorrelationBackward:
    """The gradients of `Correlation` by both maps, in their shapes, from gy and them."""

    outputs = ("data1", "data2")
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        data = shapes.unify_all([*ins[1:], *outs])
        return [ins[0], data, data], [data, data]

    def forward(
        xp,
        gy,
        data1,
        data2,
        *,
        kernel_size: int = 1,
        max_displacement: int = 1,
        stride1: int = 1,
        stride2: int = 1,
        pad_size: int = 0,
        is_multiply: bool = True,
    ):
        _check(data1, data2)
        geometry = _Geometry(kernel_size, max_displacement, stride1, stride2, pad_size)
        counts = tuple(geometry.count(size) for size in data1.shape[2:])
        require_shape("gy", gy, (data1.shape[0], geometry.channels, *counts))
        first, second = (geometry.padded(xp, widen(xp, data)) for data in (data1, data2))
        by_first, by_second = xp.zeros_like(first), xp.zeros_like(second)
        head = widen(xp, gy) / (kernel_size * kernel_size * data1.shape[1])
        for channel, here, there in geometry.pairs(counts):
            part = head[:, channel, None]
            if is_multiply:
                by_first[here] += part * second[there]
                by_second[there] += part * first[here]
            else:
                signed = part * xp.where(first[here] >= second[there], 1, -1).astype(part.dtype)
                by_first[here] += signed
                by_second[there] -= signed
        return tuple(geometry.unpadded(array).astype(gy.dtype, copy=False) for array in (by_first, by_second))
