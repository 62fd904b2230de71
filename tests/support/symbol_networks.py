"""Networks as symbols, built with the module handed in: mxtrain in the tests, MXNet 1.9.1 for their fixtures."""


def mlp(mx):
    data = mx.sym.Variable("data")
    fc1 = mx.sym.FullyConnected(data, num_hidden=128, name="fc1")
    act1 = mx.sym.Activation(fc1, act_type="relu", name="relu1")
    fc2 = mx.sym.FullyConnected(act1, num_hidden=10, name="fc2")
    return mx.sym.SoftmaxOutput(fc2, name="softmax")


def lenet(mx):
    net = mx.sym.var("data")
    for number, filters in ((1, 20), (2, 50)):
        net = mx.sym.Convolution(net, kernel=(5, 5), num_filter=filters, name=f"conv{number}")
        net = mx.sym.Activation(data=net, act_type="tanh")
        net = mx.sym.Pooling(data=net, pool_type="max", kernel=(2, 2), stride=(2, 2))
    net = mx.sym.FullyConnected(mx.sym.flatten(net), num_hidden=500)
    net = mx.sym.FullyConnected(mx.sym.Activation(net, act_type="tanh"), num_hidden=10)
    return mx.sym.SoftmaxOutput(data=net, name="softmax")


def _unit(mx, data, filters, stride, shortcut, name):
    bn1 = mx.sym.BatchNorm(data=data, fix_gamma=False, eps=2e-5, momentum=0.9, name=name + "_bn1")
    act1 = mx.sym.Activation(data=bn1, act_type="relu", name=name + "_relu1")
    conv1 = mx.sym.Convolution(
        data=act1, num_filter=filters, kernel=(3, 3), stride=stride, pad=(1, 1), no_bias=True, name=name + "_conv1"
    )
    bn2 = mx.sym.BatchNorm(data=conv1, fix_gamma=False, eps=2e-5, momentum=0.9, name=name + "_bn2")
    act2 = mx.sym.Activation(data=bn2, act_type="relu", name=name + "_relu2")
    conv2 = mx.sym.Convolution(
        data=act2, num_filter=filters, kernel=(3, 3), pad=(1, 1), no_bias=True, name=name + "_conv2", workspace=256
    )
    if not shortcut:
        data = mx.sym.Convolution(
            data=act1, num_filter=filters, kernel=(1, 1), stride=stride, no_bias=True, name=name + "_sc"
        )
    return conv2 + data


def resnet(mx):
    data = mx.sym.identity(data=mx.sym.Variable(name="data"), name="id")
    net = mx.sym.BatchNorm(data=data, fix_gamma=True, eps=2e-5, momentum=0.9, name="bn_data")
    net = mx.sym.Convolution(
        data=net, num_filter=16, kernel=(3, 3), stride=(1, 1), pad=(1, 1), no_bias=True, name="conv0"
    )
    net = _unit(mx, net, 16, (1, 1), True, "stage1_unit1")
    net = _unit(mx, net, 32, (2, 2), False, "stage2_unit1")
    net = mx.sym.Pooling(data=net, global_pool=True, kernel=(7, 7), pool_type="avg", name="pool1")
    net = mx.sym.FullyConnected(data=mx.sym.Flatten(data=net), num_hidden=10, name="fc1")
    return mx.sym.SoftmaxOutput(data=net, name="softmax")


def branches(mx):
    """Joins, cuts, several outputs, numbers on either side and nameless operators."""
    a, b = mx.sym.var("a", shape=(0, 6)), mx.sym.var("b", dtype="float32", lr_mult=2.0, wd_mult=0.0)
    joined = mx.sym.concat(a, b, a * 2, dim=1)
    parts = mx.sym.split(joined, num_outputs=3, axis=1, name="parts")
    mixed = 1 - parts[1] / 3 + parts[0] ** 2
    kept = mx.sym.clip(mx.sym.sum(mixed, axis=(1,), keepdims=True), a_min=-1e-3, a_max=10)
    return mx.sym.Group([kept, parts[2], mx.sym.BlockGrad(mx.sym.transpose(mixed), name="blocked"), a])


def attributes(mx):
    """Attributes of scopes, of variables and of operators."""
    with mx.AttrScope(ctx_group="dev1", __mood__="so so"):
        data = mx.sym.Variable("data", attr={"mood": "angry"}, init=mx.init.Constant(0.5))
        net = mx.sym.FullyConnected(
            data, num_hidden=3, name="fc", attr={"__note__": 'a "quoted" \\ text', "wd_mult": "2"}
        )
    with mx.AttrScope(lr_mult="0.1"):
        return mx.sym.Dropout(mx.sym.LeakyReLU(net, act_type="leaky", slope=0.2), p=0.25)


def custom(mx):
    data = mx.sym.Variable("data")
    fc = mx.sym.FullyConnected(data, num_hidden=4, name="fc")
    return mx.sym.Custom(data=fc, label=mx.sym.Variable("label"), op_type="network_loss", scale=0.5, name="loss")


def register_custom(mx):
    """The operator that `custom` uses."""

    class Loss(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            self.assign(out_data[0], req[0], in_data[0])

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self.assign(in_grad[0], req[0], out_data[0] - in_data[1])

    @mx.operator.register("network_loss")
    class LossProp(mx.operator.CustomOpProp):
        def __init__(self, scale):
            super().__init__(need_top_grad=False)
            self.scale = float(scale)

        def list_arguments(self):
            return ["data", "label"]

        def list_outputs(self):
            return ["output"]

        def infer_shape(self, in_shape):
            return [in_shape[0], in_shape[0]], [in_shape[0]], []

        def create_operator(self, ctx, shapes, dtypes):
            return Loss()

    return LossProp


NETWORKS = {f.__name__: f for f in (mlp, lenet, resnet, branches, attributes, custom)}
