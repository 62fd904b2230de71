"""What tests run in: contexts, environment variables, silence, further attempts."""

import os
import subprocess
import sys
import threading

import pytest

import mxtrain as mx
from mxtrain import test_utils as tu
from mxtrain.base import ArgumentError, ArgumentTypeError


def test_the_default_context():
    seen = []

    def work():
        tu.set_default_context(mx.cpu(3))
        with mx.cpu(1):
            seen.append(tu.default_context())
        seen.append(tu.default_context())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert seen == [mx.cpu(1), mx.cpu(3)]
    assert tu.default_context() == mx.cpu(0)
    assert tu.default_dtype().__name__ == "float32"
    assert len(tu.list_gpus()) == mx.num_gpus()


def test_environment_variables_come_back(monkeypatch):
    monkeypatch.setenv("MXTRAIN_TEST_ONE", "old")
    monkeypatch.delenv("MXTRAIN_TEST_TWO", raising=False)
    seen = []

    def look_and_fail():
        seen.extend((os.environ.get("MXTRAIN_TEST_ONE"), tu.getenv("MXTRAIN_TEST_TWO")))
        raise RuntimeError

    with pytest.raises(RuntimeError), tu.environment({"MXTRAIN_TEST_ONE": None, "MXTRAIN_TEST_TWO": "new"}):
        look_and_fail()
    assert seen == [None, "new"]
    assert os.environ["MXTRAIN_TEST_ONE"] == "old"
    assert "MXTRAIN_TEST_TWO" not in os.environ
    with tu.environment("MXTRAIN_TEST_ONE", "now"):
        assert os.environ["MXTRAIN_TEST_ONE"] == "now"


@pytest.mark.parametrize("args", [(), ("A",), ("A", 3), ({"A": 3},), ("A", "b", "c")])
def test_wrong_environments_are_refused(args):
    with pytest.raises(ArgumentTypeError), tu.environment(*args):
        pass


def test_error_output_is_discarded_and_comes_back(capfd):
    with tu.discard_stderr():
        sys.stderr.write("python")
        os.write(2, b"descriptor")
        subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('child')"], check=True)
    sys.stderr.write("afterwards")
    assert capfd.readouterr().err == "afterwards"


@pytest.mark.parametrize(("failures", "passes"), [(0, True), (2, True), (3, False)])
def test_further_attempts(failures, passes):
    calls = []

    @tu.retry(3)
    def attempt():
        calls.append(1)
        assert len(calls) > failures
        return "done"

    if passes:
        assert attempt() == "done"
        assert len(calls) == failures + 1
    else:
        with pytest.raises(AssertionError):
            attempt()
        assert len(calls) == 3


def test_other_errors_are_not_tried_again():
    calls = []

    @tu.retry(3)
    def attempt():
        calls.append(1)
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        attempt()
    assert len(calls) == 1
    with pytest.raises(ArgumentError):
        tu.retry(0)


def test_facts_about_the_machine():
    assert tu.is_op_runnable() is True
    assert tu.has_tvm_ops() is False
    with tu.environment("CD_JOB", "1"):
        assert tu.is_cd_run()
    with tu.environment("CD_JOB", None):
        assert not tu.is_cd_run()


def test_star_imports_bring_what_mxnets_module_brings():
    names = {}
    for name, value in vars(tu).items():
        if not name.startswith("_"):
            names[name] = value
    assert {"mx", "np", "Symbol", "Context", "array", "assert_almost_equal", "use_np"} <= set(names)
    assert names["mx"] is mx
