"""Servers die at any moment between any two messages; values stay those of the run without a death, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory_cluster import Cluster, settle
from replicated_training import OPTIMIZERS, WORKERS, deliver_some, kill_one, one_round, references, start

SERVERS, ROUNDS = 3, 4
REFERENCES = references(ROUNDS, SERVERS)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), replace=st.booleans())
def test_servers_die_at_any_moment(shared: bool, optimizer: str, seed: int, replace: bool) -> None:
    rng = np.random.default_rng(seed)
    cluster = Cluster(WORKERS, SERVERS, shared, replicas=1)
    directories = start(cluster, optimizer)
    cluster.auto = False
    kills = set(rng.choice(np.arange(1, ROUNDS + 1), size=2, replace=False).tolist())
    for number in range(1, ROUNDS + 1):
        outs = one_round(directories, number)
        deliver_some(cluster, rng, int(rng.integers(40)))
        if number in kills:
            kill_one(cluster, rng, replace)
        deliver_some(cluster, rng, int(rng.integers(60)))
        assert settle(directories, outs) == REFERENCES[optimizer][number - 1], (seed, number)
