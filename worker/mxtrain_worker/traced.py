"""`trace_training`: the steps of a module in this worker's trace."""

from typing import Any

from mxtrain_kvstore import tracing
from mxtrain_kvstore.tracing import Traced


def trace_training(module: Any) -> None:
    """Let the module's steps be spans, if this process traces at all."""
    tracer = tracing.current()
    if tracer is not None:
        kind = type(module)
        methods = [name for name in ("forward", "backward", "update", "update_metric") if name in vars(kind)]
        tracing.instrument(tracer, [Traced(kind, name, name) for name in methods])
