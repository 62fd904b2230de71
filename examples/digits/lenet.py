"""LeNet: two convolutions with pooling and two fully connected layers, after LeCun et al., 1998."""

import mxtrain as mx


def lenet(num_classes: int = 10) -> mx.sym.Symbol:
    """The network for images of shape (batch, 1, 28, 28) and labels of shape (batch,)."""
    layer = mx.sym.Variable("data")
    for stage, num_filter in enumerate((20, 50), 1):
        layer = mx.sym.Convolution(layer, kernel=(5, 5), num_filter=num_filter, name=f"conv{stage}")
        layer = mx.sym.Activation(layer, act_type="relu", name=f"relu{stage}")
        layer = mx.sym.Pooling(layer, pool_type="max", kernel=(2, 2), stride=(2, 2), name=f"pool{stage}")
    layer = mx.sym.FullyConnected(mx.sym.Flatten(layer), num_hidden=500, name="fc1")
    layer = mx.sym.Activation(layer, act_type="relu", name="relu3")
    layer = mx.sym.FullyConnected(layer, num_hidden=num_classes, name="fc2")
    return mx.sym.SoftmaxOutput(layer, name="softmax")
