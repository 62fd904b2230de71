"""Learning-rate schedulers against figures of MXNet 1.9.1, and as plain values."""

import json
import logging

import pytest

from mxtrain import lr_scheduler as lrs
from mxtrain.base import MXNetError

_THIRD = 1 / 3
_FIGURES = [
    (
        lrs.FactorScheduler(3, 0.5, base_lr=1, stop_factor_lr=0.1, warmup_steps=2, warmup_begin_lr=0.2),
        [0.2, 0.6, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.1],
    ),
    (
        lrs.FactorScheduler(
            3, 0.5, base_lr=1, stop_factor_lr=0.1, warmup_steps=5, warmup_begin_lr=0.2, warmup_mode="constant"
        ),
        [0.2, 0.2, 0.2, 0.2, 0.2, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.1],
    ),
    (
        lrs.MultiFactorScheduler([3, 7], 0.1, base_lr=1, warmup_steps=4),
        [0.0, 0.25, 0.5, 0.75, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01],
    ),
    (
        lrs.PolyScheduler(10, base_lr=1, pwr=3, final_lr=0.1, warmup_steps=3),
        [
            0.0, _THIRD, 2 * _THIRD, 1.0, 0.6667638483965016, 0.4279883381924199, 0.2679300291545189,
            0.1708454810495627, 0.12099125364431487, 0.10262390670553936, 0.1, 0.1, 0.1, 0.1,
        ],
    ),
    (
        lrs.CosineScheduler(10, base_lr=1, final_lr=0.1, warmup_steps=3),
        [
            0.0, _THIRD, 2 * _THIRD, 1.0, 0.9554359905560885, 0.8305704108364301, 0.6501344202803414,
            0.44986557971965857, 0.26942958916356996, 0.14456400944391146, 0.1, 0.1, 0.1, 0.1,
        ],
    ),
    (
        lrs.PolyScheduler(10, base_lr=1),
        [1.0, 0.81, 0.64, 0.49, 0.36, 0.25, 0.16, 0.09, 0.04, 0.01, 0.0, 0.0, 0.0, 0.0],
    ),
]  # fmt: skip


def _fresh(scheduler):
    return type(scheduler)(**scheduler.arguments())


@pytest.mark.parametrize(("scheduler", "figures"), _FIGURES, ids=lambda value: type(value).__name__)
def test_rates_equal_mxnet(scheduler, figures):
    fresh = _fresh(scheduler)
    assert [fresh(n) for n in range(14)] == pytest.approx(figures, rel=1e-14)


@pytest.mark.parametrize("scheduler", [pair[0] for pair in _FIGURES], ids=lambda value: type(value).__name__)
def test_a_copy_goes_on_where_the_original_stands(scheduler):
    original = _fresh(scheduler)
    for n in range(8):
        original(n)
    original.base_lr = original.base_lr / 2
    copy = lrs.from_config(json.loads(json.dumps(original.to_config())))
    assert type(copy) is type(original)
    assert [copy(n) for n in range(8, 14)] == [original(n) for n in range(8, 14)]


@pytest.mark.parametrize("scheduler", [pair[0] for pair in _FIGURES], ids=lambda value: type(value).__name__)
def test_a_resumed_count_catches_up(scheduler):
    resumed, steady = _fresh(scheduler), _fresh(scheduler)
    rates = [steady(n) for n in range(12)]
    assert resumed(11) == pytest.approx(rates[-1], rel=1e-14)


def test_far_ahead_counts_do_not_take_long():
    assert lrs.FactorScheduler(1, 0.5, base_lr=1, stop_factor_lr=0.1)(10**15) == 0.1
    assert lrs.FactorScheduler(1, 1, base_lr=1)(10**15) == 1


def test_base_lr_may_be_set_during_training():
    scheduler = lrs.FactorScheduler(2, 0.5, base_lr=1)
    assert scheduler(3) == 0.5
    scheduler.base_lr = 0.2
    assert (scheduler(4), scheduler(5)) == (0.2, 0.1)


def test_a_warm_up_as_long_as_the_schedule_ends_at_final_lr():
    assert lrs.CosineScheduler(10, warmup_steps=10, final_lr=0.001)(10) == 0.001


def test_changes_are_logged(caplog):
    with caplog.at_level(logging.INFO):
        scheduler = lrs.FactorScheduler(3, 0.5, base_lr=1, stop_factor_lr=0.3)
        for n in range(12):
            scheduler(n)
    assert [record.getMessage() for record in caplog.records] == [
        "Update[4]: Change learning rate to 5.00000e-01",
        "Update[7]: learning rate reached 3.00000e-01 and will not change again",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lrs.FactorScheduler(0), "step"),
        (lambda: lrs.FactorScheduler(1, factor=2), "factor <= 1"),
        (lambda: lrs.MultiFactorScheduler([]), "non-empty"),
        (lambda: lrs.MultiFactorScheduler([2, 1]), "increasing"),
        (lambda: lrs.MultiFactorScheduler([1, 1]), "increasing"),
        (lambda: lrs.MultiFactorScheduler([0, 1]), "each step"),
        (lambda: lrs.PolyScheduler(0), "max_update"),
        (lambda: lrs.PolyScheduler(1.5), "max_update"),
        (lambda: lrs.CosineScheduler("a"), "max_update"),
        (lambda: lrs.LRScheduler(warmup_steps=-1), "warmup_steps"),
        (lambda: lrs.LRScheduler(warmup_steps=1, warmup_begin_lr=1), "base_lr >= warmup_begin_lr"),
        (lambda: lrs.LRScheduler(warmup_mode="x"), "warmup_mode"),
        (lambda: lrs.LRScheduler("fast"), "base_lr"),
        (lambda: lrs.LRScheduler().get_warmup_lr(3), "num_update < 0"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert isinstance(caught.value, MXNetError)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (3, "mapping"),
        ({"name": "nope"}, "expected one of"),
        ({"name": "PolyScheduler", "config": {"max_update": 5, "power": 2}}, "power"),
        ({"name": "PolyScheduler", "config": {"max_update": "5"}}, "max_update"),
        ({"name": "PolyScheduler", "config": {"max_update": 5}, "progress": {"max_update": 7}}, "progress"),
        ({"name": "PolyScheduler", "config": {"max_update": 5}, "progress": {"base_lr": "high"}}, "progress"),
    ],
)
def test_descriptions_that_fit_nothing_are_refused(description, message):
    with pytest.raises(MXNetError, match=message):
        lrs.from_config(description)


def test_own_schedulers_are_callable_and_travel_once_registered(monkeypatch):
    class Halving(lrs.LRScheduler):
        def __call__(self, num_update):
            return self.base_lr / 2**num_update

    assert Halving(base_lr=1)(3) == 0.125
    with pytest.raises(MXNetError, match=r"Halving.*register"):
        Halving().to_config()
    monkeypatch.setattr("mxtrain.lr_scheduler.base._schedulers", {})
    lrs.register(Halving)
    assert lrs.from_config(Halving(base_lr=4).to_config())(1) == 2
    with pytest.raises(NotImplementedError):
        lrs.LRScheduler()(1)
