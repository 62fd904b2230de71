"""A softmax layer with its loss written in Python, used as a layer of a network and trained.

Run it by: python train.py
"""

import numpy as np

import mxtrain as mx

NUM_CLASSES = 3
NUM_SAMPLES = 600
BATCH_SIZE = 50
NUM_EPOCHS = 10


class Softmax(mx.operator.CustomOp):
    """Probabilities from scores; its gradient is that of the cross-entropy with the labels."""

    def forward(self, is_train, req, in_data, out_data, aux) -> None:
        """Write the probabilities (n, classes) of the scores (n, classes)."""
        scores = in_data[0].asnumpy()
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.assign(out_data[0], req[0], mx.nd.array(powers / powers.sum(axis=1, keepdims=True)))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux) -> None:
        """Write the gradient of the loss by the scores."""
        gradient = out_data[0].asnumpy()
        labels = in_data[1].asnumpy().astype(int)
        gradient[np.arange(len(labels)), labels] -= 1
        self.assign(in_grad[0], req[0], mx.nd.array(gradient))


@mx.operator.register("softmax_written_in_python")
class SoftmaxProp(mx.operator.CustomOpProp):
    """What the graph must know of the layer: its inputs, outputs and shapes."""

    def __init__(self) -> None:
        # A loss layer: nothing behind it has a gradient.
        super().__init__(need_top_grad=False)

    def list_arguments(self) -> list[str]:
        """The inputs: scores and labels."""
        return ["data", "label"]

    def list_outputs(self) -> list[str]:
        """The outputs: probabilities."""
        return ["output"]

    def infer_shape(self, in_shape):
        """Shapes of inputs, outputs and states: one label per row of scores, probabilities like the scores."""
        data_shape = in_shape[0]
        return [data_shape, [data_shape[0]]], [data_shape], []

    def create_operator(self, ctx, shapes, dtypes) -> Softmax:
        """The computation."""
        return Softmax()


def network() -> mx.sym.Symbol:
    """A layer of our own stands in a network like any other."""
    scores = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=NUM_CLASSES, name="scores")
    return mx.sym.Custom(scores, name="softmax", op_type="softmax_written_in_python")


def clouds(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) in three clouds, and the number of each point's cloud (n,)."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, NUM_CLASSES, NUM_SAMPLES)
    centers = np.array([[0, 2], [-2, -1], [2, -1]])
    return (centers[labels] + random.normal(0, 0.6, (NUM_SAMPLES, 2))).astype(np.float32), labels.astype(np.float32)


def main() -> None:
    mx.random.seed(0)
    points, labels = clouds(seed=0)
    data = mx.io.NDArrayIter(points, labels, BATCH_SIZE)
    module = mx.mod.Module(network())
    module.fit(data, optimizer_params={"learning_rate": 0.2}, num_epoch=NUM_EPOCHS)
    accuracy = dict(module.score(data, "acc"))["accuracy"]
    print(f"accuracy: {accuracy:.3f}")


if __name__ == "__main__":
    main()
