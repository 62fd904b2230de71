"""Batch normalization layers."""

from typing import Any

import numpy as np

from mxtrain.gluon.block import HybridBlock


class _BatchNorm(HybridBlock):
    """What the batch normalizations share: parameters gamma, beta, running_mean and running_var, (channels,) each."""

    def __init__(
        self,
        axis: int = 1,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        use_global_stats: bool = False,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        running_mean_initializer: Any = "zeros",
        running_variance_initializer: Any = "ones",
        in_channels: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._kwargs = {
            "axis": axis,
            "eps": epsilon,
            "momentum": momentum,
            "fix_gamma": not scale,
            "use_global_stats": use_global_stats,
        }
        self._axis = axis
        self.in_channels = in_channels
        self.gamma = self._channel_parameter("gamma", gamma_initializer, learnt=scale)
        self.beta = self._channel_parameter("beta", beta_initializer, learnt=center)
        self.running_mean = self._channel_parameter("running_mean", running_mean_initializer, learnt=False)
        self.running_var = self._channel_parameter("running_var", running_variance_initializer, learnt=False)

    def _channel_parameter(self, name: str, init: Any, learnt: bool) -> Any:
        return self.params.get(
            name,
            grad_req="write" if learnt else "null",
            shape=(self.in_channels,),
            init=init,
            allow_deferred_init=True,
            differentiable=learnt,
        )

    def cast(self, dtype: Any) -> None:
        """Change the element type of the parameters; they stay float32 for float16 data."""
        super().cast("float32" if np.dtype(dtype).name == "float16" else dtype)

    def __repr__(self) -> str:
        facts = ", ".join(f"{key}={value!r}" for key, value in self._kwargs.items())
        return f"{type(self).__name__}({facts}, in_channels={self.gamma.shape[0] or None})"


class BatchNorm(_BatchNorm):
    """Normalizes each channel over the batch: gamma * (x - mean) / sqrt(var + epsilon) + beta.

    In training with the batch's own moments, which move the running ones: running = momentum * running +
    (1 - momentum) * batch; otherwise (and with use_global_stats) with the running ones. axis: of the channels. center,
    scale: whether beta and gamma are learnt. in_channels: 0: found out at the first forward. Output: x's shape.
    Source: arXiv:1502.03167.
    """

    def hybrid_forward(self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any) -> Any:
        """The normalized x."""
        return F.BatchNorm(x, gamma, beta, running_mean, running_var, name="fwd", **self._kwargs)


class BatchNormReLU(_BatchNorm):
    """BatchNorm, then a rectifier."""

    def hybrid_forward(self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any) -> Any:
        """The normalized x, rectified."""
        return F.contrib.BatchNormWithReLU(x, gamma, beta, running_mean, running_var, name="fwd", **self._kwargs)
