"""Symbols with loops and branches, for MXNet and for us alike."""

import numpy as np


def foreach(mx):
    """A free variable, a value computed outside, two states."""
    x, s, w = mx.sym.var("x"), mx.sym.var("s"), mx.sym.var("w")
    h = w * 2

    def body(data, states):
        return [data * h + w, data * 2], [states[0] * 2, data + states[1]]

    outputs, states = mx.sym.contrib.foreach(body, x + 1, [s, s * 3])
    return mx.sym.Group(outputs + states)


def layers(mx):
    """Weights and auxiliary states that are made inside the body."""

    def body(data, states):
        y = mx.sym.FullyConnected(data, num_hidden=3, name="fc")
        y = mx.sym.BatchNorm(y, name="bn", fix_gamma=False)
        return y, [states[0] + y]

    output, states = mx.sym.contrib.foreach(body, mx.sym.var("x"), [mx.sym.var("s")], name="loop")
    return mx.sym.Group([output, *states])


def nested(mx):
    """A loop in a loop."""
    x, s, w = mx.sym.var("x"), mx.sym.var("s"), mx.sym.var("w")
    h = w * 2

    def inner(data, states):
        return data + states[0] * w, [states[0] + data]

    def outer(data, states):
        output, last = mx.sym.contrib.foreach(inner, data, [states[0] + h])
        return output, [last[0] * mx.sym.sum(data, axis=0)]

    output, states = mx.sym.contrib.foreach(outer, x, [s])
    return mx.sym.Group([output, *states])


def while_loop(mx):
    """A loop that ends before its bound."""
    i, s, w = mx.sym.var("i"), mx.sym.var("s"), mx.sym.var("w")
    h = w * 2
    outputs, states = mx.sym.contrib.while_loop(
        cond=lambda i, s: i <= 1, func=lambda i, s: ([i + s, w * h], [i + 0.5, s + i * w]), loop_vars=[i, s],
        max_iterations=7,
    )  # fmt: skip
    return mx.sym.Group([mx.sym.slice_axis(o, axis=0, begin=0, end=1) for o in outputs] + states)


def cond(mx):
    """A branch."""
    x, s, w = mx.sym.var("x"), mx.sym.var("s"), mx.sym.var("w")
    h = w * 2
    return mx.sym.contrib.cond((x * s).sum() < 0.5, lambda: (x + 5) * h, lambda: (s - 5) * w)


NETWORKS = {"foreach": foreach, "layers": layers, "nested": nested, "while": while_loop, "cond": cond}
SHAPES = {
    "foreach": {"x": (3, 2), "s": (2,), "w": (2,)},
    "layers": {
        "x": (4, 5, 2),
        "s": (5, 3),
        "fc_weight": (3, 2),
        "fc_bias": (3,),
        "bn_gamma": (3,),
        "bn_beta": (3,),
        "bn_moving_mean": (3,),
        "bn_moving_var": (3,),
    },
    "nested": {"x": (2, 3, 2), "s": (2,), "w": (2,)},
    "while": {"i": (1,), "s": (1,), "w": (1,)},
    "cond": {"x": (2,), "s": (2,), "w": (2,)},
}


def bind_filled(mx, symbol, name):
    """An executor over positive numbers, the same for everybody."""
    rng = np.random.RandomState(3)
    arrays = {key: mx.nd.array(rng.uniform(0.1, 1, shape)) for key, shape in SHAPES[name].items()}
    return symbol.bind(mx.cpu(), arrays, grad_req="null")
