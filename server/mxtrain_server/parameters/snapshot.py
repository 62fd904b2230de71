"""All that a `ServerState` knows as plain values and arrays, and a state made from them: how a copy catches up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxtrain.dtypes import as_dtype
from mxtrain_server.parameters.contributions import Contributions, Piece
from mxtrain_server.parameters.memory import Memory
from mxtrain_server.parameters.optimizer_requests import make_updates
from mxtrain_server.parameters.parked import Parked
from mxtrain_server.parameters.row_pieces import RowsPiece
from mxtrain_server.parameters.segment import Label, Segment
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.parameters.store import Store

#: Fields of a piece that is dense.
_PIECE_FIELDS = 6


def dump(state: ServerState) -> dict[str, Any]:
    """What a state knows. Pulls and questions that wait are left out: workers ask again."""
    return {
        "workers": sorted(state.workers.items()) if state.workers is not None else None,
        "departed": sorted(state.departed),
        "segments": [None if segment is None else _dump_segment(segment) for segment in state.segments],
        "stores": [_dump_store(store) for store in state.stores.values()],
        "positions": state.positions.dump(),
        "rows": state.rows.dump(),
        "leases": state.leases.dump(),
        "mirrors": [[rank, number, file] for (rank, number), file in state.mirrors.files.items()],
    }


def load(state: ServerState, tree: Mapping[str, Any]) -> None:
    """Let a new state know what `dump` gave."""
    state.workers = None if tree["workers"] is None else dict(tree["workers"])
    state.departed = set(tree["departed"])
    state.positions.load(tree["positions"])
    state.rows.load(tree["rows"])
    state.leases.load(tree["leases"])
    state.segments = [None if part is None else _load_segment(part, state.memory) for part in tree["segments"]]
    state.parked = [Parked() for _ in state.segments]
    for part in tree["stores"]:
        store = _load_store(part, [segment for segment in state.segments if segment is not None], state.rank)
        state.stores[store.number] = store
    for rank, number, file in tree["mirrors"]:
        segment = state.segments[number]
        if segment is not None:
            state.mirrors.open(rank, segment, file)


def _dump_segment(segment: Segment) -> dict[str, Any]:
    return {
        "number": segment.number,
        "store": segment.store,
        "dtype": segment.dtype.name,
        "nbytes": segment.memory.nbytes,
        "labels": [list(label) for label in segment.labels],
        "shapes": [[head, list(shape)] for head, shape in segment.shapes.items()],
        "starts": segment.starts,
        "completed": segment.completed,
        "taken": segment.taken,
        "pushed": sorted(segment.pushed.items()),
        "shifts": sorted(segment.shifts.items()),
        "values": segment.values[: segment.starts[-1]],
        "previous": None if segment.previous is None else segment.previous[: segment.starts[-1]],
    }


def _load_segment(tree: Mapping[str, Any], memory: Memory) -> Segment:
    dtype = as_dtype(tree["dtype"])
    previous = tree["previous"]
    segment = Segment(tree["number"], tree["store"], dtype, memory.allocate(tree["nbytes"]), previous is not None)
    if segment.previous is not None:
        segment.previous[: previous.size] = previous
    segment.labels = [Label(*label) for label in tree["labels"]]
    segment.shapes = {head: tuple(shape) for head, shape in tree["shapes"]}
    segment.starts = list(tree["starts"])
    segment.completed, segment.taken = tree["completed"], tree["taken"]
    segment.pushed, segment.shifts = dict(tree["pushed"]), dict(tree["shifts"])
    segment.values[: segment.starts[-1]] = tree["values"]
    return segment


def _dump_store(store: Store) -> dict[str, Any]:
    return {
        "number": store.number,
        "mode": store.mode,
        "staleness": store.staleness,
        "keeps_previous": store.keeps_previous,
        "quorum": store.quorum.dump(),
        "late": store.late,
        "pauses": store.pauses.dump(),
        "directory": list(store.directory.values()),
        "optimizer": store.updates.description(),
        "updates": store.updates.dump(),
        "changes": store.changes.dump(),
        "pieces": [
            [number, [[round_number, _dump_piece(piece)] for round_number, piece in contributions.pieces()]]
            for number, contributions in store.contributions.items()
        ],
    }


def _load_store(tree: Mapping[str, Any], segments: list[Segment], shard: int) -> Store:
    quorum = tree["quorum"]
    store = Store(tree["number"], tree["mode"], set(), tree["keeps_previous"], tree["staleness"], quorum["backups"])
    store.quorum.load(quorum)
    store.late = tree["late"]
    store.pauses.load(tree["pauses"])
    for segment in segments:
        if segment.store == store.number:
            store.adopt(segment)
    store.directory = {entry[0]: entry for entry in tree["directory"]}
    if tree["optimizer"] is not None:
        store.updates = make_updates(tree["optimizer"], shard)
    store.changes.load(tree["changes"])
    store.updates.load(tree["updates"], {segment.number: segment for segment in store.segments})
    for number, pieces in tree["pieces"]:
        contributions: Contributions = store.contributions[number]
        for round_number, piece in pieces:
            contributions.add(round_number, Piece(*piece) if len(piece) == _PIECE_FIELDS else RowsPiece(*piece))
    return store


def _dump_piece(piece: Piece) -> list[Any]:
    fields: list[Any] = [piece.rank, piece.first, piece.stop, piece.base, np.array(piece.values), piece.left]
    if isinstance(piece, RowsPiece):
        fields += [np.array(piece.rows), piece.row_length, piece.sparse]
    return fields
