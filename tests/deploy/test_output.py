"""Lines of many processes on one screen."""

import io
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mxtrain_deploy.output import MAX_LINE, PROGRESS_PERIOD, LineSplitter, Screen


def split(chunks: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    splitter, lines, bars = LineSplitter(), [], []
    for chunk in chunks:
        new_lines, bar = splitter.feed(chunk)
        lines += new_lines
        bars += [bar] if bar else []
    return lines + splitter.finish(), bars


@given(st.lists(st.binary().map(lambda text: text.translate(None, b"\r\n"))), st.lists(st.integers(0, 60)))
def test_lines_do_not_depend_on_how_the_bytes_arrive(lines: list[bytes], cuts: list[int]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    at = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[a:b] for a, b in pairwise(at)]
    assert split(chunks)[0] == lines


def test_a_line_without_end_is_shown_when_the_stream_ends() -> None:
    assert split([b"one\ntw", b"o"]) == ([b"one", b"two"], [])


def test_a_windows_line_end_is_dropped() -> None:
    assert split([b"one\r\n", b"two\r", b"\n"])[0] == [b"one", b"two"]


def test_a_progress_bar_shows_its_newest_state() -> None:
    chunks = [b"\r 10%|#", b"\r 20%|##\r 30%|###", b"\r 30%|###", b"\r100%|####\n", b"next\n"]
    lines, bars = split(chunks)
    assert lines == [b"100%|####", b"next"]
    assert bars == [b"10%|#", b"30%|###", b"30%|###"]


def test_a_cleared_bar_leaves_no_line() -> None:
    assert split([b"\r 10%|#", b"\r        \r", b"saved\n"])[0] == [b"saved"]


def test_a_long_line_is_passed_on_in_pieces() -> None:
    lines, _ = split([b"x" * MAX_LINE, b"y\n"])
    assert lines == [b"x" * MAX_LINE + b"y"]
    lines, _ = split([b"x" * (2 * MAX_LINE + 1), b"\n"])
    assert lines == [b"x" * MAX_LINE, b"x" * MAX_LINE, b"x"]


def test_a_bar_that_moves_for_days_takes_no_memory() -> None:
    splitter = LineSplitter()
    for step in range(10_000):
        splitter.feed(b"\r%5d|####" % step)
    assert len(splitter._rest) < 100


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


def test_each_line_carries_the_name_of_its_process() -> None:
    out, err = io.BytesIO(), io.BytesIO()
    screen = Screen(out, err)
    screen.show("worker 0", "stdout", [b"a", b"b"])
    screen.show("server 1", "stderr", [b"c"])
    screen.say("d")
    assert out.getvalue() == b"[worker 0] a\n[worker 0] b\n"
    assert err.getvalue() == b"[server 1] c\n[launcher] d\n"


def test_in_a_file_a_bar_leaves_a_line_now_and_then() -> None:
    now = 0.0
    err = io.BytesIO()
    screen = Screen(io.BytesIO(), err, clock=lambda: now)
    screen.show("worker 0", "stderr", [], b"10%")
    screen.show("worker 0", "stderr", [], b"20%")
    screen.show("worker 1", "stderr", [], b"15%")
    now = PROGRESS_PERIOD
    screen.show("worker 0", "stderr", [], b"30%")
    assert err.getvalue() == b"[worker 0] 10%\n[worker 1] 15%\n[worker 0] 30%\n"


def test_on_a_terminal_the_bar_stays_below_the_lines() -> None:
    terminal = Terminal()
    screen = Screen(terminal, terminal)
    screen.show("worker 0", "stderr", [], b"10%")
    screen.show("worker 1", "stderr", [], b"12%")
    screen.show("worker 1", "stdout", [b"hello"])
    screen.show("worker 0", "stderr", [b"100%"])
    shown = terminal.getvalue().split(b"\r\x1b[K")
    assert shown == [b"", b"[worker 0] 10%", b"[worker 1] hello\n[worker 0] 10%", b"[worker 0] 100%\n"]


def test_a_reader_that_has_gone_is_noticed() -> None:
    class Gone(io.BytesIO):
        def write(self, data: bytes) -> int:
            raise BrokenPipeError

    screen = Screen(Gone(), io.BytesIO())
    screen.show("worker 0", "stdout", [b"a"])
    assert screen.closed
