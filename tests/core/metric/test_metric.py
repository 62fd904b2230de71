"""Metrics against figures of MXNet 1.9.1."""

import copy
import json
import math

import numpy as np
import pytest

from mxtrain import metric as mt
from mxtrain import ndarray as nd
from mxtrain.base import MXNetError

_PRED = [[0.3, 0.7], [0, 1.0], [0.4, 0.6]]
_LABEL = [0, 1, 1]
_SCORES = [[[0.1, 0.9], [0.5, 0.5], [0.7, 0.3], [0.2, 0.8]], [[0.1, 0.9], [0.9, 0.1]]]
_TRUTHS = [[1, 0, 1, 0], [1, 1]]


def _value(metric, labels, preds):
    metric.update([nd.array(label) for label in labels], [nd.array(pred) for pred in preds])
    return metric.get()[1]


@pytest.mark.parametrize(
    ("metric", "labels", "preds", "expected"),
    [
        (mt.Accuracy(), [_LABEL], [_PRED], 2 / 3),
        (mt.Accuracy(), [_LABEL], [[0, 1, 0]], 2 / 3),
        (mt.Accuracy(), [[[0, 1], [1, 1]]], [[[0, 1], [0, 1]]], 0.75),
        (mt.Accuracy(), [[-1, 1, 1]], [_PRED], 2 / 3),
        (mt.Accuracy(), [[[0, 1]]], [[[[0.3, 0.7], [0.7, 0.3]]]], 0.0),
        (mt.TopKAccuracy(2), [[0, 3, 1]], [[[0.1, 0.2, 0.7, 0], [0.3, 0.1, 0.5, 0.1], [0.2, 0.3, 0.5, 0]]], 1 / 3),
        (mt.TopKAccuracy(2), [[0, 3, 1]], [[1, 2, 3]], 0),
        (mt.TopKAccuracy(5), [[0, 1, 1]], [_PRED], 1.0),
        (mt.CrossEntropy(), [_LABEL], [_PRED], 0.5715994834899902),
        (mt.NegativeLogLikelihood(), [_LABEL], [_PRED], 0.5715994834899902),
        (mt.Perplexity(None), [_LABEL], [_PRED], 1.7710976285155853),
        (mt.Perplexity(0), [_LABEL], [_PRED], 1.2909944168689313),
        (mt.Perplexity(-1), [[0, 1, -1]], [_PRED], math.exp(-(math.log(np.float32(0.3)) + 0) / 2)),
        (mt.Perplexity(None, axis=1), [[[0, 1]]], [[[[0.3, 0.7], [0.6, 0.4]]]], math.exp(-math.log(0.3 * 0.4) / 2)),
        (mt.MSE(), [_LABEL], [_PRED], 0.3499999940395355),
        (mt.MSE(), [[1, 2]], [[[2], [4]]], 2.5),
        (mt.MAE(), [[1, 2], [0, 0]], [[2, 4], [3, 4]], 2.5),
        (mt.RMSE(), [[1, 2], [0, 0]], [[2, 4], [3, 4]], 2.55833637714386),
        (mt.Loss(), [], [_PRED, [2, 3]], 8 / 8),
        (mt.F1(), _TRUTHS, _SCORES, 0.5714285714285715),
        (mt.F1(average="micro"), _TRUTHS, _SCORES, 0.5714285714285715),
        (mt.F1(), [[0, 0]], [[[0.9, 0.1], [0.8, 0.2]]], 0.0),
        (mt.MCC(), [[0, 1, 1, 0]], [[[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.2, 0.8]]], 0.0),
        (mt.MCC(average="micro"), [[1, 1, 0]], [[[0, 1], [1, 0], [1, 0]]], 0.5),
        (mt.PearsonCorrelation(average="micro"), _TRUTHS, [[0.9, 0.5, 0.3, 0.8], [0.9, 0.1]], -0.15316794294444858),
        (
            mt.PCC(),
            [[0, 1, 2, 1, 0]],
            [[[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.6, 0.2, 0.2]]],
            0.375,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, mt.EvalMetric) else None,
)  # fmt: skip
def test_values(metric, labels, preds, expected):
    if isinstance(metric, mt.Loss):
        metric.update(None, [nd.array(pred) for pred in preds])
        assert metric.get()[1] == pytest.approx((2 + 1 + 0 + 5) / 8)
    else:
        assert _value(metric, labels, preds) == pytest.approx(expected, rel=1e-6)


def test_figures_that_scripts_read():
    metric = mt.create("acc")
    assert math.isnan(metric.get()[1])
    assert _value(metric, [_LABEL], [_PRED]) == 2 / 3
    assert (metric.sum_metric, metric.num_inst) == (2.0, 3)
    assert metric.get_name_value() == [("accuracy", 2 / 3)]
    assert str(metric) == f"EvalMetric: {{'accuracy': {2 / 3}}}"
    assert mt.TopKAccuracy(3).name == "top_k_accuracy_3"


def test_nothing_counted_is_not_a_number():
    for name in ("acc", "f1", "mcc", "pcc", "pearsonr", "ce", "mse", "loss"):
        assert math.isnan(mt.create(name).get()[1])
    assert math.isnan(mt.Perplexity(None).get()[1])


def test_local_and_global_figures():
    metric = mt.create("acc")
    _value(metric, [_LABEL], [_PRED])
    metric.reset_local()
    assert math.isnan(metric.get()[1])
    assert metric.get_global() == ("accuracy", 2 / 3)
    metric.reset()
    assert math.isnan(metric.get_global()[1])


_ALL = [
    mt.Accuracy(), mt.TopKAccuracy(2), mt.F1(), mt.F1(average="micro"), mt.MCC(), mt.MCC(average="micro"),
    mt.Perplexity(-1), mt.PCC(), mt.NegativeLogLikelihood(), mt.CrossEntropy(), mt.Loss(), mt.MAE(), mt.MSE(),
    mt.RMSE(), mt.PearsonCorrelation(), mt.PearsonCorrelation(average="micro"),
    mt.CustomMetric(lambda label, pred: float(np.abs(label.sum() - pred.sum()))), mt.create(["acc", "f1"]),
]  # fmt: skip


def _batch(metric, random):
    pred = random.uniform(0.01, 1, (10, 2)).astype(np.float32)
    same_shape = isinstance(metric, (mt.MAE, mt.MSE, mt.RMSE, mt.PearsonCorrelation))
    label = random.uniform(0, 1, (10, 2)) if same_shape else np.arange(10) % 2
    return nd.array(label), nd.array(pred)


@pytest.mark.parametrize("metric", _ALL, ids=lambda metric: f"{type(metric).__name__}-{metric.name}")
def test_global_figures_are_what_local_ones_would_have_been(metric):
    one, other = copy.deepcopy(metric), copy.deepcopy(metric)
    random = np.random.default_rng(0)
    for _ in range(5):
        label, pred = _batch(metric, random)
        one.update([label], [pred])
        one.reset_local()
        other.update([label], [pred])
    assert one.get_global() == other.get()
    other.reset()
    label, pred = _batch(metric, random)
    one.update([label], [pred])
    other.update([label], [pred])
    assert one.get() == other.get()


@pytest.mark.parametrize("metric", [m for m in _ALL if not isinstance(m, mt.CustomMetric)], ids=lambda m: m.name)
def test_configurations_survive_json(metric):
    config = metric.get_config()
    for made in (mt.create(json.dumps(config)), mt.create(json.loads(json.dumps(config)))):
        assert type(made) is type(metric)
        assert made.get_config() == config


def test_accuracy_configuration_is_that_of_mxnet():
    expected = {"axis": 1, "metric": "Accuracy", "name": "accuracy", "output_names": None, "label_names": None}
    assert mt.Accuracy().get_config() == expected
    assert mt.create('["accuracy", {"axis": 0}]').axis == 0


def test_micro_pearson_equals_numpy_over_everything():
    random = np.random.default_rng(2)
    metric = mt.PearsonCorrelation(average="micro")
    batches = [random.normal(100, 1, (2, size)) for size in (3, 10, 1)]
    for label, pred in batches:
        metric.update([label], [pred])
    label, pred = np.concatenate(batches, axis=1)
    assert metric.get()[1] == pytest.approx(np.corrcoef(label, pred)[0, 1], rel=1e-9)
    assert metric.get_global() == metric.get()


def test_binary_pcc_equals_mcc_and_grows_with_the_classes():
    labels, preds = [0] * 10 + [1] * 7, [0] * 7 + [1] * 3 + [0] * 2 + [1] * 5
    metric = mt.PCC()
    for label, pred in zip(labels, preds, strict=True):
        metric.update([nd.array([label])], [nd.array([pred])])
    assert metric.get()[1] == pytest.approx((7 * 5 - 3 * 2) / math.sqrt(8 * 7 * 10 * 9), rel=1e-9)
    metric.update([nd.array([4])], [nd.array([4])])
    assert metric.lcm.shape == (5, 5)


def test_constant_series_have_no_correlation():
    assert math.isnan(_value(mt.PearsonCorrelation(), [[1, 1]], [[0.3, 0.7]]))
    assert math.isnan(_value(mt.PCC(), [_LABEL], [_PRED]))


def test_update_dict_picks_by_name():
    metric = mt.Accuracy(output_names=["out"], label_names=["label"])
    arrays = {"label": nd.array(_LABEL), "other": nd.array([9])}
    metric.update_dict(arrays, {"out": nd.array(_PRED), "aux": nd.array([1])})
    assert metric.get()[1] == 2 / 3
    with pytest.raises(KeyError, match="label") as caught:
        metric.update_dict({"other": nd.array([9])}, {"out": nd.array(_PRED)})
    assert isinstance(caught.value, MXNetError)


def test_composite():
    metric = mt.create(["acc", mt.MSE()])
    metric.add("ce")
    assert metric.get()[0] == ["accuracy", "mse", "cross-entropy"]
    metric.update([nd.array(_LABEL)], [nd.array(_PRED)])
    assert metric.get()[1] == pytest.approx([2 / 3, 0.35, 0.5715995], rel=1e-6)
    assert metric.get_global() == metric.get()
    assert isinstance(metric.get_metric(1), mt.MSE)
    with pytest.raises(ValueError, match="Metric index 9 is out of range 0 and 3"):
        metric.get_metric(9)
    picky = mt.CompositeEvalMetric(["acc"], output_names=["o"], label_names=["l"])
    picky.update_dict({"l": nd.array(_LABEL), "x": nd.array([9])}, {"o": nd.array(_PRED), "y": nd.array([9])})
    assert picky.get() == (["accuracy"], [2 / 3])


def test_custom_metrics():
    def distance(label, pred):
        return np.abs(label - pred).sum(), 5

    assert _value(mt.create(distance), [[1, 2]], [[2, 4]]) == 0.6
    assert (mt.np(distance).name, mt.np(distance, name="x").name) == ("distance", "x")
    assert mt.CustomMetric(lambda label, pred: 1).name == "custom(<lambda>)"
    assert _value(mt.CustomMetric(distance, allow_extra_outputs=True), [[1, 2]], [[2, 4], [1, 1]]) == 0.6
    with pytest.raises(ValueError, match="Shape of labels 1 does not match shape of predictions 2"):
        _value(mt.CustomMetric(distance), [[1, 2]], [[2, 4], [1, 1]])
    with pytest.raises(NotImplementedError, match="cannot be serialized"):
        mt.CustomMetric(distance).get_config()


def test_own_metrics_can_be_registered(monkeypatch):
    monkeypatch.setattr("mxtrain.registry._registries", {mt.EvalMetric: {}})

    class Always(mt.EvalMetric):
        def update(self, labels, preds):
            self.sum_metric += 7
            self.num_inst += 1

    metric = Always("always")
    metric.update(None, None)
    assert metric.get() == metric.get_global() == ("always", 7.0)
    with pytest.raises(NotImplementedError):
        mt.EvalMetric("x").update(None, None)


def test_single_arrays_and_numpy_arrays():
    metric = mt.MSE()
    metric.update(nd.array([[1, 2, 3, 4]]), nd.array([[1.1, 2.1, 3.1, 4.1]]))
    assert metric.get()[1] == pytest.approx(0.01, rel=1e-5)
    assert _value(mt.Accuracy(), [np.array(_LABEL)], [np.array(_PRED)]) == 2 / 3
    loss = mt.Loss()
    loss.update(None, nd.array(_PRED))
    assert loss.get()[1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("metric", "label", "pred", "message"),
    [
        (mt.Accuracy(), [0, 1], _PRED, r"labels \(?2\)?.*predictions \(?3\)?"),
        (mt.Accuracy(), [0, 1, 7], _PRED, r"Metric accuracy: expected labels of 0 to 1.*Received: 7"),
        (mt.TopKAccuracy(2), [0, 1, 7], _PRED, "expected labels of 0 to 1"),
        (mt.TopKAccuracy(2), [0, 1], [[_PRED]], "ndim <= 2"),
        (mt.CrossEntropy(), [0, 1, 7], _PRED, r"Metric cross-entropy: expected labels of 0 to 1.*Received: 7"),
        (mt.CrossEntropy(), [0, 1, -1], _PRED, "Received: -1"),
        (mt.CrossEntropy(), [0, 1], _PRED, r"shape \(2, num_classes\).*\(3, 2\)"),
        (mt.NegativeLogLikelihood(), [0, 1, 2], _PRED, "Received: 2"),
        (mt.Perplexity(None), [0, 1, 7], _PRED, "Metric perplexity: expected labels of 0 to 1"),
        (mt.Perplexity(None), [0, 1], _PRED, "2 labels' predictions of 2 classes"),
        (mt.MSE(), [1, 2], [2, 4, 3], "labels' shape"),
        (mt.F1(), [0, 1, 2], _PRED, "binary classification"),
        (mt.MCC(), [0, 1, -1], _PRED, "binary classification"),
        (mt.F1(), [0, 1], [1, 2], r"shape \(n, 2\)"),
        (mt.PearsonCorrelation(), _LABEL, _PRED, r"\(3,\) does not match shape of predictions \(3, 2\)"),
        (mt.PCC(), [-1], [0], "classes >= 0"),
    ],
)
def test_labels_and_shapes_that_do_not_fit_are_named(metric, label, pred, message):
    with pytest.raises(ValueError, match=message) as caught:
        _value(metric, [label], [pred])
    assert isinstance(caught.value, MXNetError)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mt.create("nope"), "Expected: one of the metrics .*'acc'.*Received: 'nope'"),
        (lambda: mt.create(3), "a name .metric."),
        (lambda: mt.create("[broken"), "JSON text"),
        (lambda: mt.create('["acc"]'), "as JSON"),
        (lambda: mt.create(mt.Accuracy(), 1), "no further arguments"),
        (lambda: mt.create('["acc", {}]', 1), "no further arguments"),
        (lambda: mt.TopKAccuracy(1), "Please use Accuracy"),
        (lambda: mt.F1(average="both"), "macro"),
        (lambda: mt.PearsonCorrelation(average="both"), "macro"),
        (lambda: mt.register(int), "subclasses of EvalMetric"),
        (lambda: mt.create("acc").update([nd.array(_LABEL)], [nd.array(_PRED)] * 2), "labels 1.*predictions 2"),
    ],
)
def test_wrong_use_is_named(make, message):
    with pytest.raises(MXNetError, match=message):
        make()


def test_registering_a_name_again_warns(monkeypatch):
    monkeypatch.setitem(__import__("mxtrain.registry").registry._registries[mt.EvalMetric], "mae", mt.MSE)
    with pytest.warns(UserWarning, match="overriding existing metric"):
        mt.register(mt.MAE, "mae")
