"""NumPy semantics, environment variables, bulk sizes and features."""

import threading

import pytest

import mxtrain as mx
from mxtrain import engine, runtime, util
from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError


@pytest.fixture(autouse=True)
def switched_off():
    yield
    util.reset_np()


def test_switches_of_shape_semantics():
    assert not mx.is_np_shape()
    assert mx.set_np_shape(True) is False
    assert mx.is_np_shape()
    with mx.np_shape(False):
        assert not mx.is_np_shape()
    assert mx.is_np_shape()
    assert mx.set_np_shape(False) is True


def test_scopes_end_after_an_error():
    seen = []

    def look_and_fail():
        seen.extend((mx.is_np_shape(), mx.is_np_array()))
        raise RuntimeError

    with pytest.raises(RuntimeError), mx.np_shape(), mx.np_array():
        look_and_fail()
    assert seen == [True, True]
    assert (mx.is_np_shape(), mx.is_np_array()) == (False, False)


def test_both_at_once():
    util.set_np()
    assert (util.is_np_shape(), util.is_np_array()) == (True, True)
    util.set_np(array=False)
    assert (util.is_np_shape(), util.is_np_array()) == (True, False)
    util.reset_np()
    assert (util.is_np_shape(), util.is_np_array()) == (False, False)
    with pytest.raises(ArgumentError, match="shape=False"):
        util.set_np(shape=False)
    with pytest.raises(ArgumentTypeError, match="'yes'"):
        util.set_np_shape("yes")


def test_switches_are_per_thread():
    seen = []
    with mx.np_shape():
        thread = threading.Thread(target=lambda: seen.append(mx.is_np_shape()))
        thread.start()
        thread.join(10)
    assert seen == [False]


def test_decorated_functions_and_classes():
    @mx.use_np
    def function(value):
        """Says which semantics hold."""
        return value, mx.is_np_shape(), mx.is_np_array()

    @util.use_np_shape
    class Thing:
        def method(self):
            return mx.is_np_shape(), mx.is_np_array()

        @property
        def fact(self):
            return mx.is_np_shape()

        @fact.setter
        def fact(self, value):
            self.kept = (value, mx.is_np_shape())

    assert function(3) == (3, True, True)
    assert (function.__name__, function.__doc__) == ("function", "Says which semantics hold.")
    thing = Thing()
    assert thing.method() == (True, False)
    assert thing.fact
    thing.fact = 5
    assert thing.kept == (5, True)
    assert not mx.is_np_shape()
    with pytest.raises(ArgumentTypeError, match="int"):
        mx.use_np(3)


def test_the_module_that_something_says_it_is_from():
    @util.set_module("mxtrain.somewhere")
    def function():
        pass

    assert function.__module__ == "mxtrain.somewhere"
    assert util.set_module(None)(function) is function


def test_environment_variables(monkeypatch):
    monkeypatch.delenv("MXTRAIN_TEST_UTIL", raising=False)
    assert util.getenv("MXTRAIN_TEST_UTIL") is None
    util.setenv("MXTRAIN_TEST_UTIL", "1")
    assert util.getenv("MXTRAIN_TEST_UTIL") == "1"
    util.setenv("MXTRAIN_TEST_UTIL", None)
    util.setenv("MXTRAIN_TEST_UTIL", None)
    assert util.getenv("MXTRAIN_TEST_UTIL") is None


def test_facts_about_gpus():
    assert util.get_gpu_count() == mx.num_gpus()
    with pytest.raises(MXNetError, match="cpu"):
        util.get_cuda_compute_capability(mx.cpu())


def test_bulk_sizes_are_remembered():
    before = engine.set_bulk_size(10)
    with engine.bulk(5):
        assert engine.set_bulk_size(7) == 5
    assert engine.set_bulk_size(before) == 10
    with pytest.raises(ArgumentTypeError, match="'many'"):
        engine.set_bulk_size("many")


def test_features():
    features = runtime.Features()
    assert features is runtime.Features()
    assert list(features)[:4] == ["CUDA", "CUDNN", "NCCL", "CUDA_RTC"]
    assert len(features) == len(runtime.feature_list()) == 32
    assert features.is_enabled("dist_kvstore")
    assert not features.is_enabled("TENSORRT")
    assert features.is_enabled("CUDA") == (mx.num_gpus() > 0)
    assert repr(features["DIST_KVSTORE"]) == "✔ DIST_KVSTORE"
    assert "✖ TENSORRT" in repr(features)
    with pytest.raises(RuntimeError, match="NOPE"):
        features.is_enabled("NOPE")
