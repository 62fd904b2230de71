"""`Dense`: a fully connected layer."""

from typing import Any

from mxtrain.gluon.block import HybridBlock
from mxtrain.gluon.nn.activations import Activation


class Dense(HybridBlock):
    """Fully connected layer: activation(x @ weight.T + bias).

    x: (batch, in_units), or of more axes, which are flattened into one unless flatten=False; then only the last axis is
    multiplied. weight: (units, in_units), bias: (units,). Output: (batch, units), or x's shape with units at its end.
    activation: a name for Activation. in_units: 0: found out at the first forward.
    """

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        flatten: bool = True,
        dtype: Any = "float32",
        weight_initializer: Any = None,
        bias_initializer: Any = "zeros",
        in_units: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._flatten = flatten
        self._units = units
        self._in_units = in_units
        with self.name_scope():
            self.weight = self.params.get(
                "weight", shape=(units, in_units), init=weight_initializer, dtype=dtype, allow_deferred_init=True
            )
            self.bias = (
                self.params.get("bias", shape=(units,), init=bias_initializer, dtype=dtype, allow_deferred_init=True)
                if use_bias
                else None
            )
            self.act = Activation(activation, prefix=activation + "_") if activation is not None else None

    def hybrid_forward(self, F: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        """The product, biased and activated."""
        out = F.FullyConnected(
            x, weight, bias, no_bias=bias is None, num_hidden=self._units, flatten=self._flatten, name="fwd"
        )
        return out if self.act is None else self.act(out)

    def __repr__(self) -> str:
        units, in_units = self.weight.shape or (None, None)
        return f"{type(self).__name__}({in_units or None} -> {units}, {self.act if self.act else 'linear'})"
