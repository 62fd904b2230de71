"""The parameters kernel, stride, dilate and pad of convolutions and pooling, read into `Windows`."""

import functools

from mxtrain.base import ArgumentError
from mxtrain.ops.kernels.windows import Windows

_LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}


@functools.lru_cache(maxsize=1024)
def read_windows(
    kernel: tuple[int, ...], stride: tuple[int, ...], dilate: tuple[int, ...], pad: tuple[int, ...]
) -> Windows:
    """Windows with the defaults filled in: stride and dilate 1, pad 0. Raises ArgumentError for unfit sizes."""
    ndim = len(kernel)
    if ndim not in _LAYOUTS:
        raise ArgumentError(f"Expected: kernel of 1, 2 or 3 sizes. Received: kernel={kernel}.")
    given = {"stride": stride or (1,) * ndim, "dilate": dilate or (1,) * ndim, "pad": pad or (0,) * ndim}
    for name, sizes in given.items():
        if len(sizes) != ndim:
            raise ArgumentError(f"Expected: {name} of {ndim} sizes, like kernel={kernel}. Received: {name}={sizes}.")
        if min(sizes) < (0 if name == "pad" else 1):
            raise ArgumentError(f"Expected: {name} sizes >= {0 if name == 'pad' else 1}. Received: {name}={sizes}.")
    if min(kernel) < 1:
        raise ArgumentError(f"Expected: kernel sizes >= 1. Received: kernel={kernel}.")
    return Windows(kernel, **given)


def require_data(data: tuple[int, ...], windows: Windows) -> None:
    """Raise ArgumentError unless data's shape has the axes that the windows slide over."""
    ndim = len(windows.kernel)
    if len(data) != ndim + 2:
        raise ArgumentError(
            f"Expected: data.ndim == {ndim + 2} ({_LAYOUTS[ndim]}) for kernel={windows.kernel}. "
            f"Received: data.shape={data}."
        )


def require_channels_first(layout: str | None, ndim: int) -> None:
    """Raise ArgumentError for a layout with the channels last (MXNet 1.9.1 convolves these on GPUs only)."""
    if layout is not None and layout != _LAYOUTS.get(ndim):
        raise ArgumentError(f"Expected: layout {_LAYOUTS.get(ndim)} or None. Received: layout={layout!r}.")


def count_windows(data: tuple[int, ...], windows: Windows) -> tuple[int, ...]:
    """How many windows fit data along each spatial axis (-1 where its size is unknown).

    Raises ArgumentError where a window is larger than the padded data.
    """
    sizes = data[2:]
    for size, extent, pad in zip(sizes, windows.extent, windows.pad, strict=True):
        if size != -1 and size + 2 * pad < extent:
            raise ArgumentError(
                f"Expected: a window of at most the padded data's size. Received: kernel={windows.kernel}, "
                f"dilate={windows.dilate}, pad={windows.pad}, data.shape={data}."
            )
    counts = windows.count(sizes)
    return tuple(-1 if size == -1 else count for size, count in zip(sizes, counts, strict=True))


def infer_from_counts(counts: tuple[int, ...], windows: Windows) -> tuple[int, ...]:
    """Spatial sizes of data that follow from the output's where the stride is 1; -1 elsewhere."""
    rows = zip(counts, windows.stride, windows.extent, windows.pad, strict=True)
    return tuple(c - 1 + e - 2 * p if c != -1 and s == 1 else -1 for c, s, e, p in rows)
