"""A server that learns a shard while workers train reads their memory late, if at all; its copy has equal bits."""

import numpy as np
import pytest
from in_memory_cluster import Cluster, settle

from mxtrain.optimizer import create
from mxtrain_kvstore.wire import messages as m

SHAPES = {"a": (3,), "cut": (1500,), "b": (2, 5)}


def one_round(directories: list, number: int) -> list[bytes]:
    outs = []
    for directory in directories:
        arrays = {key: np.full(shape, np.nan, np.float32) for key, shape in SHAPES.items()}
        for key, out in arrays.items():
            value = np.full(SHAPES[key], 0.1 * number + directory.client.rank, np.float32)
            directory.client.push(directory.parameters[key], [value])
            directory.client.pull(directory.parameters[key], [out])
        outs.append(arrays)
    return settle(directories, outs)


def rounds(directories: list, first: int, last: int) -> list[list[bytes]]:
    return [one_round(directories, number) for number in range(first, last)]


def start() -> tuple[Cluster, list]:
    cluster = Cluster(2, 2, shared=True, replicas=1)
    directories = cluster.directories()
    cluster.clients[0].ask_all(m.SetOptimizer, 0, create("sgd", learning_rate=0.1, momentum=0.9).to_config())
    for directory in directories:
        directory.add(list(SHAPES), [np.ones(shape, np.float32) for shape in SHAPES.values()])
    return cluster, directories


def hear_of_the_death(cluster: Cluster, name: str, new: str) -> None:
    cluster.kill(name)
    cluster.add_server(new)
    cluster.shards.teach(list(cluster.nodes))
    cluster.change_view()


@pytest.mark.parametrize("late", [1, 2, 3])
def test_a_copy_that_hears_of_pushes_late_has_their_values(late: int) -> None:
    expected = rounds(start()[1], 1, 9)
    cluster, directories = start()
    assert rounds(directories, 1, 3) == expected[:2]
    hear_of_the_death(cluster, "server0", "server2")
    cluster.held.add(("server1", "server2"))  # it knows nothing yet, and nobody waits for it
    assert rounds(directories, 3, 3 + late) == expected[2 : 2 + late]
    cluster.held.clear()
    cluster.deliver_all()
    assert all(shard.backup for shard in cluster.shards.all)
    hear_of_the_death(cluster, "server1", "server3")  # what workers see now is the copy
    assert rounds(directories, 3 + late, 9) == expected[2 + late :]
