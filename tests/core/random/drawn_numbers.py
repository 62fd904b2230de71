"""A process that draws numbers of every kind from a seed and prints a digest of each: see test_reproducible.py."""

import hashlib
import json

import numpy as np

import mxtrain as mx

LARGE = (1 << 20,)  # elements: enough for several blocks and threads


def digest(*arrays):
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array.asnumpy()).tobytes())
    return found.hexdigest()[:16]


def samplers(ctx):
    """Every sampler: large arrays from numbers, and rows from arrays of parameters."""
    options = {"shape": LARGE, "ctx": ctx}
    rows = mx.nd.array([0.5, 2.0, 30.0], ctx=ctx)
    draw = mx.nd.random
    yield "uniform", draw.uniform(-1, 2, **options)
    yield "uniform float64", draw.uniform(0, 1, dtype="float64", **options)
    yield "uniform float16", draw.uniform(0, 1, dtype="float16", **options)
    yield "normal", draw.normal(1, 2, **options)
    yield "randn", draw.randn(*LARGE, ctx=ctx)
    yield "exponential", draw.exponential(2.0, **options)
    yield "gamma", draw.gamma(2.0, 0.5, **options)
    yield "gamma below 1", draw.gamma(0.3, 0.5, **options)
    yield "poisson", draw.poisson(4.0, **options)
    yield "negative binomial", draw.negative_binomial(3, 0.4, **options)
    yield "generalized", draw.generalized_negative_binomial(2.0, 0.3, **options)
    yield "randint", draw.randint(-5, 2**40, dtype="int64", **options)
    yield "rows", draw.normal(rows, rows, shape=(1000,))
    yield "multinomial", draw.multinomial(mx.nd.array([[0.1, 0.9], [0.5, 0.5]], ctx=ctx), shape=(1000,))
    yield "shuffle", draw.shuffle(mx.nd.arange(100000, ctx=ctx))


def training(ctx):
    """Masks, noise and initial values as networks draw them."""
    net = mx.sym.Dropout(mx.sym.LeakyReLU(mx.sym.var("x"), act_type="rrelu")[0], p=0.4)
    executor = net.simple_bind(ctx, x=LARGE)
    executor.arg_dict["x"][:] = -1
    for _ in range(2):
        executor.forward(is_train=True)
        executor.backward([mx.nd.ones(LARGE, ctx=ctx)])
    yield "dropout", executor.outputs[0]
    yield "dropout's gradient", executor.grad_dict["x"]
    with mx.autograd.record():
        yield "recorded dropout", mx.nd.Dropout(mx.nd.ones(LARGE, ctx=ctx), p=0.3)
    for name in ("xavier", "uniform", "normal"):
        weight = mx.nd.zeros((512, 2048), ctx=ctx)
        mx.init.create(name)(mx.init.InitDesc("some_weight"), weight)
        yield f"{name} initializer", weight


def main():
    found = {}
    for number in (0, 3):
        ctx = mx.cpu(number)
        mx.random.seed(11)
        for name, array in (*samplers(ctx), *training(ctx)):
            found[f"{name} on {ctx}"] = digest(array)
    mx.random.seed(5, ctx=mx.cpu(2))
    found["a device alone"] = digest(mx.nd.random.normal(shape=LARGE, ctx=mx.cpu(2)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
