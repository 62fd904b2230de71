"""What all tests rely on."""

import signal


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes that tests start, also when a shell started the tests in the background.

    Such a shell has its children ignore SIGINT, and theirs inherit it; a handler of our own is not inherited.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
