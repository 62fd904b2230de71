"""Activation layers."""

from typing import Any

from mxtrain import initializer
from mxtrain.gluon.block import HybridBlock
from mxtrain.gluon.errors import CheckError

#: The slope that PReLU starts with.
ALPHA_INIT = initializer.Constant(0.25)


class Activation(HybridBlock):
    """An activation by name: "relu", "sigmoid", "tanh", "softrelu" or "softsign". Output: the input's shape."""

    def __init__(self, activation: str, **kwargs: Any) -> None:
        self._act_type = activation
        super().__init__(**kwargs)

    def _alias(self) -> str:
        return self._act_type

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """activation(x)."""
        return F.Activation(x, act_type=self._act_type, name="fwd")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._act_type})"


class LeakyReLU(HybridBlock):
    """Leaky rectifier: x where x > 0, else alpha * x. Raises CheckError (an AssertionError) for alpha < 0."""

    def __init__(self, alpha: float, **kwargs: Any) -> None:
        if alpha < 0:
            raise CheckError(f"Slope coefficient for LeakyReLU must be no less than 0. Received: {alpha}.")
        super().__init__(**kwargs)
        self._alpha = alpha

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The rectified x."""
        return F.LeakyReLU(x, act_type="leaky", slope=self._alpha, name="fwd")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._alpha})"


class PReLU(HybridBlock):
    """Parametric leaky rectifier: x where x > 0, else alpha * x with a learnt alpha, one or one per channel.

    Source: arXiv:1502.01852.
    """

    def __init__(self, alpha_initializer: Any = ALPHA_INIT, in_channels: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with self.name_scope():
            self.alpha = self.params.get("alpha", shape=(in_channels,), init=alpha_initializer)

    def hybrid_forward(self, F: Any, x: Any, alpha: Any) -> Any:
        """The rectified x."""
        return F.LeakyReLU(x, gamma=alpha, act_type="prelu", name="fwd")


class ELU(HybridBlock):
    """Exponential linear unit: x where x > 0, else alpha * (exp(x) - 1). Source: arXiv:1511.07289."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._alpha = alpha

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """elu(x)."""
        return F.LeakyReLU(x, act_type="elu", slope=self._alpha)


class SELU(HybridBlock):
    """Scaled exponential linear unit. Source: arXiv:1706.02515."""

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """selu(x)."""
        return F.LeakyReLU(x, act_type="selu", name="fwd")


class GELU(HybridBlock):
    """Gaussian error linear unit: x * normal_cdf(x). Source: arXiv:1606.08415."""

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """gelu(x)."""
        return F.LeakyReLU(x, act_type="gelu", name="fwd")


class Swish(HybridBlock):
    """Swish: x * sigmoid(beta * x). Source: arXiv:1710.05941."""

    def __init__(self, beta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._beta = beta

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """swish(x)."""
        return x * F.sigmoid(self._beta * x, name="fwd")
