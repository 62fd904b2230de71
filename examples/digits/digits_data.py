"""Handwritten digits as arrays: the bundled 8x8 set, or MNIST from a folder of idx files."""

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np

BUNDLED = Path(__file__).with_name("digits.csv.gz")
IMAGE = 28  # pixels per side, as in MNIST
TEST_SHARE = 0.2
SPLIT_SEED = 0  # the same images are for testing on every worker and in every run
IDX_UNSIGNED_BYTE = 8


class Digits(NamedTuple):
    """images: float32 (n, 1, 28, 28) from 0 to 1. labels: float32 (n,)."""

    images: np.ndarray
    labels: np.ndarray


def load(folder: str | None) -> tuple[Digits, Digits]:
    """(training set, test set): MNIST where a folder with its idx files is given, else the bundled set."""
    return _mnist(Path(folder)) if folder else _split(_bundled())


def part_of(digits: Digits, rank: int, num_workers: int) -> Digits:
    """One worker's part: every num_workers-th digit. Parts differ in size by one where the numbers do not divide."""
    return Digits(digits.images[rank::num_workers], digits.labels[rank::num_workers])


def _bundled() -> Digits:
    """1797 digits of 8x8 pixels from 0 to 16, enlarged three times, in an empty frame of 2 pixels."""
    with gzip.open(BUNDLED, "rt", encoding="ascii") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.float32)
    small = table[:, :-1].reshape(-1, 8, 8) / 16
    # each large pixel is a mean of the two nearest small ones, along rows and along columns
    centers = (np.arange(24) + 0.5) / 3 - 0.5
    weights = np.stack([np.interp(centers, np.arange(8), row) for row in np.eye(8)], axis=1).astype(np.float32)
    large = weights @ small @ weights.T
    return Digits(np.pad(large, ((0, 0), (2, 2), (2, 2)))[:, None], table[:, -1])


def _split(digits: Digits) -> tuple[Digits, Digits]:
    order = np.random.default_rng(SPLIT_SEED).permutation(len(digits.labels))
    num_test = round(len(order) * TEST_SHARE)
    train, test = order[num_test:], order[:num_test]
    return Digits(digits.images[train], digits.labels[train]), Digits(digits.images[test], digits.labels[test])


def _mnist(folder: Path) -> tuple[Digits, Digits]:
    """The sets in a folder; one set alone is split."""
    found = [digits for name in ("train", "t10k") if (digits := _idx_pair(folder, name)) is not None]
    if not found:
        raise SystemExit(f"Expected: MNIST idx files such as t10k-images-idx3-ubyte(.gz) in {folder}. Received: none.")
    return (found[0], found[1]) if len(found) == 2 else _split(found[0])


def _idx_pair(folder: Path, name: str) -> Digits | None:
    images, labels = (_find(folder, f"{name}-{what}-ubyte") for what in ("images-idx3", "labels-idx1"))
    if images is None or labels is None:
        return None
    pixels = read_idx(images).astype(np.float32) / 255
    return Digits(pixels.reshape(-1, 1, IMAGE, IMAGE), read_idx(labels).astype(np.float32))


def _find(folder: Path, stem: str) -> Path | None:
    candidates = [folder / stem, folder / f"{stem}.gz"]
    return next((path for path in candidates if path.exists()), None)


def read_idx(path: Path) -> np.ndarray:
    """The array in an idx file of unsigned bytes, plain or gzipped. Raises ValueError where the file is damaged."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if len(content) < 4 or content[:3] != bytes([0, 0, IDX_UNSIGNED_BYTE]):
        raise ValueError(f"{path}: expected an idx file of unsigned bytes. Received: {content[:4]!r} at its start.")
    num_axes = content[3]
    shape = np.frombuffer(content, ">i4", num_axes, offset=4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * num_axes)
    if values.size != shape.prod():
        raise ValueError(f"{path}: expected {shape.prod()} values for shape {shape.tolist()}. Received: {values.size}.")
    return values.reshape(shape)
