"""`im2col` and `col2im`: the columns that sliding windows read, and their sums back at the places read."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.nn.partial_shapes import sizes_product
from mxtrain.ops.nn.window_parameters import count_windows, read_windows, require_data
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape


def _columns_shape(image, windows):
    """(N, C * taps, positions) for an image's shape (N, C, *spatial)."""
    require_data(image, windows)
    rows = -1 if image[1] == -1 else image[1] * windows.size
    return (image[0], rows, sizes_product(count_windows(image, windows)))


def _channels(rows, windows):
    if rows != -1 and rows % windows.size:
        raise ArgumentError(f"Expected: a multiple of the {windows.size} taps as data.shape[1]. Received: {rows}.")
    return rows if rows == -1 else rows // windows.size


def _table(columns, channels, windows, counts):
    """Columns as (N, C, taps, *counts)."""
    return columns.reshape(columns.shape[0], channels, windows.size, *counts)


@operator(
    "im2col",
    cases=[
        Case(data=(2, 3, 5), kernel=(3,), pad=(1,)),
        Case(data=(1, 2, 5, 4), kernel=(2, 3), stride=(2, 1), dilate=(2, 1), pad=(1, 0)),
        Case(data=(1, 1, 3, 3, 3), kernel=(2, 2, 2)),
    ],
)
class Im2Col:
    """What sliding windows read: one column per position of the window.

    data: (N, C, *spatial), one to three spatial axes. Output: (N, C * taps, positions), same dtype; padding reads 0.
    kernel, stride, dilate, pad: as in Convolution. Source: MXNet 1.9.1's `im2col`.
    """

    def infer_shape(ins, outs, p):
        windows = read_windows(p.kernel, p.stride, p.dilate, p.pad)
        data, out = ins[0], outs[0]
        if data is not None:
            out = shapes.unify(out, _columns_shape(data, windows))
        elif out is not None:
            out = shapes.unify(out, (-1, -1, -1))
            data = (out[0], _channels(out[1], windows), *(-1,) * len(p.kernel))
        return [data], [out]

    def forward(xp, data, *, kernel: Shape, stride: Shape = (), dilate: Shape = (), pad: Shape = (), out=None):
        windows = read_windows(kernel, stride, dilate, pad)
        shape = _columns_shape(data.shape, windows)
        out = xp.empty(shape, data.dtype) if out is None else out
        if any(windows.pad):
            out[...] = 0
        counts = count_windows(data.shape, windows)
        table = _table(out, data.shape[1], windows, counts)
        for tap in windows.taps(data.shape[2:], counts):
            table[:, :, tap.index][tap.outputs] = data[tap.inputs]
        return out

    def gradient(F, gy, y, data, **windows):
        return F._im2col_backward(gy, data, **windows)


def _add_up(xp, columns, windows, image, out):
    """The sums of the columns' values at the places of an image of this shape, in out if given."""
    wide = widen(xp, columns)
    sums = xp.zeros(image, wide.dtype)
    counts = count_windows(image, windows)
    table = _table(wide, image[1], windows, counts)
    for tap in windows.taps(image[2:], counts):
        place = sums[tap.inputs]
        place += table[:, :, tap.index][tap.outputs]
    return deliver(sums, out, columns.dtype)


@operator("_im2col_backward", cases=[Case(gy=(1, 4, 9), data=(1, 1, 4, 4), kernel=(2, 2))])
class Im2ColBackward:
    """Gradient of im2col by its data: the sums of gy's values in the shape of data (whose values do not matter)."""

    infer_shape = shapes.like_input(1)

    def forward(xp, gy, data, *, kernel: Shape, stride: Shape = (), dilate: Shape = (), pad: Shape = (), out=None):
        windows = read_windows(kernel, stride, dilate, pad)
        if gy.shape != _columns_shape(data.shape, windows):
            raise ArgumentError(f"Expected: gy of {_columns_shape(data.shape, windows)}. Received: {gy.shape}.")
        return _add_up(xp, gy, windows, data.shape, out)

    def gradient(F, ggx, y, gy, data, **windows):
        return F.im2col(ggx, **windows), None


def _image_shape(columns, output_size, windows):
    """(N, C, *output_size) for columns (N, C * taps, positions), and the number of positions."""
    if len(output_size) != len(windows.kernel):
        raise ArgumentError(f"Expected: output_size of {len(windows.kernel)} sizes. Received: {output_size}.")
    if len(columns) != 3:
        raise ArgumentError(f"Expected: data.ndim == 3. Received: data.shape={columns}.")
    image = (columns[0], _channels(columns[1], windows), *output_size)
    return image, sizes_product(count_windows(image, windows))


@operator(
    "col2im",
    cases=[
        Case(data=(2, 6, 5), output_size=(5,), kernel=(3,), pad=(1,)),
        Case(data=(1, 4, 9), output_size=(4, 4), kernel=(2, 2)),
    ],
)
class Col2Im:
    """The sums of the columns that windows read, at the places that they were read from: the gradient of im2col.

    data: (N, C * taps, positions). output_size: one to three spatial sizes. Output: (N, C, *output_size), same dtype.
    kernel, stride, dilate, pad: as in Convolution. Source: MXNet 1.9.1's `col2im`.
    """

    def infer_shape(ins, outs, p):
        windows = read_windows(p.kernel, p.stride, p.dilate, p.pad)
        data, out = ins[0], outs[0]
        known = (-1, -1, -1) if data is None else data
        if out is not None:
            known = shapes.unify(known, (out[0], -1 if out[1] == -1 else out[1] * windows.size, -1))
        image, positions = _image_shape(known, p.output_size, windows)
        return [shapes.unify(known, (-1, -1, positions))], [shapes.unify(out, image)]

    def forward(
        xp,
        data,
        *,
        output_size: Shape,
        kernel: Shape,
        stride: Shape = (),
        dilate: Shape = (),
        pad: Shape = (),
        out=None,
    ):
        windows = read_windows(kernel, stride, dilate, pad)
        image, positions = _image_shape(data.shape, output_size, windows)
        if data.shape[2] != positions:
            raise ArgumentError(f"Expected: data of {positions} positions. Received: data.shape={data.shape}.")
        return _add_up(xp, data, windows, image, out)

    def gradient(F, gy, y, data, *, output_size, **windows):
        return F.im2col(gy, **windows)
