"""Which gradients an executor computes."""

from collections.abc import Collection, Mapping, Sequence

from mxtrain.base import ArgumentError, ArgumentTypeError

Requests = dict[str, str]


def requests_for(
    grad_req: "str | Sequence[str] | Mapping[str, str]",
    arg_names: Sequence[str],
    *,
    trained: Collection[str],
    inputs: Collection[str],
) -> Requests:
    """The gradient request of every argument: "write", "add" or "null".

    grad_req: one request for all, a list by position, or a dictionary; it counts for `trained` (parameters that are not
    fixed) and `inputs` (whose gradients are wanted); all other arguments get "null".
    """
    if isinstance(grad_req, Mapping):
        # a dictionary states what differs from the rule, also for labels and states
        base = requests_for("write", arg_names, trained=trained, inputs=inputs)
        return base | dict(grad_req)
    if isinstance(grad_req, str):
        wanted = dict.fromkeys(arg_names, grad_req)
    elif isinstance(grad_req, (list, tuple)):
        if len(grad_req) != len(arg_names):
            raise ArgumentError(f"Expected: {len(arg_names)} entries in grad_req. Received: {len(grad_req)}.")
        return dict(zip(arg_names, grad_req, strict=True))
    else:
        raise ArgumentTypeError(f"Expected: grad_req as str, list or dict. Received: {type(grad_req).__name__}.")
    return {name: wanted[name] if name in trained or name in inputs else "null" for name in arg_names}
