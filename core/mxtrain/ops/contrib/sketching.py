"""Transforms of vectors: `_contrib_fft`, `_contrib_ifft`, `_contrib_count_sketch`, and `khatri_rao` of matrices."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.partial_shapes import sizes_product
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator


def _interleave(xp, values, dtype):
    """Complex numbers (..., d) as real and imaginary parts side by side, (..., 2 d)."""
    result = xp.empty((*values.shape, 2), dtype)
    result[..., 0], result[..., 1] = values.real, values.imag
    return result.reshape(*values.shape[:-1], 2 * values.shape[-1])


@operator("_contrib_fft", cases=[Case(data=(2, 3)), Case(data=(2, 1, 2, 4))])
class FFT:
    """The discrete Fourier transform along the last axis.

    data: (..., d), floating. Output: (..., 2 d), real and imaginary parts side by side. compute_size is accepted and
    has no effect.
    """

    def infer_shape(ins, outs, p):
        data, out = ins[0], outs[0]
        if data is None and out is not None:
            data = (*out[:-1], -1 if out[-1] == -1 else out[-1] // 2)
        if data is None:
            return ins, outs
        return [data], [shapes.unify(out, (*data[:-1], sizes_product((data[-1], 2))))]

    def forward(xp, data, *, compute_size: int = 128):
        types.require_floating(data.dtype)
        if data.ndim < 1:
            raise ArgumentError(f"Expected: data of (..., d). Received: {data.shape}.")
        return _interleave(xp, xp.fft.fft(widen(xp, data), axis=-1), data.dtype)

    def gradient(F, gy, y, data, *, compute_size):
        return F._contrib_ifft(gy, compute_size=compute_size)


@operator("_contrib_ifft", cases=[Case(data=(2, 6)), Case(data=(2, 1, 2, 4))])
class IFFT:
    """The real part of the inverse discrete Fourier transform along the last axis, not divided by its length.

    data: (..., 2 d), real and imaginary parts side by side. Output: (..., d). compute_size is accepted and
    has no effect.
    """

    def infer_shape(ins, outs, p):
        data, out = ins[0], outs[0]
        if data is None and out is not None:
            data = (*out[:-1], sizes_product((out[-1], 2)))
        if data is None:
            return ins, outs
        return [data], [shapes.unify(out, (*data[:-1], -1 if data[-1] == -1 else data[-1] // 2))]

    def forward(xp, data, *, compute_size: int = 128):
        types.require_floating(data.dtype)
        if data.ndim < 1 or data.shape[-1] % 2:
            raise ArgumentError(f"Expected: data of (..., an even number). Received: {data.shape}.")
        wide = widen(xp, data)
        values = wide[..., ::2] + 1j * wide[..., 1::2]
        length = max(values.shape[-1], 1)
        return (xp.fft.ifft(values, axis=-1).real * length).astype(data.dtype)

    def gradient(F, gy, y, data, *, compute_size):
        return F._contrib_fft(gy, compute_size=compute_size)


def _hash(xp, h, width, out_dim):
    """The places of the output, (d,). Raises ArgumentError for ones outside."""
    places = h.reshape(-1).astype(np.int64)
    if places.size != width:
        raise ArgumentError(f"Expected: h with {width} elements. Received: {h.shape}.")
    if xp is np and width and not 0 <= places.min() <= places.max() < out_dim:
        raise ArgumentError(f"Expected: h in [0, {out_dim}). Received: {places.min()} to {places.max()}.")
    return places


_HASH = {"h": np.array([[0.0, 3.0, 0.0]]), "out_dim": 4}


@operator("_contrib_count_sketch", cases=[Case(data=(2, 3), s=np.array([[1.0, -1.0, 1.0]]), **_HASH)])
class CountSketch:
    """A short vector for each long one: output[:, h[i]] is the sum of data[:, i] * s[i].

    data: (..., d), floating. h: (1, d), places in [0, out_dim). s: (1, d), signs. Output: (..., out_dim).
    processing_batch_size is accepted and has no effect. Source: arXiv:1511.06062; MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        data = ins[0]
        if outs[0] is not None:
            data = shapes.unify(data, (*outs[0][:-1], -1))
        if data is None:
            return ins, outs
        return [data, *ins[1:]], [shapes.unify(outs[0], (*data[:-1], p.out_dim))]

    def forward(xp, data, h, s, *, out_dim: int, processing_batch_size: int = 32):
        if data.ndim < 1 or s.size != data.shape[-1]:
            raise ArgumentError(f"Expected: data (..., d) and s of d elements. Received: {data.shape}, {s.shape}.")
        types.unify_all([data.dtype, h.dtype, s.dtype])
        places = _hash(xp, h, data.shape[-1], out_dim)
        signed = widen(xp, data).reshape(-1, data.shape[-1]) * widen(xp, s).reshape(-1)
        result = xp.zeros((out_dim, len(signed)), signed.dtype)
        xp.add.at(result, places, signed.T)
        return result.T.reshape(*data.shape[:-1], out_dim).astype(data.dtype)

    def gradient(F, gy, y, data, h, s, *, out_dim, processing_batch_size):
        return F._count_sketch_backward(gy, h, s, out_dim=out_dim), None, None


@operator("_count_sketch_backward", cases=[Case(gy=(2, 4), s=np.array([[1.0, -1.0, 1.0]]), **_HASH)])
class CountSketchBackward:
    """The gradient of `_contrib_count_sketch` by data: gy[:, h[i]] * s[i]."""

    infer_type = types.like_input(0)

    def infer_shape(ins, outs, p):
        if ins[0] is None or ins[1] is None:
            return ins, outs
        return ins, [shapes.unify(outs[0], (*ins[0][:-1], sizes_product(ins[1])))]

    def forward(xp, gy, h, s, *, out_dim: int):
        places = _hash(xp, h, s.size, out_dim)
        return (gy[..., places] * s.reshape(-1)).astype(gy.dtype, copy=False)

    def gradient(F, ggx, y, gy, h, s, *, out_dim):
        return F._contrib_count_sketch(ggx, h, s, out_dim=out_dim), None, None


@operator("khatri_rao", cases=[Case(data=[(2, 3)]), Case(data=[(2, 3), (3, 3), (1, 3)])])
class KhatriRao:
    """The Khatri-Rao product: column by column, the Kronecker product of matrices.

    data: matrices (M_i, N). Output: (M_1 * M_2 * ..., N). Source: MXNet 1.9.1, which has no gradient for it.
    """

    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        columns = shapes.unify_all([None if shape is None else shape[1:] for shape in [*ins, *outs]])
        if columns is None:
            return ins, outs
        ins = [shapes.unify(shape, (-1, *columns)) for shape in ins]
        return ins, [shapes.unify(outs[0], (sizes_product([shape[0] for shape in ins]), *columns))]

    def forward(xp, *data):
        if not data or any(matrix.ndim != 2 or matrix.shape[1] != data[0].shape[1] for matrix in data):
            raise ArgumentError(
                f"Expected: matrices with one number of columns. Received: {[matrix.shape for matrix in data]}."
            )
        result = data[0].copy()
        for matrix in data[1:]:
            result = (result[:, None] * matrix).reshape(-1, matrix.shape[1])
        return result
