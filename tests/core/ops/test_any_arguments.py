"""Whatever shapes, dtypes and parameters an operator is given, it computes what was inferred, or refuses cleanly."""

import typing

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from operator_cases import as_list

import mxtrain as mx
from mxtrain import ops
from mxtrain.ndarray.functions import make_function
from mxtrain.ops import shapes as shape_rules
from mxtrain.ops.parameters import DType, Floats, OptionalInts, Params, Shape, Subgraphs

SMALL = st.integers(-3, 4)
NUMBERS = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, float("nan"), float("inf"), -float("inf")])
DTYPES = st.sampled_from(["float32", "float32", "float32", "float64", "float16", "int32", "uint8", "bool"])
VALUES = {
    bool: st.booleans(),
    int: SMALL,
    float: NUMBERS,
    str: st.sampled_from(["", "a"]),
    Shape: st.lists(SMALL, max_size=4).map(tuple),
    Floats: st.lists(NUMBERS, max_size=3).map(tuple),
    OptionalInts: st.lists(st.none() | SMALL, max_size=3).map(tuple),
    DType: st.sampled_from(["float32", "float64", "float16", "int32", "uint8", "int64"]),
    Subgraphs: st.just(()),  # none: those that make sense are tested in tests/core/control_flow
}


def is_for_users(op):
    """Not an operator that gradient formulas alone call, on inputs that fit; nor one whose parameter names a class."""
    internal = {"gy", "like", "y"} & set(op.input_names) or op.name.endswith(("_gradient", "_backward", "_onto_axis"))
    return not internal and op.name not in ("Custom", "_backward_Custom")


def values_for(parameter):
    """A strategy for values of a parameter."""
    if parameter.choices:
        values = st.sampled_from(parameter.choices)
    else:
        values = VALUES[parameter.annotation]
    return st.none() | values if parameter.optional else values


@st.composite
def calls(draw, op):
    """Inputs and parameters, likely to fit each other now and then."""
    dtype = draw(DTYPES)
    shape = draw(st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple))
    count = draw(st.integers(0, 3)) if op.variadic else len(op.input_names)
    inputs = []
    for _ in range(count):
        own = draw(st.sampled_from([shape, shape, shape[:1], shape[:-1] or (2,), (1,) * len(shape), (2, 3)]))
        kind = draw(st.sampled_from([dtype, dtype, dtype, "float32", "int32"]))
        seed = draw(st.integers(0, 9))
        inputs.append(np.random.default_rng(seed).uniform(-2, 5, own).astype(kind))
    names = [name for name in op.params if draw(st.booleans()) or op.params[name].default is ops.parameters.REQUIRED]
    parameters = {name: draw(values_for(op.params[name])) for name in names if name != op.count or not op.variadic}
    return inputs, parameters


def check(op, inputs, parameters):
    """One call: results as inferred, or an MXNetError that names the operator and leaves `out` as it was."""
    function = make_function(op, op.name)
    arrays = [mx.nd.array(x, dtype=x.dtype) for x in inputs]
    arguments = dict(parameters)
    if not op.variadic:
        arguments = {**dict(zip(op.input_names, arrays, strict=True)), **parameters}
        arrays = []
    outputs, error = attempt(lambda: as_list(function(*arrays, **arguments)))
    if error is not None:
        assert op.name in str(error), f"the error does not name the operator: {error}"
        check_out_is_kept(function, arrays, arguments)
        return
    params = op.parse({**parameters, **({op.count: len(inputs)} if op.variadic else {})})
    used = (
        inputs
        if op.variadic
        else [x for n, x in zip(op.input_names, inputs, strict=True) if n in op.all_inputs(params)]
    )
    p, nothing = Params(**params), [None] * len(op.outputs(params))
    _, shapes = op.infer_shape([x.shape for x in used], list(nothing), p)
    _, types = op.infer_type([x.dtype for x in used], list(nothing), p)
    for output, shape, dtype in zip(outputs, shapes, types, strict=False):
        assert shape_rules.unify(shape, output.shape) == output.shape
        assert output.dtype == dtype
        memory = output._data if output.stype == "default" else output.storage.values
        assert memory.flags.c_contiguous


def attempt(call):
    """The result of a call, or the MXNetError that it raises; other errors pass."""
    try:
        return call(), None
    except mx.MXNetError as error:
        return None, error


def check_out_is_kept(function, arrays, arguments):
    """The same call with `out` is refused as well, and writes nothing into it."""
    out = mx.nd.full((2, 3), 7)
    with pytest.raises(mx.MXNetError):
        function(*arrays, **arguments, out=out)
    assert (out.asnumpy() == 7).all()


@pytest.mark.parametrize("op", [op for op in ops.operators() if is_for_users(op)], ids=lambda op: op.name)
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_any_arguments(op, data):
    inputs, parameters = data.draw(calls(op))
    check(op, inputs, parameters)


def test_every_kind_of_parameter_has_values():
    kinds = {p.annotation for op in ops.operators() for p in op.params.values() if not p.choices}
    assert {kind for kind in kinds if typing.get_origin(kind) is None} <= set(VALUES)
