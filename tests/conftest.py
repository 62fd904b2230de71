"""What all tests rely on."""

import signal
import sys
from collections.abc import Iterator

import pytest


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes that tests start, also when a shell started the tests in the background.

    Such a shell has its children ignore SIGINT, and theirs inherit it; a handler of our own is not inherited.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _nothing_stays_on_its_way() -> Iterator[None]:
    """Simulated processes die, and tests fail, with arrays on their way: no other test's `waitall` waits for them."""
    yield
    deferred = sys.modules.get("mxtrain.ndarray.deferred")  # a test may not need the package
    if deferred is not None:
        deferred.outstanding.clear()
