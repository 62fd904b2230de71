"""Where servers keep values: in memory, or in files for tables that are larger than memory."""

import dataclasses

import numpy as np
import pytest

from mxtrain.base import MXNetError
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.parameters.store import SEGMENT_BYTES
from mxtrain_server.transport.segment_memory import FileMemory, segment_memory

ROWS = 1 << 33  # 512 GiB of float32


def test_large_segments_are_files_that_take_room_as_they_are_written(tmp_path):
    memory = FileMemory(str(tmp_path), PrivateMemory())
    assert memory.allocate(SEGMENT_BYTES).more is None
    found = memory.allocate(1 << 40)
    assert (found.file, found.array.nbytes) == (None, 1 << 40)
    found.array[1 << 39] = 7
    assert found.array[(1 << 39) - 1 : (1 << 39) + 2].tolist() == [0, 7, 0]
    assert not list(tmp_path.iterdir())  # files have no names


def test_a_table_and_its_states_may_be_larger_than_memory(tmp_path):
    state = ServerState(0, "job", FileMemory(str(tmp_path), PrivateMemory()))
    state.set_workers({0: "a"})
    state.receive(0, m.OpenStore(1, 0, "sync"), None)
    blocks = [ROWS * 16 // 8] * 8
    (created,) = state.receive(0, m.Create(2, 0, [["t", "float32", [ROWS, 16], blocks]]), None)
    assert created.message.places == [[0, 0, 0]]
    segment = state.segments[0]
    assert segment.zeros(np.dtype(np.float32)).size == ROWS * 16
    rows = np.array([0, 1 << 20, ROWS - 1])
    payload = np.concatenate([rows.view(np.uint8), np.ones(48, np.float32).view(np.uint8)])
    state.receive(0, m.PushRows(0, 0, 0, 0, 3, True), payload)
    (answer,) = state.receive(0, m.PullRows(3, 0, 0, 0, False), np.array([0, 5, ROWS - 1]).view(np.uint8))
    assert answer.payload.reshape(3, 16)[:, 0].tolist() == [1, 0, 1]


def test_a_folder_that_is_not_there(tmp_path):
    memory = FileMemory(str(tmp_path / "none"), PrivateMemory())
    with pytest.raises(MXNetError, match="Set MXTRAIN_TABLE_DIRECTORY to another"):
        memory.allocate(SEGMENT_BYTES + 1)


def test_tables_in_files_have_no_replicas(tmp_path):
    settings = dataclasses.replace(ClusterSettings(), table_directory=str(tmp_path))
    assert isinstance(segment_memory(settings), FileMemory)
    with pytest.raises(MXNetError, match="Expected: MXTRAIN_REPLICAS=0"):
        segment_memory(dataclasses.replace(settings, replicas=1))
    with pytest.raises(MXNetError, match="Expected: no MXTRAIN_MAX_SERVERS"):
        segment_memory(dataclasses.replace(settings, max_servers=3))
