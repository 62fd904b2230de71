"""Kills a training at each file operation of its checkpoints, and looks at what a resumed training then does.

    killed_writers.py FOLDER

It prints a line for each: where the process was killed, what was found, and whether the final files are as ever.
"""

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from resumed_training import iterator, network

import mxtrain as mx

EVENTS = ("open", "os.rename", "os.remove")
FILES = ("params", "states", "position")


def in_child(work: Callable[[], object]) -> int:
    """Do something in a process of its own; minus the signal that killed it, or its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except mx.model.TrainingStopped as stopped:
            code = stopped.code
        finally:
            sys.stdout.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def die_at(folder: str, number: int) -> None:
    """Kill this process before its file operation of that number, from 0, in the folder; reading does not count."""
    left = [number]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS or not str(arguments[0]).startswith(folder):
            return
        if event == "open" and arguments[1] in ("r", "rb"):
            return
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    sys.addaudithook(hook)


def train(prefix: str, seed: int, stop: tuple[int, int] | None = None) -> None:
    """Train three epochs of three batches, from the newest checkpoint on."""
    random.seed(seed)
    mx.random.seed(seed)
    np.random.seed(seed)
    data = iterator(shuffle=True)
    checkpoint = mx.model.TrainingCheckpoint(prefix, data)
    module = checkpoint.resume() or mx.mod.Module(network())

    def perhaps_stop(param: Any) -> None:
        if (param.epoch, param.nbatch) == stop:
            signal.raise_signal(signal.SIGTERM)

    module.fit(
        data,
        begin_epoch=checkpoint.begin_epoch,
        num_epoch=3,
        optimizer_params={"learning_rate": 0.2, "momentum": 0.9},
        batch_end_callback=perhaps_stop,
        epoch_end_callback=checkpoint.of(module),
    )


def contents(prefix: str) -> list[bytes]:
    return [Path(f"{prefix}-0003.{kind}").read_bytes() for kind in FILES]


def written_again(folder: Path, number: int) -> None:
    """A training that goes on from the first epoch's checkpoint, although later ones are there, is killed."""
    prefix = str(folder / "net")
    assert in_child(lambda: train(prefix, 1)) == 0

    def again() -> None:
        die_at(str(folder), number)
        mx.random.seed(7)
        data = iterator(shuffle=True)
        checkpoint = mx.model.TrainingCheckpoint(prefix, data)
        checkpoint.restore(1)
        module = mx.mod.Module.load(prefix, 1, load_optimizer_states=True)
        options = {"learning_rate": 0.2, "momentum": 0.9}
        module.fit(data, begin_epoch=1, num_epoch=3, optimizer_params=options, epoch_end_callback=checkpoint.of(module))

    report("written again", folder, number, in_child(again))


def stopped(folder: Path, number: int) -> None:
    """A training that is told to end in the second epoch is killed."""

    def first() -> None:
        die_at(str(folder), number)
        train(str(folder / "net"), 1, stop=(1, 1))

    report("stopped", folder, number, in_child(first))


def report(what: str, folder: Path, number: int, code: int) -> None:
    """Say what a process that was killed, or not, has left, and what comes of it."""
    found = mx.model.TrainingCheckpoint(str(folder / "net")).choose()
    name = "nothing" if found is None else f"{Path(found.prefix).name}-{found.number}"
    ended = in_child(lambda: train(str(folder / "net"), 1 if found is None else 99))
    equal = ended == 0 and contents(str(folder / "net")) == EXPECTED
    print(what, number, code, name, "equal" if equal else "differs", flush=True)
    if code != -signal.SIGKILL:
        raise StopIteration


def main() -> None:
    """Kill at the first operation, at the second, and so on, until there is none left."""
    top = Path(sys.argv[1])
    (top / "calm").mkdir()
    assert in_child(lambda: train(str(top / "calm" / "net"), 1)) == 0
    EXPECTED.extend(contents(str(top / "calm" / "net")))
    for case in (stopped, written_again):
        for number in range(100):
            folder = top / f"{case.__name__}-{number}"
            folder.mkdir()
            try:
                case(folder, number)
            except StopIteration:
                break


EXPECTED: list[bytes] = []
if __name__ == "__main__":
    main()
