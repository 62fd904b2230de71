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


def lstm(mx):
    """Two layers unrolled over three steps with shared parameters; more than ten arrays joined at the end."""
    words = mx.sym.Embedding(mx.sym.var("data"), input_dim=20, output_dim=4, name="embed")
    steps = mx.sym.SliceChannel(words, num_outputs=3, axis=1, squeeze_axis=True, name="steps")
    joined = []
    for layer in range(2):
        names = ("i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias")
        weights = {name: mx.sym.var(f"l{layer}_{name}") for name in names}
        hidden, cell = mx.sym.var(f"l{layer}_h"), mx.sym.var(f"l{layer}_c")
        outputs = []
        for t in range(3):
            name = f"l{layer}_t{t}_"
            i2h = mx.sym.FullyConnected(
                steps[t], weights["i2h_weight"], weights["i2h_bias"], num_hidden=16, name=name + "i2h"
            )
            h2h = mx.sym.FullyConnected(
                hidden, weights["h2h_weight"], weights["h2h_bias"], num_hidden=16, name=name + "h2h"
            )
            gates = mx.sym.split(i2h + h2h, num_outputs=4, axis=1, name=name + "slice")
            inside, value = mx.sym.sigmoid(gates[0]), mx.sym.Activation(gates[2], act_type="tanh")
            cell = mx.sym.sigmoid(gates[1]) * cell + inside * value
            hidden = mx.sym.sigmoid(gates[3]) * mx.sym.tanh(cell)
            outputs.append(hidden)
            joined += [hidden, cell]
        steps = outputs
    scores = mx.sym.FullyConnected(mx.sym.Concat(*joined, dim=0, name="joined"), num_hidden=20, name="scores")
    label = mx.sym.reshape(mx.sym.var("softmax_label"), shape=(-1,))
    return mx.sym.SoftmaxOutput(scores, label, use_ignore=True, ignore_label=0, normalization="valid", name="softmax")


def ssd(mx):
    """A detector in small: scales, priors, targets and losses, and every internal value as an output."""
    net = mx.sym.var("data")
    classes, boxes, priors = [], [], []
    for scale, filters in enumerate((8, 16)):
        net = mx.sym.Convolution(net, kernel=(3, 3), pad=(1, 1), stride=(2, 2), num_filter=filters, name=f"c{scale}")
        net = mx.sym.relu(mx.sym.BatchNorm(net, name=f"bn{scale}"), name=f"r{scale}")
        source = mx.sym.L2Normalization(net, mode="channel", name=f"norm{scale}") if scale == 0 else net
        for found, count, name in ((classes, 3, "cls"), (boxes, 4, "loc")):
            head = mx.sym.Convolution(source, kernel=(3, 3), pad=(1, 1), num_filter=3 * count, name=f"{name}{scale}")
            found.append(mx.sym.Flatten(mx.sym.transpose(head, axes=(0, 2, 3, 1))))
        anchors = mx.sym.contrib.MultiBoxPrior(
            source, sizes=(0.2, 0.3), ratios=(1, 2), clip=False, name=f"anchors{scale}"
        )
        priors.append(mx.sym.Flatten(anchors))
    scores = mx.sym.Reshape(mx.sym.Concat(*classes, dim=1), shape=(0, -1, 3))
    scores = mx.sym.transpose(scores, axes=(0, 2, 1), name="scores")
    anchors = mx.sym.Reshape(mx.sym.Concat(*priors, dim=1), shape=(0, -1, 4), name="anchors")
    target = mx.sym.contrib.MultiBoxTarget(
        anchors, mx.sym.var("label"), scores, overlap_threshold=0.5, negative_mining_ratio=3, name="target"
    )
    prob = mx.sym.SoftmaxOutput(scores, target[2], ignore_label=-1, use_ignore=True, multi_output=True, name="prob")
    error = target[1] * (mx.sym.Concat(*boxes, dim=1) - target[0])
    loss = mx.sym.MakeLoss(mx.sym.smooth_l1(error, scalar=1.0), grad_scale=1.0, normalization="valid", name="loss")
    return mx.sym.Group([prob, loss, mx.sym.BlockGrad(target[2]), anchors])


def states(mx):
    """Variables given for states and weights, states that two layers share, and fifteen outputs."""
    mean, var = mx.sym.var("mean"), mx.sym.var("var", init="one")
    net = mx.sym.var("data")
    outputs = [net]
    for i in range(2):
        net = mx.sym.BatchNorm(net, moving_mean=mean, moving_var=var, gamma=mx.sym.var(f"gamma{i}"), name=f"bn{i}")
        net = mx.sym.LeakyReLU(net, gamma=mx.sym.var(f"slope{i}"), act_type="prelu", name=f"prelu{i}")
        outputs += [mx.sym.identity(net, name=f"copy{i}_{j}") for j in range(7)]
    return mx.sym.Group(outputs)


def shapes_and_orders(mx):
    """Operators that hide outputs from users, and parameters of every kind."""
    data = mx.sym.var("data", shape=(2, 3, 8, 8))
    chosen = mx.sym.topk(data, k=2, axis=1, ret_typ="value", name="largest")
    grid = mx.sym.GridGenerator(mx.sym.var("moves"), transform_type="affine", target_shape=(4, 4), name="grid")
    seen = mx.sym.BilinearSampler(data, grid, name="seen")
    related = mx.sym.Correlation(data, data, kernel_size=1, max_displacement=2, pad_size=2, name="related")
    pooled = mx.sym.Pooling(data, kernel=(2, 2), stride=(2, 2), pooling_convention="full", name="pooled")
    dropped = mx.sym.Dropout(mx.sym.LRN(pooled, nsize=3, alpha=1e-4, name="lrn"), p=0.5, axes=(2, 3), name="dropped")
    larger = mx.sym.UpSampling(
        dropped, mx.sym.var("weight"), scale=2, sample_type="bilinear", num_filter=3, num_args=2, name="larger"
    )
    padded = mx.sym.pad(larger, mode="constant", pad_width=(0, 0, 0, 0, 1, 1, 1, 1), constant_value=0.5, name="padded")
    cut = mx.sym.slice(padded, begin=(None, 0), end=(None, 2), step=(1, 1), name="cut")
    cast = mx.sym.Cast(mx.sym.argmax(cut, axis=1, keepdims=False), dtype="int32", name="cast")
    return mx.sym.Group([chosen, seen, related, mx.sym.sum(cut, axis=(2, 3), exclude=True, name="sums"), cast])


NETWORKS = {
    f.__name__: f for f in (mlp, lenet, resnet, branches, attributes, custom, lstm, ssd, states, shapes_and_orders)
}
