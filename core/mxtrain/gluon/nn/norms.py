"""Normalization layers that look at one sample at a time."""

from typing import Any

from mxtrain.gluon.block import HybridBlock
from mxtrain.gluon.parameter import ParameterDict


class _Norm(HybridBlock):
    """What they share: parameters gamma and beta, (size,) each."""

    def __init__(
        self,
        size: int,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._center = center
        self._scale = scale
        self.gamma = self._own("gamma", size, gamma_initializer, scale)
        self.beta = self._own("beta", size, beta_initializer, center)

    def _own(self, name: str, size: int, init: Any, learnt: bool) -> Any:
        return self.params.get(
            name, grad_req="write" if learnt else "null", shape=(size,), init=init, allow_deferred_init=True
        )


class LayerNorm(_Norm):
    """Normalizes along one axis: gamma * (x - mean) / sqrt(var + epsilon) + beta. Output: x's shape.

    axis: along which the moments are taken, of in_channels values (0: found out at the first forward).
    Source: arXiv:1607.06450.
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        in_channels: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(in_channels, center, scale, beta_initializer, gamma_initializer, prefix=prefix, params=params)
        self._kwargs = {"eps": epsilon, "axis": axis, "center": center, "scale": scale}
        self._axis = axis
        self._epsilon = epsilon

    def hybrid_forward(self, F: Any, data: Any, gamma: Any, beta: Any) -> Any:
        """The normalized data."""
        return F.LayerNorm(data, gamma=gamma, beta=beta, axis=self._axis, eps=self._epsilon)

    def __repr__(self) -> str:
        facts = ", ".join(f"{key}={value!r}" for key, value in self._kwargs.items())
        return f"{type(self).__name__}({facts}, in_channels={self.gamma.shape[0]})"


class GroupNorm(_Norm):
    """Normalizes groups of channels of x (N, C, ...): gamma * (x - mean) / sqrt(var + epsilon) + beta.

    gamma, beta: (num_groups,), as in MXNet 1.9.1. Source: arXiv:1803.08494.
    """

    def __init__(
        self,
        num_groups: int = 1,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(num_groups, center, scale, beta_initializer, gamma_initializer, prefix=prefix, params=params)
        self._kwargs = {"eps": epsilon, "num_groups": num_groups, "center": center, "scale": scale}
        self._num_groups = num_groups
        self._epsilon = epsilon

    def hybrid_forward(self, F: Any, data: Any, gamma: Any, beta: Any) -> Any:
        """The normalized data."""
        return F.GroupNorm(data, gamma=gamma, beta=beta, num_groups=self._num_groups, eps=self._epsilon)

    def __repr__(self) -> str:
        facts = ", ".join(f"{key}={value!r}" for key, value in self._kwargs.items())
        return f"{type(self).__name__}({facts})"


class InstanceNorm(_Norm):
    """Normalizes each channel of each sample: gamma * (x - mean) / sqrt(var + epsilon) + beta. Output: x's shape.

    axis: of the channels. Source: arXiv:1607.08022.
    """

    def __init__(
        self,
        axis: int = 1,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = False,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        in_channels: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, center, scale, beta_initializer, gamma_initializer, **kwargs)
        self._kwargs = {"eps": epsilon, "axis": axis, "center": center, "scale": scale}
        self._axis = axis
        self._epsilon = epsilon

    def hybrid_forward(self, F: Any, x: Any, gamma: Any, beta: Any) -> Any:
        """The normalized x."""
        if self._axis == 1:
            return F.InstanceNorm(x, gamma, beta, name="fwd", eps=self._epsilon)
        x = x.swapaxes(1, self._axis)
        return F.InstanceNorm(x, gamma, beta, name="fwd", eps=self._epsilon).swapaxes(1, self._axis)

    def __repr__(self) -> str:
        facts = ", ".join(f"{key}={value!r}" for key, value in self._kwargs.items())
        return f"{type(self).__name__}({facts}, in_channels={self.gamma.shape[0]})"
