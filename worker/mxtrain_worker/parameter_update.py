"""How a step changes the parameters: in the KVStore, or by an updater on each device.

A module prepares one of these when its optimizer and its arrays are known; a step only calls it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain_worker.device_update import DeviceUpdate

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
) -> Step:
    """The function that a module calls to update its parameters once.

    param_arrays, grad_arrays: [parameter][device]; a parameter whose gradients are None stays as it is. arenas: per
    device the flat arrays that parameters and gradients lie in.
    """
    if kvstore is not None and update_on_kvstore:
        return lambda: update_params_on_kvstore(param_arrays, grad_arrays, kvstore, param_names)
    num_device = len(param_arrays[0]) if param_arrays else 0
    on_devices = [
        DeviceUpdate(updater, *_of_device(param_arrays, grad_arrays, device, num_device), arenas[device])
        for device in range(num_device)
    ]
    if kvstore is None and num_device == 1:
        return on_devices[0]

    def step() -> None:
        if kvstore is not None:
            _reduce_gradients(grad_arrays, kvstore, param_names)
        for update in on_devices:
            update()

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
    """Push all gradients and pull all weights; the store's optimizer is between the two.

    What the next forward needs first goes first: priority falls with the position. All gradients are on their way
    before the first weight is asked for.
    """
    trained = [i for i, grads in enumerate(grad_arrays) if grads[0] is not None]
    for i in trained:
        kvstore.push(param_names[i], grad_arrays[i], priority=-i)
    for i in trained:
        kvstore.pull(param_names[i], param_arrays[i], priority=-i)


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
    trained = [i for i, grads in enumerate(grad_arrays) if grads[0] is not None]
    for i in trained:
        kvstore.push(param_names[i], grad_arrays[i], priority=-i)
    for i in trained:
        kvstore.pull(param_names[i], grad_arrays[i], priority=-i)
