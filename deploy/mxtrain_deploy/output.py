"""Passes on what the processes print: whole lines, each with the name of its process in front."""

import time
from collections.abc import Callable
from typing import BinaryIO

# A line that is longer is passed on in pieces of this many bytes.
MAX_LINE = 1 << 20
# Where the output is not a terminal, a progress bar leaves a line at most this often (seconds).
PROGRESS_PERIOD = 10.0

_CLEAR_LINE = b"\r\x1b[K"


class LineSplitter:
    """Cuts the bytes of one stream into lines, and knows what a progress bar shows at the moment."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Add bytes; return the lines that are now complete and the progress text, empty when there is none."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > MAX_LINE:
            lines.append(self._rest[:MAX_LINE])
            self._rest = self._rest[MAX_LINE:]
        shown = [visible(line) for line in lines]
        if b"\r" not in self._rest:
            return shown, b""
        progress = visible(self._rest)
        # Only a bar's newest state is kept: a bar that moves for days takes no memory.
        self._rest = b"\r" + progress + (b"\r" if self._rest.endswith(b"\r") else b"")
        return shown, progress.strip()

    def finish(self) -> list[bytes]:
        """The last line of a stream that ended without a line end, if any."""
        rest, self._rest = visible(self._rest), b""
        return [rest] if rest else []


def visible(line: bytes) -> bytes:
    """What a terminal shows of a line in which carriage returns go back to its start."""
    if b"\r" not in line:
        return line
    pieces = [piece for piece in line.split(b"\r") if piece.strip()]
    return pieces[-1].rstrip() if pieces else b""


class Screen:
    """The launcher's own standard output and error, shared by all processes of the job.

    On a terminal the newest progress bar stays below the lines; in a file it leaves a line now and then.
    """

    def __init__(self, stdout: BinaryIO, stderr: BinaryIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._sinks = {"stdout": stdout, "stderr": stderr}
        self._terminal = stderr.isatty()
        self._clock = clock
        self._bar = b""
        self._bar_label = ""
        self._shown_at: dict[str, float] = {}
        self.closed = False
        """Whether the reader of our output has gone; nothing is printed any more."""

    def show(self, label: str, stream: str, lines: list[bytes], progress: bytes = b"") -> None:
        """Print the lines of one process, then the state of its progress bar.

        label: the process (`worker 0`). stream: `stdout` or `stderr`.
        """
        prefix = f"[{label}] ".encode()
        if lines:
            if label == self._bar_label:
                self._bar, self._bar_label = b"", ""
            self._print(stream, b"".join(prefix + line + b"\n" for line in lines))
        if progress:
            self._show_progress(label, prefix + progress)

    def say(self, text: str) -> None:
        """Print one line of the launcher itself on standard error."""
        self.show("launcher", "stderr", [text.encode()])

    def _show_progress(self, label: str, text: bytes) -> None:
        if self._terminal:
            # Of several bars the first one stays until it ends; bars that take turns could not be read.
            if self._bar and label != self._bar_label:
                return
            self._bar, self._bar_label = text, label
            self._print("stderr", b"")
        elif self._clock() - self._shown_at.get(label, -PROGRESS_PERIOD) >= PROGRESS_PERIOD:
            self._shown_at[label] = self._clock()
            self._print("stderr", text + b"\n")

    def _print(self, stream: str, text: bytes) -> None:
        sink = self._sinks[stream]
        if self._terminal and sink.isatty():
            text = _CLEAR_LINE + text + self._bar
        if self.closed:
            return
        try:
            rest = memoryview(text)
            while rest:  # an unbuffered stream may take only a part
                rest = rest[sink.write(rest) :]
            sink.flush()
        except BrokenPipeError:
            self.closed = True
