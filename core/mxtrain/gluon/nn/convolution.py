"""Convolution layers, and their transposes."""

from collections.abc import Sequence
from typing import Any

from mxtrain.gluon.block import HybridBlock
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.nn.activations import Activation

Sizes = int | Sequence[int]


def as_tuple(sizes: Sizes, ndim: int) -> tuple[int, ...]:
    """One size per spatial axis. Raises CheckError for another number of them."""
    spread = (sizes,) * ndim if isinstance(sizes, int) else tuple(sizes)
    if len(spread) != ndim:
        raise CheckError(f"Expected: a number or a list of {ndim} ints. Received: {sizes!r}.")
    return spread


class _Conv(HybridBlock):
    """What the convolutions share.

    A subclass states how many spatial axes it has, and whether it is transposed. kernel_size, strides, padding,
    dilation (and output_padding): one number, or one per spatial axis. in_channels: 0: found out at the first forward.
    """

    _ndim: int
    _layouts: tuple[str, ...]
    _transposed = False

    def __init__(
        self,
        channels: int,
        kernel_size: Sizes,
        strides: Sizes,
        padding: Sizes,
        dilation: Sizes,
        groups: int,
        layout: str,
        in_channels: int,
        activation: str | None,
        use_bias: bool,
        weight_initializer: Any,
        bias_initializer: Any,
        output_padding: Sizes | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if layout not in self._layouts:
            raise CheckError(f"Only supports {self._layouts} layout for now. Received: {layout!r}.")
        self._channels = channels
        self._in_channels = in_channels
        self._op_name = "Deconvolution" if self._transposed else "Convolution"
        self._kwargs: dict[str, Any] = {
            "kernel": as_tuple(kernel_size, self._ndim),
            "stride": as_tuple(strides, self._ndim),
            "dilate": as_tuple(dilation, self._ndim),
            "pad": as_tuple(padding, self._ndim),
            "num_filter": channels,
            "num_group": groups,
            "no_bias": not use_bias,
            "layout": layout,
        }
        if output_padding is not None:
            self.outpad = as_tuple(output_padding, self._ndim)
            self._kwargs["adj"] = self.outpad
        with self.name_scope():
            self.weight = self.params.get(
                "weight", shape=self._weight_shape(), init=weight_initializer, allow_deferred_init=True
            )
            self.bias = (
                self.params.get("bias", shape=(channels,), init=bias_initializer, allow_deferred_init=True)
                if use_bias
                else None
            )
            self.act = Activation(activation, prefix=activation + "_") if activation is not None else None

    def _weight_shape(self) -> tuple[int, ...]:
        """The weight's shape, 0 where it depends on inputs that are not known yet."""
        groups, kernel = self._kwargs["num_group"], self._kwargs["kernel"]
        inputs, outputs = self._in_channels, self._channels
        first, second = (inputs, outputs // groups) if self._transposed else (outputs, inputs // groups)
        return (first, *kernel, second) if self._kwargs["layout"].endswith("C") else (first, second, *kernel)

    def _alias(self) -> str:
        return "conv"

    def hybrid_forward(self, F: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        """The convolution, biased and activated."""
        inputs = (x, weight) if bias is None else (x, weight, bias)
        out = getattr(F, self._op_name)(*inputs, name="fwd", **self._kwargs)
        return out if self.act is None else self.act(out)

    def __repr__(self) -> str:
        facts = {"kernel_size": "kernel", "stride": "stride"}
        words = [f"{name}={self._kwargs[key]}" for name, key in facts.items()]
        optional = {
            "padding": (self._kwargs["pad"], (0,) * self._ndim),
            "dilation": (self._kwargs["dilate"], (1,) * self._ndim),
            "groups": (self._kwargs["num_group"], 1),
        }
        words += [f"{name}={value}" for name, (value, usual) in optional.items() if value != usual]
        words += ["bias=False"] if self.bias is None else []
        words += [str(self.act)] if self.act else []
        shape = self.weight.shape or (0, 0)
        return f"{type(self).__name__}({shape[1] or None} -> {shape[0]}, {', '.join(words)})"


class Conv1D(_Conv):
    """Convolution along one axis. x: (N, C, W). Output: (N, channels, W')."""

    _ndim = 1
    _layouts = ("NCW",)

    def __init__(
        self,
        channels: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        layout: str = "NCW",
        activation: str | None = None,
        use_bias: bool = True,
        weight_initializer: Any = None,
        bias_initializer: Any = "zeros",
        in_channels: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            channels, kernel_size, strides, padding, dilation, groups, layout, in_channels, activation, use_bias,
            weight_initializer, bias_initializer, **kwargs,
        )  # fmt: skip


class Conv2D(_Conv):
    """Convolution along two axes. x: (N, C, H, W), or (N, H, W, C) with layout "NHWC". Output: the same layout."""

    _ndim = 2
    _layouts = ("NCHW", "NHWC")

    def __init__(
        self,
        channels: int,
        kernel_size: Sizes,
        strides: Sizes = (1, 1),
        padding: Sizes = (0, 0),
        dilation: Sizes = (1, 1),
        groups: int = 1,
        layout: str = "NCHW",
        activation: str | None = None,
        use_bias: bool = True,
        weight_initializer: Any = None,
        bias_initializer: Any = "zeros",
        in_channels: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            channels, kernel_size, strides, padding, dilation, groups, layout, in_channels, activation, use_bias,
            weight_initializer, bias_initializer, **kwargs,
        )  # fmt: skip


class Conv3D(_Conv):
    """Convolution along three axes. x: (N, C, D, H, W), or (N, D, H, W, C) with layout "NDHWC"."""

    _ndim = 3
    _layouts = ("NCDHW", "NDHWC")

    def __init__(
        self,
        channels: int,
        kernel_size: Sizes,
        strides: Sizes = (1, 1, 1),
        padding: Sizes = (0, 0, 0),
        dilation: Sizes = (1, 1, 1),
        groups: int = 1,
        layout: str = "NCDHW",
        activation: str | None = None,
        use_bias: bool = True,
        weight_initializer: Any = None,
        bias_initializer: Any = "zeros",
        in_channels: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            channels, kernel_size, strides, padding, dilation, groups, layout, in_channels, activation, use_bias,
            weight_initializer, bias_initializer, **kwargs,
        )  # fmt: skip
