"""How a step changes the parameters: in the KVStore, or by an updater on each device.

A module prepares one of these when its optimizer and its arrays are known; a step only calls it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain.optimizer.sparse_update import is_sparse
from mxtrain_worker.device_update import DeviceUpdate
from mxtrain_worker.sparse_rows import push_then_pull

Step = Callable[[], None]


def prepare_step(
    param_arrays: Sequence[Sequence[NDArray]],
    grad_arrays: Sequence[Sequence[Any]],
    param_names: Sequence[str],
    *,
    kvstore: Any,
    update_on_kvstore: bool,
    updater: Any,
    arenas: Sequence[Sequence[Any]],
    taken_by_rows: set[str],
) -> Step:
    """The function that a module calls to update its parameters once.

    param_arrays, grad_arrays: [parameter][device]; a parameter whose gradients are None stays as it is. arenas: per
    device the flat arrays that parameters and gradients lie in. taken_by_rows: row_sparse parameters whose rows are
    pulled before each batch; names may come in at any time.
    """
    if kvstore is not None and update_on_kvstore:
        return _exchange_step(kvstore, _exchanges(grad_arrays, param_names, param_arrays), taken_by_rows)
    num_device = len(param_arrays[0]) if param_arrays else 0
    on_devices = [
        DeviceUpdate(updater, *_of_device(param_arrays, grad_arrays, device, num_device), arenas[device])
        for device in range(num_device)
    ]
    if kvstore is not None:
        reduce = _exchange_step(kvstore, _exchanges(grad_arrays, param_names, grad_arrays))
        return _sequence([reduce, _wait_for(grad_arrays), *on_devices])
    return on_devices[0] if num_device == 1 else _sequence(on_devices)


def _exchange_step(
    kvstore: Any, exchanges: Sequence[tuple[str, Any, int, Any]], taken_by_rows: set[str] | None = None
) -> Step:
    rows = set() if taken_by_rows is None else taken_by_rows
    return _sequence(
        [
            push_then_pull(kvstore, key, grads, out, priority, rows)
            if _has_sparse(grads, out)
            else partial(kvstore.pushpull, key, grads, out=out, priority=priority)
            for key, grads, priority, out in exchanges
        ]
    )


def _has_sparse(*arrays: Any) -> bool:
    return any(is_sparse(*(part if isinstance(part, list) else [part])) for part in arrays)


def _wait_for(grad_arrays: Sequence[Sequence[Any]]) -> Step:
    """Slabs are read past the arrays that are on their way, so these must have come before."""
    arrays = [grad for grads in grad_arrays for grad in grads if grad is not None]

    def step() -> None:
        for array in arrays:
            array.wait_to_read()

    return step


def _sequence(steps: Sequence[Step]) -> Step:
    def step() -> None:
        for single in steps:
            single()

    return step


def _of_device(
    param_arrays: Sequence[Sequence[NDArray]], grad_arrays: Sequence[Sequence[Any]], device: int, num_device: int
) -> tuple[list[int], list[NDArray], list[NDArray]]:
    """Indices, weights and gradients of the parameters that are trained on a device."""
    trained = [i for i, grads in enumerate(grad_arrays) if grads[device] is not None]
    return (
        [i * num_device + device for i in trained],
        [param_arrays[i][device] for i in trained],
        [grad_arrays[i][device] for i in trained],
    )


def update_params_on_kvstore(
    param_arrays: Sequence[Sequence[NDArray]],
    grad_arrays: Sequence[Sequence[Any]],
    kvstore: Any,
    param_names: Sequence[str],
) -> None:
    """Push each gradient and pull its weight; the store's optimizer is between the two."""
    _exchange_step(kvstore, _exchanges(grad_arrays, param_names, param_arrays))()


def _exchanges(
    grad_arrays: Sequence[Sequence[Any]], param_names: Sequence[str], outs: Sequence[Sequence[Any]]
) -> list[tuple[str, Any, int, Any]]:
    """(key, gradients, priority, arrays to fill) of each trained parameter, for a store's `pushpull`.

    What the next forward needs first goes first: priority falls with the position.
    """
    return [
        (name, _bare(grads), -i, _bare(out))
        for i, (name, grads, out) in enumerate(zip(param_names, grad_arrays, outs, strict=True))
        if grads[0] is not None
    ]


def _bare(arrays: Sequence[Any]) -> Any:
    """The array of an only device by itself, which stores take by a shorter way."""
    return arrays[0] if len(arrays) == 1 else list(arrays)


def update_params(
    param_arrays: Sequence[Sequence[NDArray]],
    grad_arrays: Sequence[Sequence[Any]],
    updater: Any,
    num_device: int,
    kvstore: Any = None,
    param_names: Sequence[str] | None = None,
) -> None:
    """Sum the gradients over devices and workers where there is a store, then update the weights on each device."""
    if kvstore is not None:
        _reduce_gradients(grad_arrays, kvstore, param_names or [])
    for device in range(num_device):
        indices, weights, grads = _of_device(param_arrays, grad_arrays, device, num_device)
        if indices:
            updater(indices, grads, weights)


def _reduce_gradients(grad_arrays: Sequence[Sequence[Any]], kvstore: Any, param_names: Sequence[str]) -> None:
    """Replace each gradient by its sum over devices and workers."""
    _exchange_step(kvstore, _exchanges(grad_arrays, param_names, grad_arrays))()
