"""Transposed convolution layers."""

from typing import Any

from mxtrain.gluon.nn.convolution import Sizes, _Conv


class Conv1DTranspose(_Conv):
    """Transposed convolution along one axis: the gradient of Conv1D as a layer. x: (N, C, W).

    output_padding: is added to one side of the output.
    """

    _ndim = 1
    _layouts = ("NCW",)
    _transposed = True

    def __init__(
        self,
        channels: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
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
            weight_initializer, bias_initializer, output_padding, **kwargs,
        )  # fmt: skip


class Conv2DTranspose(_Conv):
    """Transposed convolution along two axes: the gradient of Conv2D as a layer. x: (N, C, H, W)."""

    _ndim = 2
    _layouts = ("NCHW", "NHWC")
    _transposed = True

    def __init__(
        self,
        channels: int,
        kernel_size: Sizes,
        strides: Sizes = (1, 1),
        padding: Sizes = (0, 0),
        output_padding: Sizes = (0, 0),
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
            weight_initializer, bias_initializer, output_padding, **kwargs,
        )  # fmt: skip


class Conv3DTranspose(_Conv):
    """Transposed convolution along three axes: the gradient of Conv3D as a layer. x: (N, C, D, H, W)."""

    _ndim = 3
    _layouts = ("NCDHW", "NDHWC")
    _transposed = True

    def __init__(
        self,
        channels: int,
        kernel_size: Sizes,
        strides: Sizes = (1, 1, 1),
        padding: Sizes = (0, 0, 0),
        output_padding: Sizes = (0, 0, 0),
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
            weight_initializer, bias_initializer, output_padding, **kwargs,
        )  # fmt: skip
