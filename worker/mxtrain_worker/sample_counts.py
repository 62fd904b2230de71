"""`count_samples`: tells the job how many samples a worker has trained on."""

from typing import Any

from mxtrain_kvstore.store import KVStore


def count_samples(module: Any, data_batch: Any) -> None:
    """Count a batch (or a list of its parts) for the module's store; what pads the last batch is left out."""
    store = getattr(module, "_kvstore", None)
    if not isinstance(store, KVStore):
        return
    parts = data_batch if isinstance(data_batch, list) else [data_batch]
    store.count_samples(sum(part.data[0].shape[0] - (part.pad or 0) for part in parts if part.data))
