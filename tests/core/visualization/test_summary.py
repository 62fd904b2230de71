"""print_summary: the layout is MXNet 1.9.1's, the counts are those of the true shapes."""

import pytest

import mxtrain as mx
from mxtrain.base import MXNetError


def _network():
    data = mx.sym.Variable("data")
    net = mx.sym.Embedding(data, name="emb1", input_dim=100, output_dim=28)
    net = mx.sym.Convolution(net, name="conv1", num_filter=32, kernel=(3, 3), stride=(2, 2))
    net = mx.sym.BatchNorm(net, name="bn1")
    net = mx.sym.Pooling(net, name="mp1", kernel=(2, 2), stride=(2, 2), pool_type="max")
    net = mx.sym.FullyConnected(net, name="fc1", num_hidden=10)
    return mx.sym.SoftmaxOutput(net, name="softmax")


_TABLE = """\
________________________________________________________________________________
Layer (type)            Output Shape            Param #     Previous Layer
================================================================================
data(null)              3x28                    0
________________________________________________________________________________
emb1(Embedding)         3x28x28                 2800        data
________________________________________________________________________________
conv1(Convolution)      32x13x13                896         emb1
________________________________________________________________________________
bn1(BatchNorm)          32x13x13                64          conv1
________________________________________________________________________________
mp1(Pooling)            32x6x6                  0           bn1
________________________________________________________________________________
fc1(FullyConnected)     10                      11530       mp1
________________________________________________________________________________
softmax(SoftmaxOutput)  10                      0           fc1
================================================================================
Total params: 15290
________________________________________________________________________________
"""


def _lines(text):
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.parametrize("positions", [[0.3, 0.6, 0.75, 1.0], [24, 48, 60, 80]])
def test_the_table(capsys, positions):
    mx.viz.print_summary(_network(), {"data": (1, 3, 28)}, line_length=80, positions=positions)
    assert _lines(capsys.readouterr().out) == _lines(_TABLE)


def test_without_shapes_only_what_attributes_tell(capsys):
    mx.viz.print_summary(_network())
    lines = _lines(capsys.readouterr().out)
    assert [len(line) for line in lines if line.startswith("_")] == [120] * 8
    counts = {line.split("(")[0]: line.split()[1] for line in lines if "(" in line and not line.startswith("Layer")}
    assert counts == {"data": "0", "emb1": "2800", "conv1": "32", "bn1": "0", "mp1": "0", "fc1": "10", "softmax": "0"}
    assert lines[-2] == "Total params: 2842"


def test_several_inputs_and_shared_parameters(capsys):
    data, weight = mx.sym.Variable("data"), mx.sym.Variable("shared")
    left = mx.sym.FullyConnected(data, weight=weight, no_bias=True, num_hidden=3, name="left")
    right = mx.sym.FullyConnected(left, weight=weight, no_bias=True, num_hidden=3, name="right")
    mx.viz.print_summary(mx.sym.broadcast_add(left, right, name="sum"), {"data": (2, 3)})
    lines = _lines(capsys.readouterr().out)
    rows = {line.split("(")[0]: line.split()[1:] for line in lines if "(" in line and not line.startswith("Layer")}
    assert rows["left"] == ["3", "9", "data"]
    assert rows["right"] == ["3", "0", "left"]
    assert rows["sum"] == ["3", "0", "left"]
    assert lines[lines.index(next(line for line in lines if line.startswith("sum"))) + 1].split() == ["right"]
    assert lines[-2] == "Total params: 9"


def test_wrong_arguments_are_named():
    with pytest.raises(TypeError, match="symbol must be a Symbol") as caught:
        mx.viz.print_summary(3)
    assert isinstance(caught.value, MXNetError)
    with pytest.raises(MXNetError):
        mx.viz.print_summary(_network(), {"data": (1, 3)})
