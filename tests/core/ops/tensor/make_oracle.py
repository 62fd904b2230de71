"""Writes oracle.json: what MXNet 1.9.1's tensor operators and their gradients make of fixed inputs.

Run by hand with an interpreter that has MXNet 1.9.1; the tests read only the file that it writes.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys

os.environ["MXNET_ENGINE_TYPE"] = "NaiveEngine"  # errors arise where they are made

import mxnet as mx
import numpy as np

NAN = float("nan")
INT = "int32"

# operator, inputs (a shape to be filled, nested lists, or a pair of one of these and a dtype), parameters
CASES = [
    *((name, [(2, 3)], options)
      for name in ("sum", "mean", "prod", "max", "min", "nansum", "nanprod")
      for options in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}, {"axis": 1, "exclude": True},
                      {"axis": (0, 1), "exclude": True}, {"axis": (), "keepdims": True})),
    *((name, [((2, 3), INT)], {"axis": 1}) for name in ("sum", "mean", "prod", "max", "min")),
    *((name, [[[1.0, NAN], [2.0, 3.0]]], {"axis": 0}) for name in ("nansum", "nanprod", "max", "min", "sum")),
    ("max", [[[1.0, 3.0, 3.0], [0.0, 0.0, -1.0]]], {"axis": 1}),
    ("mean", [([-1, 0], INT)], {}),
    ("sum", [([100, 100, 100], "uint8")], {}),
    ("sum", [(2, 3)], {"axis": 2}),
    ("sum", [(2, 3)], {"axis": (0, 0)}),
    *(("norm", [(2, 3, 2)], {"ord": order, **options})
      for order in (1, 2) for options in ({}, {"axis": 1}, {"axis": (0, 2), "keepdims": True})),
    ("norm", [(2, 3)], {"ord": 3}),
    *((name, [(2, 3)], options)
      for name in ("argmax", "argmin")
      for options in ({}, {"axis": 1}, {"axis": -2, "keepdims": True}, {"axis": 5})),
    ("argmax", [((2, 3), INT)], {"axis": 1}),
    ("argmax", [[1.0, NAN, 3.0]], {"axis": 0}),
    ("argmax", [[3.0, 1.0, 3.0]], {"axis": 0}),
    ("argmax_channel", [(2, 3, 2)], {}),
    *(("dot", [a, b], {"transpose_a": ta, "transpose_b": tb})
      for a, b, ta, tb in (((2, 3), (3, 4), False, False), ((3, 2), (3, 4), True, False), ((2, 3), (4, 3), False, True),
                           ((3, 2), (4, 3), True, True), ((3,), (3,), False, False), ((2, 3), (3,), False, False),
                           ((3,), (3, 2), False, False), ((3,), (2, 3), False, True), ((2, 3), (2,), True, False),
                           ((2, 2, 3), (3, 2), False, False), ((2, 3, 2), (2, 2), True, False),
                           ((2, 3), (2, 2, 3), False, True), ((2, 3), (2, 3), False, False),
                           ((3,), (3,), True, False))),
    *(("batch_dot", [a, b], {"transpose_a": ta, "transpose_b": tb})
      for a, b, ta, tb in (((2, 2, 3), (2, 3, 2), False, False), ((2, 3, 2), (2, 3, 2), True, False),
                           ((2, 2, 3), (2, 2, 3), False, True), ((2, 3, 2), (2, 2, 3), True, True),
                           ((2, 2, 3), (1, 3, 2), False, False), ((2, 3), (3, 2), False, False))),
    *(("take", [(4, 2), indices], options)
      for indices in ([0, 9, -1], [[1, 1], [2, 0]], [-0.5, 1.7])
      for options in ({}, {"mode": "wrap"}, {"axis": 1}, {"axis": -1, "mode": "clip"})),
    ("take", [((2, 4), INT), ([1], "uint8")], {}),
    ("batch_take", [(2, 3), ([0, 7], INT)], {}),
    *(("pick", [(2, 3), index], options)
      for index, options in (([0, 2], {}), ([0, 9], {"keepdims": True}), ([-1, 4], {"mode": "wrap"}),
                             ([0, 1, 1], {"axis": 0}), ([[0], [1]], {"axis": 1}), ([0, 1, 2], {"axis": 1}))),
    *(("one_hot", [indices], options)
      for indices, options in (([0, 2, -1, 5], {"depth": 3}), ([[0.7, 2]], {"depth": 3, "dtype": "float16"}),
                               ([0, 2], {"depth": 3, "on_value": 5, "off_value": -1, "dtype": INT}))),
    ("gather_nd", [(3, 4), [[0, 2, 2], [1, 3, 3]]], {}),
    ("scatter_nd", [(2,), [[0, 2], [1, 3]]], {"shape": (3, 4)}),
    ("scatter_nd", [(2, 4), [[0, 2]]], {"shape": (3, 4)}),
    ("where", [[1, 0, 1], (3,), (3,)], {}),
    ("where", [[1, 0], (2, 3), (2, 3)], {}),
    ("where", [[0.5, 0, NAN], (3,), (3,)], {}),
    ("where", [[[1, 0, 1]], (2, 3), (2, 3)], {}),
    *(("Concat", parts, options)
      for parts, options in (([(2, 3), (2, 1)], {}), ([(2, 3), (1, 3), (2, 3)], {"dim": 0}),
                             ([(3,), (2,)], {"dim": -1}),
                             ([(2, 3), (1, 2)], {"dim": 0}), ([(3,), (3,)], {}), ([(2, 3), ((2, 3), INT)], {}))),
    *(("stack", [(2, 3), (2, 3)], {"axis": axis}) for axis in (0, 1, -1, 4)),
    *(("SliceChannel", [(2, 4)], options)
      for options in ({"num_outputs": 2}, {"num_outputs": 4, "squeeze_axis": True}, {"num_outputs": 2, "axis": 0},
                      {"num_outputs": 3}, {"num_outputs": 2, "squeeze_axis": True}, {"num_outputs": 1, "axis": -1})),
    *(("_split_v2", [(6, 2)], {"indices": indices, "axis": 0}) for indices in ((0, 3), (0, 2, 5), (0, 1, 1))),
    ("add_n", [(2, 3), (2, 3), (2, 3)], {}),
    ("add_n", [(2,), (3,)], {}),
    *(("slice", [(3, 4)], {"begin": begin, "end": end, **step})
      for begin, end, step in (((0, 1), (2, 3), {}), ((1,), (3,), {}), ((None, 1), (None, 3), {}),
                               ((None, None), (None, None), {"step": (-1, 2)}),
                               ((2, None), (0, None), {"step": (-1, None)}),
                               ((0, 1), (9, 3), {}), ((-2, -1), (3, 4), {}), ((0,), (3,), {"step": (0,)}),
                               ((0, 0, 0), (1, 1, 1), {}), ((0,), (1, 1), {}))),
    *(("slice_axis", [(3, 4)], {"axis": axis, "begin": begin, "end": end})
      for axis, begin, end in ((1, 1, 3), (-1, -2, None), (0, 0, -1), (0, 0, 9), (0, 2, 1), (2, 0, 1), (0, -5, 2))),
    *(("slice_like", [(3, 4), like], options)
      for like, options in (((2, 3), {}), ((2,), {"axes": (0,)}), ((2, 3), {"axes": (-1,)}), ((4, 3), {}), ((2,), {}))),
    *(("broadcast_to", [a], {"shape": shape})
      for a, shape in (((1, 3), (2, 3)), ((1, 3), (2, 0)), ((3,), (2, 3)), ((2, 3), (2, 4)))),
    *(("broadcast_axis", [(1, 3, 1)], {"axis": axis, "size": size})
      for axis, size in ((0, 2), ((0, 2), (2, 3)), (1, 2))),
    *(("broadcast_like", [(1, 3), like], options)
      for like, options in (((2, 3), {}), ((5, 7, 2), {"lhs_axes": (0,), "rhs_axes": (2,)}), ((2, 2), {}), ((3,), {}))),
    *(("transpose", [(2, 3, 4)], {"axes": axes}) for axes in ((), (1, 2, 0), (0, 2, 1), (0,))),
    *(("SwapAxis", [(2, 3, 4)], {"dim1": one, "dim2": two}) for one, two in ((0, 2), (1, 2), (0, 0))),
    *(("expand_dims", [(2, 3)], {"axis": axis}) for axis in (0, 1, -1, -3, 3)),
    *(("squeeze", [(1, 3, 1)], options) for options in ({}, {"axis": 0}, {"axis": (0, 2)}, {"axis": 1})),
    *(("reverse", [(2, 3)], {"axis": axis}) for axis in (0, 1, (0, 1))),
    *(("tile", [(2, 3)], {"reps": reps}) for reps in ((2,), (2, 1, 2), 2, ())),
    *(("repeat", [(2, 3)], options)
      for options in ({"repeats": 2}, {"repeats": 3, "axis": 1}, {"repeats": 2, "axis": -2})),
    *(("Pad", [(1, 2, 3, 3)], {"mode": mode, "pad_width": (0, 0, 0, 0, 1, 2, 0, 1), "constant_value": 2})
      for mode in ("constant", "edge", "reflect")),
    *(("diag", [shape], options)
      for shape, options in (((3,), {}), ((3,), {"k": -1}), ((2, 3), {"k": 1}), ((2, 3), {"k": 5}), ((2, 3, 4), {}),
                             ((2, 3, 4), {"axis1": 1, "axis2": 2}), ((2, 3), {"axis1": 0, "axis2": 0}))),
    *(("cumsum", [(2, 3)], options) for options in ({}, {"axis": 0}, {"axis": 1})),
    ("cumsum", [((2, 3), "int8")], {}),
    *(("sort", [(2, 4)], options) for options in ({"axis": -1}, {"axis": 1, "is_ascend": False}, {"axis": 0})),
    *(("argsort", [(2, 4)], options)
      for options in ({}, {"is_ascend": False}, {"axis": 0, "dtype": INT}, {"axis": None})),
    ("argsort", [[1, 1, 1, 0, 0]], {}),
    ("argsort", [[1, 1, 1, 0, 0]], {"is_ascend": False}),
    *(("topk", [(2, 4)], {"k": 2, "ret_typ": kind, **options})
      for kind in ("value", "indices", "mask", "both")
      for options in ({}, {"axis": 0}, {"is_ascend": True}, {"axis": None})),
    ("topk", [(2, 4)], {"k": 5}),
    ("topk", [[1, 1, 0, 1]], {"k": 2}),
    ("shape_array", [(2, 3)], {}),
    ("size_array", [(2, 3)], {}),
    *(("SequenceMask", [data, [1, 3]], {"use_sequence_length": True, "value": -1, "axis": axis})
      for data, axis in (((3, 2, 2), 0), ((2, 3), 1), ((2, 3), 2))),
    *(("SequenceLast", [data, [1, 3]], {"use_sequence_length": True, "axis": axis})
      for data, axis in (((3, 2, 2), 0), ((2, 3, 1), 1))),
    ("SequenceLast", [(3, 2)], {}),
    ("SequenceReverse", [(3, 2, 2), [1, 2]], {"use_sequence_length": True}),
    ("SequenceReverse", [(3, 2)], {}),
    *((name, [(2, 3)], {"low": 0.1, "high": 0.9})
      for name in ("sqrt", "rsqrt", "cbrt", "rcbrt", "exp", "expm1", "log", "log2", "log10", "log1p", "sin", "cos",
                   "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arctanh", "degrees",
                   "radians", "reciprocal", "sigmoid", "softsign", "erf", "erfinv", "gamma", "gammaln", "hard_sigmoid",
                   "square", "abs", "negative", "relu", "smooth_l1")),
    ("arccosh", [(2, 3)], {"low": 1.2, "high": 3}),
    *((name, [[-2.5, -1.5, -0.5, 0.0, 0.4, 0.5, 1.5, 2.5]], {})
      for name in ("round", "rint", "fix", "trunc", "floor", "ceil", "sign", "relu", "abs", "sigmoid", "softsign",
                   "erf", "logical_not", "hard_sigmoid", "smooth_l1", "cbrt")),
    *((name, [([1, 5, 7], INT)], {}) for name in ("exp", "sqrt", "sin", "sigmoid", "reciprocal", "square", "negative")),
    ("gamma", [[-0.5, 5.0, 10.0]], {}),
    ("gammaln", [[-0.5, 5.0, 100.0]], {}),
    ("clip", [[-1, 0, 0.5, 1, 2]], {"a_min": 0, "a_max": 1}),
    ("clip", [([0, 2, 3, 4], INT)], {"a_min": 1.7, "a_max": 3.2}),
    ("clip", [([0, 1, 2, 3], "uint8")], {"a_min": -1, "a_max": 2}),
    *((name, [(2, 1, 3), (1, 2, 3)], {"low": 0.3, "high": 2})
      for name in ("broadcast_add", "broadcast_sub", "broadcast_mul", "broadcast_div", "broadcast_mod",
                   "broadcast_power", "broadcast_maximum", "broadcast_minimum", "broadcast_hypot", "broadcast_equal",
                   "broadcast_greater", "broadcast_lesser_equal", "broadcast_logical_and")),
    *((name, [[1.0, 2.0, -3.0, 5.5], [1.0, 3.0, 2.0, -2.0]], {})
      for name in ("broadcast_maximum", "broadcast_minimum", "broadcast_mod", "broadcast_div", "broadcast_not_equal")),
    *((name, [[1.0, 2.0, -3.0, 5.5]], {"scalar": 2.0})
      for name in ("_plus_scalar", "_minus_scalar", "_rminus_scalar", "_mul_scalar", "_div_scalar", "_rdiv_scalar",
                   "_mod_scalar", "_rmod_scalar", "_power_scalar", "_rpower_scalar", "_maximum_scalar",
                   "_minimum_scalar", "_equal_scalar", "_greater_scalar", "_lesser_equal_scalar")),
    *((name, [([1, 2, -3, 5], INT)], {"scalar": 2.7})
      for name in ("_plus_scalar", "_mul_scalar", "_div_scalar", "_maximum_scalar")),
    *((name, [((2, 3), INT), ((2, 3), INT)], {})
      for name in ("broadcast_add", "broadcast_div", "broadcast_power", "broadcast_mod", "broadcast_hypot")),
    ("broadcast_add", [(2, 3), ((2, 3), INT)], {}),
    ("elemwise_add", [(2, 3), (1, 3)], {}),
    *(("Reshape", [(2, 3, 4)], {"shape": shape, **options})
      for shape, options in (((4, 0, 2), {}), ((-1,), {}), ((0, -1), {}), ((-3, 0), {}), ((-2,), {}),
                             ((-4, 1, 2, -2), {}),
                             ((-4, -1, 2, -2), {}), ((-1, 0), {"reverse": True}), ((-1, -1), {}))),
    ("reshape_like", [(2, 3), (3, 2)], {}),
    ("Flatten", [(2, 3, 2)], {}),
    ("zeros_like", [((2, 2), INT)], {}),
    ("ones_like", [((2, 2), "float16")], {}),
    ("Cast", [[-2.7, 2.7]], {"dtype": INT}),
    ("depth_to_space", [(1, 8, 1, 2)], {"block_size": 2}),
    ("depth_to_space", [(1, 3, 1, 2)], {"block_size": 2}),
    ("space_to_depth", [(1, 2, 4, 2)], {"block_size": 2}),
    ("moments", [(2, 3)], {"axes": (0,)}),
    ("moments", [(2, 3, 2)], {"axes": (0, 2), "keepdims": True}),
    ("amp_cast", [(2, 3)], {"dtype": "float16"}),
    ("amp_cast", [((2, 3), INT)], {"dtype": "float16"}),
    ("ravel_multi_index", [[[0, 1], [2, 1]]], {"shape": (2, 3)}),
    ("unravel_index", [[2, 4]], {"shape": (2, 3)}),
    *(("linalg_gemm2", [a, b], options)
      for a, b, options in (((2, 3), (3, 2), {"alpha": 2}), ((2, 1, 3), (3, 1, 2), {"axis": 0}),
                            ((2, 3, 2), (2, 3, 4), {"transpose_a": True}), ((1, 2, 3), (2, 3, 2), {}),
                            ((2, 1, 3), (4, 1, 3), {"transpose_b": True, "axis": 0}))),
    ("linalg_gemm", [(2, 3), (3, 2), (2, 2)], {"alpha": 2, "beta": 3}),
    ("linalg_syrk", [(2, 3)], {"alpha": 0.5}),
    ("linalg_syrk", [(2, 3)], {"transpose": True}),
    ("lamb_update_phase2", [(2, 3), (2, 3), [2.0], [4.0]], {"lr": 0.1, "lower_bound": 3}),
    ("_arange", [], {"start": 1, "stop": 6, "step": 2, "repeat": 2, "dtype": INT}),
    ("_arange", [], {"start": 5}),
    ("_eye", [], {"N": 2, "M": 3, "k": 1}),
    ("_full", [], {"shape": (2,), "value": 3, "dtype": INT}),
    ("_linspace", [], {"start": 0, "stop": 1, "num": 5}),
]  # fmt: skip


def filled(rng, source, low, high):
    """An input of a case as an NDArray."""
    typed = isinstance(source, tuple) and isinstance(source[-1], str)
    values, dtype = source if typed else (source, "float32")
    if isinstance(values, tuple):
        values = rng.uniform(low, high, values) if dtype.startswith("float") else rng.randint(1, 7, values)
    return mx.nd.array(np.array(values), dtype=dtype)


def function(name):
    """The imperative function of an operator."""
    return getattr(mx.nd, name, None) or getattr(mx.nd._internal, name)


def shortened(value):
    """A number with the digits that a float32 has."""
    return float(f"{value:.9g}") if isinstance(value, float) else value


def plain(array):
    """An NDArray as JSON, NaN and infinities as words."""
    values = array.asnumpy()
    flat = [shortened(v) if np.isfinite(v) else repr(float(v)) for v in values.ravel().tolist()]
    return {"shape": list(values.shape), "dtype": values.dtype.name, "values": flat}


def ask(number, name, sources, parameters):
    """One row of the file."""
    parameters = dict(parameters)
    low, high = parameters.pop("low", -2), parameters.pop("high", 2)
    rng = np.random.RandomState(number)
    inputs = [filled(rng, source, low, high) for source in sources]
    row = {"operator": name, "parameters": parameters, "inputs": [plain(x) for x in inputs]}
    for x in inputs:
        x.attach_grad()
    try:
        with mx.autograd.record():
            outputs = function(name)(*inputs, **parameters)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        row["outputs"] = [plain(y) for y in outputs]
    except mx.MXNetError:
        return {**row, "refused": True}
    heads = [mx.nd.array(rng.uniform(0.5, 1.5, y.shape), dtype=y.dtype) for y in outputs]
    try:
        mx.autograd.backward(outputs, heads)
        row["heads"] = [plain(head) for head in heads]
        row["gradients"] = [plain(x.grad) for x in inputs]
    except mx.MXNetError:
        row["gradients"] = None  # no gradient there
    return row


def answer_from(start):
    """Print a row for every case from `start` on; some calls damage MXNet's memory, so this may die on the way."""
    for number in range(start, len(CASES)):
        signal.alarm(20)
        print(json.dumps(ask(number, *CASES[number])), flush=True)


def main():
    rows, number = [], 0
    while number < len(CASES):
        command = [sys.executable, __file__, str(number)]
        answers = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        found = [line for line in answers.stdout.splitlines() if line.startswith("{")]
        rows += found
        number += len(found)
        if number < len(CASES):
            print("MXNet died of", CASES[number])
            number += 1
    text = ",\n".join(rows)
    pathlib.Path(__file__).with_name("oracle.json").write_text(f"[\n{text}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    answer_from(int(sys.argv[1])) if len(sys.argv) > 1 else main()
