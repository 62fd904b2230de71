"""Makes the optimizer of a module."""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from mxtrain import optimizer as opt
from mxtrain.base import ArgumentTypeError
from mxtrain.ndarray import NDArray
from mxtrain.optimizer.state_check import check_states
from mxtrain.optimizer.state_file import decode_states


def make_optimizer(
    optimizer: Any, params: Mapping[str, Any], *, symbol: Any, names: Mapping[Hashable, str], num_samples: int
) -> Any:
    """The optimizer to use, told the names of its parameters and to average over num_samples.

    optimizer: a registered name, made with `params`, or an Optimizer, which keeps its own settings (with a warning
    where its rescale_grad is another than 1 / num_samples). names: of the parameters, by the updater's index.
    num_samples: whose gradients are summed before an update.
    """
    rescale_grad = 1.0 / num_samples
    if isinstance(optimizer, str):
        return opt.create(optimizer, sym=symbol, param_idx2name=names, **{"rescale_grad": rescale_grad, **params})
    if not isinstance(optimizer, opt.Optimizer):
        raise ArgumentTypeError(f"Expected: an optimizer's name or an Optimizer. Received: {optimizer!r}.")
    if optimizer.rescale_grad != rescale_grad:
        warnings.warn(
            "Optimizer created manually outside Module but rescale_grad is not normalized to "
            f"1.0/batch_size/num_workers ({optimizer.rescale_grad} vs. {rescale_grad}). Is this intended?",
            stacklevel=3,
        )
    if not optimizer.idx2name:
        optimizer.idx2name = dict(names)
    return optimizer


def names_by_index(param_names: Sequence[str], copies: int) -> dict[Hashable, str]:
    """The name for each index that an updater sees. copies: on how many devices each parameter is updated."""
    return {i * copies + k: name for i, name in enumerate(param_names) for k in range(copies)}


def load_states(updater: Any, content: bytes, param_arrays: Sequence[Sequence[NDArray]]) -> None:
    """Let an updater on the devices go on from saved states; raises MXNetError, and changes nothing, for others'.

    param_arrays: [parameter][device].
    """
    weights = dict(enumerate(copy for copies in param_arrays for copy in copies))
    states, _, description = decode_states(content)
    if description is None:  # else the file has the optimizer with it
        check_states(updater.optimizer, states, weights.get)
    updater.set_states(content)
