"""A fixture that gives a test two GPUs, which `fake_cupy` stands in for."""

import sys
import types
from collections.abc import Iterator

import fake_cupy
import pytest

from mxtrain.context import Context
from mxtrain.device import backend, generator


def forget_gpus() -> None:
    """Let contexts and backends find out anew what there is."""
    backend._cupy.cache_clear()
    backend.backend_for.cache_clear()
    for ctx in Context._instances.values():
        if ctx.device_type == "gpu":
            ctx._backend = None
    generator._states[:] = [state for state in generator._states if state._xp is generator.np]


@pytest.fixture
def fake_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The module that `import cupy` gives during the test: mx.gpu(0) and mx.gpu(1) work, on host memory."""
    module = fake_cupy.make_module()
    monkeypatch.setitem(sys.modules, "cupy", module)
    forget_gpus()
    fake_cupy.events.clear()
    yield module
    forget_gpus()


@pytest.fixture
def no_cupy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`import cupy` fails during the test, as where CuPy is not installed."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    forget_gpus()
    yield
    forget_gpus()
