"""Measure operators on sparse arrays: products of csr matrices, arithmetic, rows, conversions.

    sparse_operators.py --api mxtrain|mxnet [--only dot]
    operators_table.py --script sparse_operators.py --mxnet-python OTHER/bin/python     # side by side with MXNet

csr matrices have the same number of values in every row; row_sparse arrays have 1,000,000 rows of 64 float32 numbers,
of which 10,000 are stored. NumPy has no sparse arrays: its column of the table stays empty.
"""

# ruff: noqa: PLW0108  calls of methods stay lambdas: what they are called on may be bound later

import importlib
from collections.abc import Iterator

import numpy as np
from operators import Call, Cases, run

ROWS, COLUMNS, STORED = 1_000_000, 64, 10_000
# rows, columns, values in each row, columns of the dense factor
PRODUCTS = ((512, 1_000_000, 100, 64), (10_000, 10_000, 100, 256), (4096, 100_000, 50, 16))


def compressed(random: np.random.RandomState, rows: int, columns: int, per_row: int) -> tuple[np.ndarray, ...]:
    """Values, columns and row pointers of a matrix with `per_row` values in every row."""
    step = columns // per_row
    places = np.arange(per_row) * step + random.randint(0, step, (rows, per_row))
    return random.rand(rows * per_row).astype(np.float32), places.ravel(), np.arange(0, rows * per_row + 1, per_row)


def product_cases(mx) -> Iterator[tuple[str, Call]]:
    """Products of a csr matrix, and of its transpose, with dense ones."""
    nd, random = mx.nd, np.random.RandomState(0)
    for rows, columns, per_row, width in PRODUCTS:
        matrix = nd.sparse.csr_matrix(compressed(random, rows, columns, per_row), shape=(rows, columns))
        right = nd.array(random.rand(columns, width).astype(np.float32))
        head = nd.array(random.rand(rows, width).astype(np.float32))
        name = f"{rows}x{columns}, {per_row} a row, by {width}"
        yield f"dot(csr, dense) {name}", lambda m=matrix, r=right: nd.dot(m, r)
        yield f"dot(csr.T, dense) {name}", lambda m=matrix, h=head: nd.sparse.dot(m, h, transpose_a=True)


def row_sparse_cases(mx) -> Iterator[tuple[str, Call]]:
    """What is done with gradients of embeddings."""
    nd, random = mx.nd, np.random.RandomState(0)

    def make():
        rows = np.sort(random.choice(ROWS, STORED, replace=False))
        return nd.sparse.row_sparse_array(
            (random.rand(STORED, COLUMNS).astype(np.float32), rows), shape=(ROWS, COLUMNS)
        )

    a, b = make(), make()
    some = nd.array(a.indices.asnumpy()[::2], dtype="int64")
    yield "row_sparse + row_sparse", lambda: a + b
    yield "row_sparse * 2", lambda: a * 2
    yield "square(row_sparse)", lambda: nd.square(a)
    yield "add_n of 5 row_sparse", lambda: nd.add_n(a, b, a, b, a)
    yield "retain half", lambda: nd.sparse.retain(a, some)
    yield "norm(row_sparse)", lambda: a.norm()
    yield "row sums of squares", lambda: nd._internal._square_sum(a, axis=1, keepdims=True)


def matrix_cases(mx) -> Iterator[tuple[str, Call]]:
    """What is done with data in libsvm files: 10000 x 10000 with 1% of values."""
    nd, random = mx.nd, np.random.RandomState(0)
    shape = (10_000, 10_000)
    a, b = (nd.sparse.csr_matrix(compressed(random, *shape, 100), shape=shape) for _ in range(2))
    dense, row = nd.ones(shape), nd.ones((1, shape[1]))
    shuffled = nd.array(random.permutation(shape[0])[:5000])
    yield "csr + csr", lambda: a + b
    yield "csr * dense", lambda: nd.elemwise_mul(a, dense)
    yield "csr * row", lambda: nd.broadcast_mul(a, row)
    yield "sum(csr, axis=0)", lambda: a.sum(axis=0)
    yield "sum(csr, axis=1)", lambda: a.sum(axis=1)
    yield "rows of csr", lambda: a[100:5000]
    yield "take shuffled rows", lambda: nd.take(a, shuffled)
    yield "csr to dense", lambda: a.tostype("default")
    yield "dense to csr", lambda: dense.tostype("csr")


class SparseCases(Cases):
    """The cases of one API."""

    def __init__(self, api: str) -> None:
        self.small, self.large, self.wait = {}, {}, lambda: None
        if api != "numpy":
            mx = importlib.import_module(api)
            self.large = dict([*product_cases(mx), *row_sparse_cases(mx), *matrix_cases(mx)])
            self.wait = mx.nd.waitall


if __name__ == "__main__":
    run(__doc__, "sparse", SparseCases)
