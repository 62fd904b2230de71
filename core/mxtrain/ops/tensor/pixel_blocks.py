"""Channels as blocks of pixels, and back: depth_to_space, space_to_depth."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator


def _require(fits: bool, shape: tuple[int, ...], block: int) -> None:
    if not fits or 0 in shape:
        raise ArgumentError(f"Expected: (N, C, H, W) that blocks of {block} x {block} divide. Received: {shape}.")


def _spread_shape(shape: tuple[int, ...], block: int) -> tuple[int, ...]:
    _require(len(shape) == 4 and block > 0 and (shape[1] == -1 or shape[1] % (block * block) == 0), shape, block)
    channels = -1 if shape[1] == -1 else shape[1] // (block * block)
    return (shape[0], channels, *(-1 if size == -1 else size * block for size in shape[2:]))


def _gathered_shape(shape: tuple[int, ...], block: int) -> tuple[int, ...]:
    _require(len(shape) == 4 and block > 0 and all(size == -1 or size % block == 0 for size in shape[2:]), shape, block)
    channels = -1 if shape[1] == -1 else shape[1] * block * block
    return (shape[0], channels, *(-1 if size == -1 else size // block for size in shape[2:]))


@operator("depth_to_space", cases=[Case(data=(2, 8, 1, 3), block_size=2), Case(data=(1, 9, 2, 1), block_size=3)])
class DepthToSpace:
    """Every block_size^2 channels laid out as blocks of pixels.

    data: (N, C, H, W). Output: (N, C / block_size^2, H * block_size, W * block_size). Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(_spread_shape(ins[0], p.block_size), outs[0])]

    def forward(xp, data, *, block_size: int):
        n, c, h, w = _spread_shape(data.shape, block_size)
        blocks = data.reshape(n, block_size, block_size, c, *data.shape[2:])
        return blocks.transpose(0, 3, 4, 1, 5, 2).copy().reshape(n, c, h, w)

    def gradient(F, gy, y, data, *, block_size):
        return F.space_to_depth(gy, block_size=block_size)


@operator("space_to_depth", cases=[Case(data=(2, 2, 2, 4), block_size=2), Case(data=(1, 1, 3, 3), block_size=3)])
class SpaceToDepth:
    """Blocks of block_size x block_size pixels as channels: the inverse of depth_to_space.

    data: (N, C, H, W). Output: (N, C * block_size^2, H / block_size, W / block_size). Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(_gathered_shape(ins[0], p.block_size), outs[0])]

    def forward(xp, data, *, block_size: int):
        n, c, h, w = _gathered_shape(data.shape, block_size)
        blocks = data.reshape(n, data.shape[1], h, block_size, w, block_size)
        return blocks.transpose(0, 3, 5, 1, 2, 4).copy().reshape(n, c, h, w)

    def gradient(F, gy, y, data, *, block_size):
        return F.depth_to_space(gy, block_size=block_size)
