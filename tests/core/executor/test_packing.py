"""Packing of blocks: none that live at once overlap, and little room is lost."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mxtrain.executor.packing import ALIGNMENT, Block, pack

BLOCKS = st.lists(
    st.builds(
        lambda size, first, length: Block(size, first, first + length),
        st.integers(0, 1000),
        st.integers(0, 20),
        st.integers(0, 8),
    ),
    max_size=40,
)


def room(block):
    return -(-block.nbytes // ALIGNMENT) * ALIGNMENT


def most_alive(blocks):
    """The most bytes that are in use at one step: no packing can need less."""
    alive = np.zeros(50, int)
    for block in blocks:
        alive[block.first : block.last + 1] += room(block)
    return alive.max()


@given(BLOCKS)
def test_blocks_that_live_at_once_do_not_overlap(blocks):
    total = pack(blocks)
    for i, a in enumerate(blocks):
        assert a.offset % ALIGNMENT == 0
        assert a.offset + a.nbytes <= total
        for b in blocks[:i]:
            together = a.first <= b.last and b.first <= a.last
            apart = a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
            assert apart or not together or not (a.nbytes and b.nbytes)
    assert most_alive(blocks) <= total <= sum(map(room, blocks))


def test_what_forward_keeps_and_backward_frees_is_packed_without_loss():
    # values that live from their step of forward to the mirrored step of backward, and gradients that pass by
    blocks = [Block(1000 + 64 * (i % 3), i, 39 - i) for i in range(20)]
    blocks += [Block(1000, step, step + 1) for step in range(20, 39)]
    assert pack(blocks) == most_alive(blocks)


def test_no_blocks():
    assert pack([]) == 0
