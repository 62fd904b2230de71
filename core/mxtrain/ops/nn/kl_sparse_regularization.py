"""`IdentityAttachKLSparseReg`: keeps activations sparse by what it adds to their gradient."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import Case, operator


@operator(
    "IdentityAttachKLSparseReg",
    cases=[
        Case(data=(4, 3), moving_avg=(3,), penalty=0.0, low=0.1, high=0.9),  # without penalty, plainly the identity
        Case(data=(4, 3), moving_avg=(3,), sparseness_target=0.2, low=0.1, high=0.9, differentiable=False),
    ],
)
class IdentityAttachKLSparseReg:
    """The identity, whose gradient draws the mean activation of each column to a target.

    data: (N, C), outputs of a sigmoid. moving_avg: (C,), auxiliary state: the mean activations, moved in training by
    momentum. Output: data. To gy is added the derivative of penalty * KL(target || mean) by the mean:
    penalty * ((1 - target) / (1 - mean) - target / mean). Source: MXNet 1.9.1, which moves the mean in backward.
    """

    aux = ("moving_avg",)
    mutates = ("moving_avg",)
    variable_attributes = {"moving_avg": {"__init__": '["zero", {}]'}}

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        if data is not None and len(data) != 2:
            raise ArgumentError(f"Expected: data of (N, C). Received: data.shape={data}.")
        return [data, shapes.unify(ins[1], None if data is None else data[1:])], [data]

    infer_type = types.same

    def forward(
        xp,
        data,
        moving_avg,
        *,
        sparseness_target: float = 0.1,
        penalty: float = 0.001,
        momentum: float = 0.9,
        is_train,
    ):
        if data.ndim != 2:
            raise ArgumentError(f"Expected: data of (N, C). Received: data.shape={data.shape}.")
        require_shape("moving_avg", moving_avg, data.shape[1:])
        if is_train:
            moving_avg *= momentum
            moving_avg += (1 - momentum) * data.mean(axis=0)
        return data.copy()

    def gradient(F, gy, y, data, moving_avg, *, sparseness_target, penalty, momentum):
        pull = (1 - sparseness_target) / (1 - moving_avg) - sparseness_target / moving_avg
        return F.broadcast_add(gy, F.reshape(pull * penalty, shape=(1, -1)))
