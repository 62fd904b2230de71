"""`_image_to_tensor` and `_image_normalize`: from images to what networks take."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.image.checks import require_image
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Floats


@operator("_image_to_tensor", cases=[Case(data=(2, 3, 3)), Case(data=(2, 3, 4, 1))])
class ToTensor:
    """An image with the channels first and values from 0 to 1: data / 255.

    data: (H, W, C) or (N, H, W, C), values from 0 to 255. Output: (C, H, W) or (N, C, H, W), float32.
    """

    infer_type = types.outputs_are(np.float32)
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        data, out = ins[0], outs[0]
        if data is None and out is not None:
            data = (*out[:-3], *out[-2:], out[-3])
        if data is None:
            return ins, outs
        return [data], [shapes.unify(out, (*data[:-3], data[-1], *data[-3:-1]))]

    def forward(xp, data):
        require_image(data, batches=True)
        result = xp.moveaxis(data, -1, -3).astype(np.float32, order="C")
        result /= 255
        return result


def _by_channel(xp, name, values, channels, dtype):
    """One value per channel, (C, 1, 1); a single one serves all."""
    if len(values) not in (1, channels):
        raise ArgumentError(f"Expected: {name} of 1 or {channels} values. Received: {name}={values}.")
    return xp.asarray(values, dtype=dtype).reshape(-1, 1, 1)


def _read(xp, data, mean, std):
    """mean and std by channel. The defaults of four values serve any number of channels."""
    if data.ndim not in (3, 4) or data.shape[-3] not in (1, 3):
        raise ArgumentError(f"Expected: data of (C, H, W) or (N, C, H, W), C 1 or 3. Received: {data.shape}.")
    kind = data.dtype if data.dtype.kind == "f" and data.dtype.itemsize > 2 else np.dtype(np.float32)
    mean, std = (values[:1] if values == default else values for values, default in ((mean, _MEAN), (std, _STD)))
    channels = data.shape[-3]
    if 0 in std:
        raise ArgumentError(f"Expected: std without 0. Received: std={std}.")
    return _by_channel(xp, "mean", mean, channels, kind), _by_channel(xp, "std", std, channels, kind)


_MEAN, _STD = (0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0)


@operator(
    "_image_normalize",
    cases=[
        Case(data=(3, 2, 2), mean=(0.1, 0.2, 0.3), std=(0.5, 2, 4)),
        Case(data=(2, 1, 2, 2), mean=(0.5,)),
        Case(data=(2, 3, 2, 2), std=(3.0,)),
    ],
)
class Normalize:
    """(data - mean) / std for each channel.

    data: (C, H, W) or (N, C, H, W), 1 or 3 channels. mean, std: a value per channel, or one for all. Output: same shape
    and dtype.
    """

    infer_shape = shapes.same

    def forward(xp, data, *, mean: Floats = (0.0, 0.0, 0.0, 0.0), std: Floats = (1.0, 1.0, 1.0, 1.0)):
        mean, std = _read(xp, data, mean, std)
        return ((data - mean) / std).astype(data.dtype, copy=False)

    def gradient(F, gy, y, data, *, mean, std):
        return F._image_normalize(gy, mean=(0.0,), std=std)
