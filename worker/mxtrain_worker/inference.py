"""Runs a bound module over data without training: score, predict, iter_predict."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mxtrain import metric
from mxtrain.base import ArgumentError
from mxtrain.io import DataBatch, DataIter
from mxtrain.ndarray import NDArray, array, concatenate
from mxtrain_worker.batch_end import BatchEndParam, as_list


def score(
    module: Any,
    eval_data: Any,
    eval_metric: Any,
    num_batch: int | None,
    batch_end_callback: Any,
    score_end_callback: Any,
    reset: bool,
    epoch: int,
    sparse_row_id_fn: Any,
) -> list[tuple[str, float]]:
    """See `BaseModule.score`."""
    if reset:
        eval_data.reset()
    eval_metric = metric.create(eval_metric)
    eval_metric.reset()
    callbacks = as_list(batch_end_callback)
    names: dict[str, Any] = {"self": module, "eval_data": eval_data, "eval_metric": eval_metric, "epoch": epoch}
    nbatch = -1
    for nbatch, eval_batch in enumerate(itertools.islice(eval_data, num_batch)):
        module.prepare(eval_batch, sparse_row_id_fn=sparse_row_id_fn)
        module.forward(eval_batch, is_train=False)
        if isinstance(eval_batch, list):
            module.update_metric(eval_metric, [part.label for part in eval_batch], pre_sliced=True)
        else:
            module.update_metric(eval_metric, eval_batch.label)
        names.update(nbatch=nbatch, eval_batch=eval_batch)
        for callback in callbacks:
            callback(BatchEndParam(epoch, nbatch, eval_metric, names))
    names["actual_num_batch"] = nbatch + 1
    for callback in as_list(score_end_callback):
        callback(BatchEndParam(epoch, nbatch + 1, eval_metric, names))
    return eval_metric.get_name_value()


def iter_predict(
    module: Any, eval_data: Any, num_batch: int | None, reset: bool, sparse_row_id_fn: Any
) -> Iterator[tuple[list[NDArray], int, Any]]:
    """See `BaseModule.iter_predict`."""
    if reset:
        eval_data.reset()
    for nbatch, eval_batch in enumerate(itertools.islice(eval_data, num_batch)):
        module.prepare(eval_batch, sparse_row_id_fn=sparse_row_id_fn)
        module.forward(eval_batch, is_train=False)
        pad = getattr(eval_batch, "pad", 0) or 0
        yield [_without_pad(output, pad) for output in module.get_outputs()], nbatch, eval_batch


def predict(
    module: Any,
    eval_data: Any,
    num_batch: int | None,
    merge_batches: bool,
    reset: bool,
    always_output_list: bool,
    sparse_row_id_fn: Any,
) -> Any:
    """See `BaseModule.predict`."""
    if isinstance(eval_data, (NDArray, np.ndarray)):
        return _predict_array(module, eval_data)
    if not isinstance(eval_data, DataIter):
        raise ArgumentError(
            f"Expected: eval_data as DataIter, NDArray or numpy.ndarray. Received: {type(eval_data).__name__}."
        )
    batches = [
        [output.copy() for output in outputs]
        for outputs, _, _ in iter_predict(module, eval_data, num_batch, reset, sparse_row_id_fn)
    ]
    if not batches or not merge_batches:
        return batches
    merged = _merge_batches(batches)
    return merged[0] if len(merged) == 1 and not always_output_list else merged


def _predict_array(module: Any, values: Any) -> Any:
    """The outputs for one batch that is given as an array."""
    batch = values if isinstance(values, NDArray) else array(values)
    module.forward(DataBatch([batch]), is_train=False)
    outputs = module.get_outputs()
    return outputs[0] if len(outputs) == 1 else outputs


def _without_pad(output: NDArray, pad: int) -> NDArray:
    return output[: output.shape[0] - pad] if pad else output


def _merge_batches(batches: Sequence[Sequence[NDArray]]) -> list[NDArray]:
    counts = {len(outputs) for outputs in batches}
    if len(counts) != 1:
        raise ArgumentError(
            f"Cannot merge batches, as num of outputs is not the same in mini-batches: {sorted(counts)}. "
            "Maybe bucketing is used? Pass merge_batches=False."
        )
    return [concatenate(parts, axis=0) for parts in zip(*batches, strict=True)]
