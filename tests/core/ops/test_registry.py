"""What must hold for every operator, on every one of its cases."""

import numpy as np
import operator_cases as support
import pytest

import mxtrain as mx
from mxtrain import ops
from mxtrain.context import cpu
from mxtrain.dtypes import as_dtype
from mxtrain.ndarray.operators import functions
from mxtrain.ops import NOT_DIFFERENTIABLE, ZERO_GRADIENT
from mxtrain.ops import shapes as shape_rules
from mxtrain.ops.parameters import Params

CASES = [pytest.param(op, case, id=f"{op.name}-{number}") for op, number, case in support.all_cases()]
every_case = pytest.mark.parametrize(("op", "case"), CASES)
# what they compute is written by users: tests/core/custom_operator and tests/core/control_flow have their tests
DECLARED_BY_USERS = frozenset(
    ("Custom", "_backward_Custom", "_foreach", "_while_loop", "_cond", "_backward_control_flow")
)
# operators whose outputs' shapes follow from values
OF_UNKNOWN_SHAPE = frozenset(("_contrib_boolean_mask",))
# inputs whose shape a rule chooses where nothing is known of it, though another one would be legal as well
CHOSEN_INPUTS = {"LeakyReLU": 1, "pick": 1}
# steps with the gradient of the identity: by definition not the numerical one
STRAIGHT_THROUGH = frozenset(("_contrib_round_ste", "_contrib_sign_ste"))
every_operator = pytest.mark.parametrize("op", ops.operators(), ids=lambda op: op.name)


@every_operator
def test_is_fully_declared(op):
    assert op.doc.strip(), "a docstring is missing"
    assert op.doc.splitlines()[0].rstrip().endswith((".", ":", ",")), "the docstring's first line is no sentence"
    assert op.cases or op.name in DECLARED_BY_USERS, "test cases are missing"
    assert op.gradient in (NOT_DIFFERENTIABLE, ZERO_GRADIENT) or callable(op.gradient)
    assert callable(op.mutates) or set(op.mutates) <= set(op.input_names)


@every_case
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inference_gives_what_forward_gives(op, case, dtype):
    example = support.make_example(op, case, dtype)
    results = support.run_plain(example)
    (ins, outs), (in_types, out_types) = support.infer(
        example, [a.shape for a in example.arrays], [a.dtype for a in example.arrays]
    )
    assert [tuple(s) for s in ins] == [a.shape for a in example.arrays]
    assert in_types == [a.dtype for a in example.arrays]
    assert len(results) == len(op.outputs(example.params))
    if op.name in OF_UNKNOWN_SHAPE:
        assert [shape_rules.unify(s, r.shape) for s, r in zip(outs, results, strict=True)] == [r.shape for r in results]
    else:
        assert [tuple(s) for s in outs] == [r.shape for r in results]
    assert out_types == [r.dtype for r in results]


@every_case
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_small_floats_give_what_wide_ones_give(op, case, dtype):
    """Within a few roundings, and of the dtype that inference tells; an operator may refuse them."""
    small, wide = support.make_example(op, case, as_dtype(dtype)), support.make_example(op, case)
    wide.arrays[:] = [array.astype(old.dtype) for array, old in zip(small.arrays, wide.arrays, strict=True)]
    wished = support.run_plain(wide)
    try:
        results = support.run_plain(small)
        _, (_, out_types) = support.infer(small, [a.shape for a in small.arrays], [a.dtype for a in small.arrays])
    except mx.MXNetError:
        return
    assert [r.dtype for r in results] == out_types
    if not op.runtime & {"rng"}:
        for found, expected in zip(results, wished, strict=True):
            np.testing.assert_allclose(found.astype(np.float64), expected, rtol=0.1, atol=0.1)


@every_case
def test_inference_from_less_never_contradicts(op, case):
    example = support.make_example(op, case, np.float32)
    known = [a.shape for a in example.arrays]
    results = [r.shape for r in support.run_plain(example)]
    p = Params(**example.params)
    for ins, outs in _partial(known, results, CHOSEN_INPUTS.get(op.name)):
        found_ins, found_outs = op.infer_shape(list(ins), list(outs), p)
        for found, truth in zip([*found_ins, *found_outs], [*known, *results], strict=True):
            assert shape_rules.unify(found, truth) == truth


def _partial(ins, outs, chosen):
    """The shapes with one of them, or one size, unknown (but for the input `chosen`); and only the outputs."""
    unknown = [None] * len(outs)
    for position, shape in enumerate(ins):
        if position == chosen:
            continue
        for less in (None, *((*shape[:axis], -1, *shape[axis + 1 :]) for axis in range(len(shape)))):
            yield [*ins[:position], less, *ins[position + 1 :]], unknown
            yield [*ins[:position], less, *ins[position + 1 :]], outs
    blank = [shape if position == chosen else None for position, shape in enumerate(ins)]
    yield blank, outs
    yield blank, unknown


@pytest.mark.parametrize(("op", "case"), [case for case in CASES if not case.values[0].view])
def test_results_are_no_views_of_inputs(op, case):
    example = support.make_example(op, case, np.float32)
    inputs = example.nds()
    for output in support.run(example, inputs):
        memory = output._data if output.stype == "default" else output.storage.values
        assert not any(np.shares_memory(memory, x._data) for x in inputs)


@every_case
def test_only_declared_inputs_change(op, case):
    example = support.make_example(op, case, np.float32)
    inputs = example.nds()
    support.run(example, inputs)
    for name, before, after in zip(example.names, example.arrays, inputs, strict=True):
        if name not in op.changed(example.params):
            np.testing.assert_array_equal(after.asnumpy(), before)


@every_case
def test_second_application_into_out(op, case):
    example = support.make_example(op, case, np.float32)
    expected = [y.asnumpy() for y in support.run(example)]
    targets = [mx.nd.full(y.shape, 7, dtype=y.dtype) for y in expected]
    for _ in range(2):
        support.run(example, out=targets if len(targets) > 1 else targets[0])
        for target, wished in zip(targets, expected, strict=True):
            np.testing.assert_array_equal(target.asnumpy(), wished)


GRADIENT_CASES = [
    pytest.param(op, case, id=f"{op.name}-{number}")
    for op, number, case in support.all_cases()
    if support.has_checkable_gradient(op, case)
]


@pytest.mark.parametrize(("op", "case"), GRADIENT_CASES)
def test_gradient_equals_the_numerical_one(op, case):
    support.check_gradient(op, case)


@pytest.mark.parametrize(("op", "case"), GRADIENT_CASES)
def test_gradient_of_the_gradient_is_right_or_refused(op, case):
    """Operators without one tell why in their declaration (differentiable_once); all others have it."""
    try:
        support.check_second_gradient(op, case)
    except mx.MXNetError as error:
        refused = op.differentiable_once and "expected a differentiable operator in backward" in str(error)
        if not refused and "one that is unreachable" not in str(error):  # a gradient that does not depend on the inputs
            raise
    else:
        assert not op.differentiable_once, "it is differentiable more than once"


@pytest.mark.parametrize(
    ("op", "case"), [p for p in CASES if p.values[0].composition is not None and p.values[1].differentiable]
)
def test_composition_equals_forward(op, case):
    example = support.make_example(op, case)
    inputs = example.nds()
    expected = [y.asnumpy() for y in support.run(example)]
    keywords = {"is_train": True} if "is_train" in op.composition_runtime else {}
    with mx.autograd.train_mode():
        found = op.composition(
            functions, *op.arrange(inputs, example.params), **op.call_params(example.params), **keywords
        )
    for y, wished in zip(support.as_list(found), expected, strict=False):
        np.testing.assert_allclose(y.asnumpy(), wished, rtol=1e-9, atol=1e-9)


@every_operator
def test_a_differentiable_operator_has_a_case_that_checks_it(op):
    if callable(op.gradient) and not op.ignores_head_gradient:
        exempt = DECLARED_BY_USERS | STRAIGHT_THROUGH
        assert any(support.has_checkable_gradient(op, case) for case in op.cases) or op.name in exempt


@every_case
def test_symbol_equals_nd(op, case):
    example = support.make_example(op, case, np.float32)
    expected = [y.asnumpy() for y in support.run(example)]
    executor = support.bind(example, support.make_symbol(example))
    cpu().backend.rng.seed(5)
    outputs = executor.forward(is_train=True)
    for output, wished in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(output.asnumpy(), wished)


@every_case
def test_json_round_trip(op, case):
    example = support.make_example(op, case, np.float32)
    symbol = support.make_symbol(example)
    again = mx.sym.load_json(symbol.tojson())
    assert again.tojson() == symbol.tojson()
    assert again.list_arguments() == symbol.list_arguments()
    expected = [y.asnumpy() for y in support.run(example)]
    executor = support.bind(example, again)
    cpu().backend.rng.seed(5)
    for output, wished in zip(executor.forward(is_train=True), expected, strict=True):
        np.testing.assert_array_equal(output.asnumpy(), wished)


@pytest.mark.parametrize(("op", "case"), GRADIENT_CASES)
def test_grad_req(op, case):
    example = support.make_example(op, case)
    wanted = support.differentiable_inputs(example)
    expected = dict(zip(wanted, support.declared_gradients(example, wanted), strict=True))
    symbol = support.make_symbol(example)
    for req, start in (("write", 0), ("add", 1), ("null", None)):
        reqs = {f"x{i}": req for i in wanted}
        executor = support.bind(example, symbol, reqs)
        cpu().backend.rng.seed(5)
        outputs = executor.forward(is_train=True)
        heads = [mx.nd.array(w, dtype=y.dtype) for w, y in zip(support.weights_for(outputs), outputs, strict=True)]
        executor.backward(heads)
        for position in wanted:
            gradient = executor.grad_dict.get(f"x{position}")
            if start is None:
                assert gradient is None
            else:
                np.testing.assert_allclose(gradient.asnumpy(), expected[position] + start, rtol=1e-9, atol=1e-9)


KERNEL_CASES = [
    pytest.param(op, case, kernel, id=f"{op.name}-{number}-{kernel.name}")
    for op, number, case in support.all_cases()
    for kernel in op.kernels
    if kernel.when(
        support.make_example(op, case, np.float32).arrays, Params(**support.make_example(op, case, np.float32).params)
    )
]


@pytest.mark.parametrize(("op", "case", "kernel"), KERNEL_CASES or [pytest.param(None, None, None, id="none")])
def test_kernel_equals_the_plain_forward(op, case, kernel):
    if kernel is None:
        return
    example = support.make_example(op, case, np.float32)
    for found, wished in zip(support.run_plain(example, kernel.forward), support.run_plain(example), strict=True):
        np.testing.assert_allclose(found, wished, rtol=1e-5, atol=1e-6)
