"""Executors over sparse arrays: storage types as in MXNet 1.9.1, values as with dense arrays."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError, IndexRangeError
from mxtrain.executor import sparse_values
from mxtrain.symbol.infer_storage import infer_storage

S, nd = mx.sym, mx.nd
X = S.var("x", stype="csr")
W = S.var("w", stype="row_sparse")
V = S.var("v")  # dense
D = S.var("d")


def _embedding(weight, **options):
    return S.Embedding(D, weight, input_dim=5, output_dim=3, **options)


# symbol, shapes, {argument: storage}, {argument: storage of its gradient}, storage of the outputs; default left out
STORAGE = {
    "dot csr, row_sparse": (S.dot(X, W), {"x": (4, 5), "w": (5, 3)}, {"w": "row_sparse"}, []),
    "dot csr, dense": (S.dot(X, V), {"x": (4, 5), "v": (5, 3)}, {"v": "row_sparse"}, []),
    "dot csr.T, dense": (S.dot(X, V, transpose_a=True), {"x": (4, 5), "v": (4, 3)}, {}, ["row_sparse"]),
    "dot dense, csr": (S.dot(D, X), {"x": (4, 5), "d": (3, 4)}, {}, ["csr"]),
    "embedding": (_embedding(W), {"d": (2,)}, {}, []),
    "embedding, sparse gradient": (_embedding(W, sparse_grad=True), {"d": (2,)}, {"w": "row_sparse"}, []),
    "embedding of dense, sparse gradient": (_embedding(V, sparse_grad=True), {"d": (2,)}, {"v": "row_sparse"}, []),
    "contrib.SparseEmbedding": (
        S.contrib.SparseEmbedding(D, V, input_dim=5, output_dim=3),
        {"d": (2,)},
        {"v": "row_sparse"},
        [],
    ),
    "two sparse gradients": (
        _embedding(V, sparse_grad=True) + S.dot(X, V),
        {"d": (4,), "x": (4, 5)},
        {"v": "row_sparse"},
        [],
    ),
    "sparse and dense gradient": (_embedding(V, sparse_grad=True) + _embedding(V), {"d": (2,)}, {}, []),
    "scalar": (W * 2, {"w": (4, 3)}, {"w": "row_sparse"}, ["row_sparse"]),
    "csr and scalars": (X * 2 + 1, {"x": (4, 3)}, {}, []),
    "exp": (S.exp(W), {"w": (4, 3)}, {}, []),
    **{
        name: (getattr(S, name)(W), {"w": (4, 3)}, {"w": "row_sparse"}, ["row_sparse"])
        for name in ("square", "abs", "relu")
    },
    "tanh": (S.tanh(W), {"w": (4, 3)}, {}, ["row_sparse"]),
    "product with dense": (S.elemwise_mul(W, D), {"w": (4, 3)}, {}, ["row_sparse"]),
    "sum with dense": (S.elemwise_add(W, D), {"w": (4, 3)}, {}, []),
    "identity": (S.identity(W), {"w": (4, 3)}, {"w": "row_sparse"}, ["row_sparse"]),
    "to row_sparse": (S.cast_storage(V, stype="row_sparse"), {"v": (4, 3)}, {"v": "row_sparse"}, ["row_sparse"]),
    "to dense": (S.cast_storage(W, stype="default"), {"w": (4, 3)}, {}, []),
    "fully connected": (S.FullyConnected(X, num_hidden=3), {"x": (4, 5)}, {}, []),
    "add_n": (S.add_n(W, W, W), {"w": (4, 3)}, {"w": "row_sparse"}, ["row_sparse"]),
    "add_n with dense": (S.add_n(W, D, W), {"w": (4, 3)}, {}, []),
    "concat": (S.concat(X, X, dim=0), {"x": (4, 3)}, {}, ["csr"]),
    "slice": (S.slice(X, begin=(0,), end=(2,)), {"x": (4, 3)}, {}, ["csr"]),
    "square sum of rows": (
        S._internal._square_sum(W, axis=1, keepdims=True),
        {"w": (4, 3)},
        {"w": "row_sparse"},
        ["row_sparse"],
    ),
}


@pytest.mark.parametrize("name", STORAGE)
def test_simple_bind_makes_arrays_of_mxnets_storage(name):
    symbol, shapes, gradients, outputs = STORAGE[name]
    executor = symbol.simple_bind(mx.cpu(), **shapes)
    declared = {"x": "csr", "w": "row_sparse"}
    for argument, array in executor.arg_dict.items():
        assert array.stype == declared.get(argument, "default")
        assert executor.grad_dict[argument].stype == gradients.get(argument, "default"), argument
    assert [output.stype for output in executor.outputs] == (outputs or ["default"])
    executor.forward(is_train=True)
    executor.backward([nd.ones(output.shape) for output in executor.outputs])


def test_stype_dict_goes_before_what_variables_declare():
    executor = S.identity(W).simple_bind(mx.cpu(), w=(4, 3), stype_dict={"w": "csr"})
    assert [a.stype for a in (executor.arg_dict["w"], executor.grad_dict["w"], executor.outputs[0])] == ["csr"] * 3
    with pytest.raises(ArgumentError, match="w: expected a storage type"):
        S.identity(W).simple_bind(mx.cpu(), w=(4, 3), stype_dict={"w": "sparse"})


def test_storage_inference_of_a_graph_read_from_json():
    symbol = S.load_json(S.dot(X, W, transpose_a=True).tojson())
    assert symbol.attr_dict()["w"] == {"__storage_type__": "1"}
    facts = infer_storage(symbol.heads, {})
    assert {node.name: facts.known[id(node), 0] for node in facts.order if node.is_variable} == {
        "x": "csr",
        "w": "row_sparse",
    }
    assert infer_storage(symbol.heads, {"w": "default"}).get(symbol.heads[0]) == "row_sparse"
    with pytest.raises(ArgumentError, match="__storage_type__"):
        infer_storage(S.var("y", attr={"__storage_type__": "7"}).heads, {})


# ---------------------------------------------------------------- values

_random = np.random.RandomState(3)


def _matrix(rows, columns, density=0.4):
    values = _random.standard_normal((rows, columns))
    return np.where(_random.rand(rows, columns) < density, values, 0).astype(np.float32)


def _rows(rows, columns):
    values = _random.standard_normal((rows, columns)).astype(np.float32)
    values[::2] = 0
    return values


NETWORKS = {
    "product": S.dot(X, W),
    "transposed": S.dot(X, S.var("u", shape=(6, 2)), transpose_a=True),
    "fallback through a view": S.sum(S.reshape(W, shape=(-1, 10)) * 2, axis=0),
    "view of a result": S.reshape(S.square(W), shape=(-1,)),
    "chain": S.relu(S.sinh(S.square(W)) * 3) - S.abs(W),
    "sum of several": S.add_n(W, W * 2, S.sin(W)),
    "factorization": S.sum(S.square(S.dot(X, W)) - S.dot(S.square(X), S.square(W)), axis=1),
    "softmax": S.broadcast_add(S.softmax(S.dot(X, W)), S.sum(W)),
    "square sum": S.broadcast_add(S._internal._square_sum(W, axis=1, keepdims=True), S._internal._square_sum(W)),
    "square sum over rows": S._internal._square_sum(W, axis=0) + S.sum(S.dot(X, W), axis=0),
    "several outputs": S.Group([W, S.square(W), S.dot(X, W), S.identity(W)]),
    "twice the same": S.square(W) + S.square(W),
    "broadcast": S.broadcast_add(S.dot(X, W), S.sum(W, axis=0, keepdims=True)),
    "concat": S.Concat(S.dot(X, W), X, dim=1),
    "dropout": S.Dropout(S.dot(X, W), p=0.0),
}
SHAPES = {"x": (6, 5), "w": (5, 4), "u": (6, 2)}


def _values(symbol):
    made = {"x": _matrix(6, 5), "w": _rows(5, 4), "u": _rows(6, 2)}
    return {name: made[name] for name in symbol.list_arguments()}


def _run(symbol, values, stypes, grad_stype, grad_req, heads):
    args = {name: nd.array(value).tostype(stypes.get(name, "default")) for name, value in values.items()}
    grads = {name: nd.ones(value.shape).tostype(grad_stype) for name, value in values.items()}
    executor = symbol.bind(mx.cpu(), args, grads, grad_req)
    outputs = [output.asnumpy() for output in executor.forward(is_train=True)]
    executor.backward([nd.array(head) for head in heads])
    assert all(grad.stype == grad_stype for grad in grads.values())
    return outputs, {name: grad.asnumpy() for name, grad in grads.items()}


@pytest.mark.parametrize("grad_req", ["write", "add"])
@pytest.mark.parametrize("grad_stype", ["default", "row_sparse", "csr"])
@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_gradients_are_those_of_dense_arrays(name, grad_stype, grad_req):
    symbol = NETWORKS[name]
    values = _values(symbol)
    _, shapes, _ = symbol.infer_shape(**{name: value.shape for name, value in values.items()})
    heads = [_random.standard_normal(shape).astype(np.float32) for shape in shapes]
    heads = [np.where(head > 0, head, 0) for head in heads]
    sparse = _run(symbol, values, {"x": "csr", "w": "row_sparse"}, grad_stype, grad_req, heads)
    dense = _run(symbol, values, {}, "default", grad_req, heads)
    for ours, theirs in zip(sparse[0], dense[0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-5)
    for argument, expected in dense[1].items():
        np.testing.assert_allclose(sparse[1][argument], expected, rtol=2e-5, atol=1e-5)


def test_what_is_written_into_an_argument_counts_at_the_next_run():
    weight = nd.array(_rows(5, 4)).tostype("row_sparse")
    executor = S.square(W).bind(mx.cpu(), {"w": weight})
    (output,) = executor.forward()
    for value in (nd.ones((5, 4)), nd.array(_rows(5, 4)).tostype("row_sparse"), 3):
        weight[:] = value
        assert executor.forward()[0] is output
        np.testing.assert_allclose(output.asnumpy(), weight.asnumpy() ** 2)
    executor.forward(w=_rows(5, 4) + 1)
    np.testing.assert_allclose(output.asnumpy(), weight.asnumpy() ** 2)
    with pytest.raises(ArgumentError, match="shape"):
        executor.forward(w=nd.ones((4, 4)))


def test_outputs_and_inputs_share_no_memory():
    weight = nd.array(_rows(5, 4)).tostype("row_sparse")
    before = weight.asnumpy()
    executor = S.Group([W, S.identity(W)]).bind(mx.cpu(), {"w": weight}, {"w": nd.zeros((5, 4), stype="row_sparse")})
    outputs = executor.forward(is_train=True)
    head = nd.array(_rows(5, 4)).tostype("row_sparse")
    executor.backward([head, head])
    outputs[1][:] = 7
    head[:] = 9
    np.testing.assert_array_equal(weight.asnumpy(), before)
    assert (executor.grad_dict["w"].asnumpy() != 18).all()


def test_gradients_that_nothing_depends_on_become_zeros():
    grads = {"w": nd.ones((5, 4)).tostype("row_sparse"), "x": nd.ones((6, 5)).tostype("csr")}
    args = {"w": nd.ones((5, 4)).tostype("row_sparse"), "x": nd.ones((6, 5)).tostype("csr")}
    executor = S.broadcast_add(S.BlockGrad(S.dot(X, W)), S.sum(D)).bind(
        mx.cpu(), {**args, "d": nd.ones((3,))}, {**grads, "d": nd.zeros((3,))}
    )
    executor.forward(is_train=True)
    executor.backward(nd.ones((6, 4)))
    assert [grads[name].asnumpy().any() for name in grads] == [False, False]


def test_mistakes_inside_name_the_node():
    executor = S.Embedding(D, W, input_dim=5, output_dim=4, name="table").bind(
        mx.cpu(), {"d": nd.array([9]), "w": nd.ones((5, 4)).tostype("row_sparse")}
    )
    with pytest.raises(IndexRangeError, match=r"table.*0 to 4"):
        executor.forward()


def test_auxiliary_states_of_any_storage_are_updated():
    data = _random.standard_normal((8, 3)).astype(np.float32)
    moved = []
    for stype in ("default", "row_sparse"):
        ones = [nd.ones((3,)).tostype(stype) for _ in range(4)]
        executor = S.BatchNorm(S.var("data"), fix_gamma=False, name="bn").bind(
            mx.cpu(), [nd.array(data).tostype(stype), *ones[:2]], aux_states=ones[2:]
        )
        output = executor.forward(is_train=True)[0].asnumpy()
        moved.append([output, *(state.asnumpy() for state in ones[2:])])
        assert ones[2].stype == stype
    for dense, sparse in zip(*moved, strict=True):
        np.testing.assert_array_equal(dense, sparse)
    assert (moved[0][1] != 1).all()


# ---------------------------------------------------------------- around executors


def test_dense_graphs_have_no_sparse_steps(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a dense graph was looked at as a sparse one")

    monkeypatch.setattr(sparse_values, "infer_storage", refuse)
    monkeypatch.setattr("mxtrain.executor.plan.sparse_step", refuse)
    net = S.SoftmaxOutput(S.FullyConnected(S.Embedding(D, V, input_dim=5, output_dim=3), num_hidden=2))
    executor = net.simple_bind(mx.cpu(), d=(4,))
    executor.forward(is_train=True)
    executor.backward()


def test_reshape_makes_new_sparse_data_and_keeps_parameters():
    executor = S.dot(X, W).simple_bind(mx.cpu(), x=(6, 5), w=(5, 4))
    executor.arg_dict["w"][:] = 2
    smaller = executor.reshape(x=(3, 5), w=(5, 4))
    assert smaller.arg_dict["w"] is executor.arg_dict["w"]
    assert (smaller.arg_dict["x"].stype, smaller.arg_dict["x"].shape) == ("csr", (3, 5))
    smaller.forward(is_train=True, x=nd.ones((3, 5)))
    np.testing.assert_array_equal(smaller.outputs[0].asnumpy(), np.full((3, 4), 10))
    with pytest.raises(ArgumentError, match="allow_up_sizing"):
        executor.reshape(x=(9, 5), w=(5, 4))
    assert executor.reshape(x=(9, 5), w=(5, 4), allow_up_sizing=True).arg_dict["x"].shape == (9, 5)


def test_sharing_arguments_with_another_executor():
    first = S.dot(X, W).simple_bind(mx.cpu(), x=(6, 5), w=(5, 4))
    pool = {}
    second = S.dot(X, W).simple_bind(
        mx.cpu(), x=(2, 5), w=(5, 4), shared_exec=first, shared_arg_names=["w"], shared_buffer=pool
    )
    assert second.arg_dict["w"] is first.arg_dict["w"]
    assert second.arg_dict["x"].stype == "csr"
    assert pool == {}
    with pytest.raises(ArgumentError, match="storage type"):
        S.dot(X, S.var("w")).simple_bind(mx.cpu(), x=(2, 5), w=(5, 4), shared_exec=first, shared_arg_names=["w"])


@pytest.mark.parametrize("stype", ["default", "row_sparse"])
def test_parameters_of_any_storage_are_copied_in(stype):
    executor = S.dot(X, W).simple_bind(mx.cpu(), x=(6, 5), w=(5, 4))
    values = _rows(5, 4)
    executor.copy_params_from({"w": nd.array(values).tostype(stype)})
    assert executor.arg_dict["w"].stype == "row_sparse"
    np.testing.assert_array_equal(executor.arg_dict["w"].asnumpy(), values)


def test_monitors_and_pictures_see_sparse_values():
    symbol = S.sum(S.square(W, name="squares"), name="total")
    executor = symbol.simple_bind(mx.cpu(), w=(5, 4))
    executor.arg_dict["w"][:] = 2
    monitor = mx.mon.Monitor(1, pattern="squares.*|w$", monitor_all=True)
    monitor.install(executor)
    monitor.tic()
    executor.forward(is_train=True)
    shown = {name: float(value.strip()) for _, name, value in monitor.toc()}
    assert shown["squares_output"] == pytest.approx(4.0)
    assert shown["w"] == pytest.approx(2.0)
    assert "squares" in executor.debug_str()
    assert "total" in executor.get_optimized_symbol().debug_str()
    mx.viz.print_summary(symbol, shape={"w": (5, 4)})


def test_recomputation_leaves_sparse_graphs_alone(monkeypatch):
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    symbol = S.tanh(S.sin(S.dot(X, W)))
    executor = symbol.simple_bind(mx.cpu(), x=(6, 5), w=(5, 4))
    executor.arg_dict["x"][:], executor.arg_dict["w"][:] = nd.array(_matrix(6, 5)), nd.array(_rows(5, 4))
    executor.forward(is_train=True)
    executor.backward(nd.ones((6, 4)))
    x, w = executor.arg_dict["x"].asnumpy(), executor.arg_dict["w"].asnumpy()
    expected = x.T @ ((1 - np.tanh(np.sin(x @ w)) ** 2) * np.cos(x @ w))
    np.testing.assert_allclose(executor.grad_dict["w"].asnumpy(), expected, rtol=1e-4, atol=1e-5)


def test_sparse_values_cross_groups_of_contexts():
    with mx.AttrScope(ctx_group="first"):
        squares = S.square(S.var("w", stype="row_sparse"))
    with mx.AttrScope(ctx_group="second"):
        symbol = S.sum(squares * 3, axis=1)
    executor = symbol.simple_bind(mx.cpu(), w=(5, 4), group2ctx={"first": mx.cpu(1), "second": mx.cpu(2)})
    values = _rows(5, 4)
    executor.arg_dict["w"][:] = nd.array(values)
    executor.forward(is_train=True)
    np.testing.assert_allclose(executor.outputs[0].asnumpy(), (3 * values**2).sum(axis=1), rtol=1e-5)
    executor.backward(nd.ones((5,), mx.cpu(2)))
    np.testing.assert_allclose(executor.grad_dict["w"].asnumpy(), 6 * values, rtol=1e-5)


def test_a_training_step_of_an_embedding_touches_its_rows_only():
    table = S.Embedding(D, W, input_dim=1000, output_dim=4, sparse_grad=True)
    loss = S.LinearRegressionOutput(S.sum(table, axis=1), name="out")
    executor = loss.simple_bind(mx.cpu(), d=(3,), grad_req={"w": "write"})
    executor.arg_dict["w"][:] = 0.5
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.1))
    errors = []
    for _ in range(20):
        executor.forward(is_train=True, d=nd.array([7, 9, 7]), out_label=nd.array([1, 3, 1]))
        errors.append(abs(executor.outputs[0].asnumpy() - [1, 3, 1]).max())
        executor.backward()
        assert executor.grad_dict["w"].indices.asnumpy().tolist() == [7, 9]
        updater(0, executor.grad_dict["w"], executor.arg_dict["w"])
    assert errors[-1] < 0.01 < errors[0]
    changed = (executor.arg_dict["w"].asnumpy() != 0.5).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [7, 9]


@pytest.mark.parametrize("stored", [range(6), [0, 2, 3, 5]])
def test_square_sums_have_gradients_in_the_rows_that_a_gradient_reaches(stored):
    values = np.zeros((6, 2), np.float32)
    values[list(stored)] = 1
    symbol = S.dot(S.square(X), S._internal._square_sum(W, axis=1, keepdims=True))
    executor = symbol.simple_bind(mx.cpu(), x=(2, 6), w=(6, 2), grad_req={"w": "write"})
    executor.arg_dict["w"][:] = nd.array(values).tostype("row_sparse")
    executor.forward(is_train=True, x=nd.array([[0, 1, 0, 0, 0, 0], [0, 0, 0, 2, 0, 0]]).tostype("csr"))
    executor.backward(nd.ones((2, 1)))
    gradient = executor.grad_dict["w"]
    assert gradient.indices.asnumpy().tolist() == sorted({1, 3} & set(stored))
    np.testing.assert_array_equal(gradient.asnumpy(), 2 * np.array([0, 1, 0, 4, 0, 0])[:, None] * values)


def test_loops_over_sparse_parameters():
    def body(row, state):
        result = S.dot(S.reshape(row, shape=(1, -1)), W) + state
        return result, result

    outputs, _ = S.contrib.foreach(body, S.var("rows"), S.var("start"))
    values = {"rows": np.arange(6.0).reshape(3, 2), "w": [[1, 2], [3, 4]], "start": np.zeros((1, 2))}
    for stype in ("default", "row_sparse"):
        args = {name: nd.array(value) for name, value in values.items()}
        grads = {name: nd.zeros(array.shape) for name, array in args.items()}
        executor = outputs.bind(mx.cpu(), {**args, "w": args["w"].tostype(stype)}, grads)
        (output,) = executor.forward(is_train=True)
        executor.backward(nd.ones((3, 1, 2)))
        assert output.asnumpy().tolist() == [[[3, 4]], [[14, 20]], [[33, 48]]]
        assert grads["w"].asnumpy().tolist() == [[8, 8], [14, 14]]


def test_dropout_of_sparse_data_draws_as_for_dense_data():
    results = []
    for stype in ("default", "row_sparse"):
        ones, grad = nd.ones((40, 2)).tostype(stype), nd.zeros((40, 2))
        executor = S.Dropout(W, p=0.5).bind(mx.cpu(), {"w": ones}, {"w": grad})
        mx.random.seed(1)
        output = executor.forward(is_train=True)[0].asnumpy()
        executor.backward(nd.ones((40, 2)))
        np.testing.assert_array_equal(output, grad.asnumpy())
        results.append(output)
    np.testing.assert_array_equal(*results)
    assert set(np.unique(results[0])) == {0.0, 2.0}
