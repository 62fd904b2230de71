"""Every example as a real process: it ends by itself, and reaches what it promises."""

import gzip
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import run_python

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

EXAMPLES = Path(__file__).parents[2] / "examples"
DIGITS = EXAMPLES / "digits" / "train.py"
LAUNCH = ("-m", "mxtrain", "launch", "-s", "2", "-n")
TWO_CPUS = ("--devices", "cpu(0),cpu(1)")


def run(*words: str | Path, timeout: float = 180.0) -> str:
    """The standard output of a process that must end well."""
    done: subprocess.CompletedProcess = run_python(*map(str, words), timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def number(text: str, name: str) -> float:
    found = re.search(rf"{name}: *([\d.]+)", text)
    assert found, text
    return float(found[1])


def test_arithmetic() -> None:
    text = run(EXAMPLES / "basics" / "arithmetic.py")
    nines, threes = ([[value] * 3] * 2 for value in (9.0, 3.0))
    assert text.count(str(nines)) == 2
    assert re.findall(r"gradient by (\w)", text) == ["a", "b", "c"]
    assert text.count(str(threes)) == 3


def test_cosine(tmp_path: Path) -> None:
    text = run(EXAMPLES / "cosine" / "train.py", "--output-dir", tmp_path)
    assert number(text, "right by FeedForward") > 0.97
    assert number(text, "right by Module") > 0.97
    assert (tmp_path / "probability.png").read_bytes().startswith(b"\x89PNG")
    assert "softmax" in (tmp_path / "network.gv").read_text()


def test_custom_softmax() -> None:
    assert number(run(EXAMPLES / "custom_softmax" / "train.py"), "accuracy") > 0.97


def test_fine_tuning() -> None:
    assert number(run(EXAMPLES / "finetune" / "train.py"), "accuracy on the digits 5 to 9") > 0.9


def test_leases() -> None:
    assert number(run(EXAMPLES / "leases" / "train.py"), "accuracy") > 0.95
    text = run(*LAUNCH, "3", sys.executable, EXAMPLES / "leases" / "train.py", "--kvstore", "dist_sync")
    assert number(text, "accuracy") > 0.95
    parts = [[int(n) for n in part.split(", ")] for part in re.findall(r"in each epoch \[(.*)\]", text)]
    assert [sum(epoch) for epoch in zip(*parts, strict=True)] == [1797] * 8, text


# ---------------------------------------------------------------- digits


@pytest.mark.parametrize(
    ("command", "options", "least"),
    [
        ((), ("--kvstore", "local"), 0.98),
        ((), ("--kvstore", "local", *TWO_CPUS), 0.98),
        ((), ("--kvstore", "device", *TWO_CPUS), 0.98),
        ((*LAUNCH, "2", sys.executable), ("--kvstore", "dist_sync"), 0.98),
        ((*LAUNCH, "2", sys.executable), ("--kvstore", "dist_async"), 0.97),
    ],
    ids=["local", "local on two", "device", "dist_sync", "dist_async"],
)
def test_digits(command: tuple[str, ...], options: tuple[str, ...], least: float, tmp_path: Path) -> None:
    prefix = tmp_path / "models" / "digits"
    text = run(*command, DIGITS, *options, "--model-prefix", prefix)
    assert number(text, "test accuracy") >= least
    assert number(text, "throughput") > 0
    assert text.count("test accuracy") == 1, "only worker 0 reports"
    checkpoint = re.search(r"checkpoint: (.+)", text)
    assert checkpoint
    assert checkpoint[1] == f"{prefix}-0015.params"
    assert Path(checkpoint[1]).exists()


@pytest.mark.parametrize(
    ("command", "options"),
    [((), TWO_CPUS), ((*LAUNCH, "2", sys.executable), ("--kvstore", "dist_sync"))],
    ids=["local", "dist_sync"],
)
def test_digits_stopped_and_resumed(command: tuple[str, ...], options: tuple[str, ...], tmp_path: Path) -> None:
    """What is resumed after the first epoch ends with the same parameters and states, bit for bit."""
    start = (*command, DIGITS, *options, "--num-epochs", "2", "--model-prefix", tmp_path / "digits")
    run(*start)
    last = [tmp_path / f"digits-0002.{name}" for name in ("params", "states")]
    expected = [path.read_bytes() for path in last]
    for path in tmp_path.glob("digits-0002.*"):
        path.unlink()
    run(*start, "--resume")
    assert [path.read_bytes() for path in last] == expected


def test_digits_are_the_same_over_grpc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    for transport in ("auto", "grpc"):
        monkeypatch.setenv("MXTRAIN_KVSTORE_TRANSPORT", transport)
        prefix = tmp_path / transport
        words = ("--kvstore", "dist_sync", "--num-epochs", "1", "--model-prefix", prefix)
        run(*LAUNCH, "2", sys.executable, DIGITS, *words)
        ends.append(Path(f"{prefix}-0001.params").read_bytes())
    assert ends[0] == ends[1]


def test_digits_in_uneven_parts(tmp_path: Path) -> None:
    """Three workers with 30, 29 and 29 batches: all end by themselves."""
    options = ("--kvstore", "dist_sync", "--batch-size", "48", "--num-epochs", "2")
    text = run(*LAUNCH, "3", sys.executable, DIGITS, *options, "--model-prefix", tmp_path / "digits")
    assert number(text, "test accuracy") > 0.5


def write_idx(path: Path, values: np.ndarray) -> None:
    content = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_digits_from_mnist_files(suffix: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, size in (("train", 96), ("t10k", 32)):
        write_idx(tmp_path / f"{name}-images-idx3-ubyte{suffix}", random.integers(0, 256, (size, 28, 28)))
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte{suffix}", random.integers(0, 10, size))
    text = run(DIGITS, "--data", tmp_path, "--num-epochs", "1", "--model-prefix", tmp_path / "digits")
    assert "of 32 digits" in text


def test_digits_from_wrong_files(tmp_path: Path) -> None:
    done = run_python(str(DIGITS), "--data", str(tmp_path))
    assert done.returncode == 1
    assert f"in {tmp_path}. Received: none." in done.stderr
    for name in ("images-idx3", "labels-idx1"):
        (tmp_path / f"train-{name}-ubyte").write_bytes(b"no idx file")
    done = run_python(str(DIGITS), "--data", str(tmp_path))
    assert done.returncode == 1
    assert "expected an idx file of unsigned bytes" in done.stderr
