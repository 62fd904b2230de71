"""Learn which points of the unit square lie above a cosine curve, with a two-layer sigmoid network.

    python train.py --output-dir pictures     # needs matplotlib and graphviz's Python package: mxtrain[viz]

The same network is trained on the full batch by FeedForward.create and by Module. Written to the output directory:
the picture of the network (network.gv, or network.png where graphviz's `dot` is installed) and the probability that the
network gives to "above" over the square (probability.png).
"""

import argparse
import os
import shutil

import numpy as np

import mxtrain as mx

NUM_POINTS = 500
NUM_HIDDEN = 12
NUM_EPOCHS = 800
OPTIMIZER = {"learning_rate": 0.05}
GRID = 100  # points per side of the picture


def curve(x: np.ndarray) -> np.ndarray:
    """The curve, from the top of the square to its bottom and back."""
    return 0.5 + 0.4 * np.cos(2 * np.pi * x)


def sample(num_points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) of the unit square, and 1 for those above the curve, 0 for the others (n,)."""
    points = np.random.default_rng(seed).random((num_points, 2), dtype=np.float32)
    return points, (points[:, 1] > curve(points[:, 0])).astype(np.float32)


def network() -> mx.sym.Symbol:
    """Two fully connected layers with a sigmoid between them, and a softmax over the two classes."""
    hidden = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=NUM_HIDDEN, name="hidden")
    hidden = mx.sym.Activation(hidden, act_type="sigmoid", name="sigmoid")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=2, name="classes"), name="softmax")


def train_by_feed_forward(points: np.ndarray, labels: np.ndarray) -> mx.model.FeedForward:
    """FeedForward holds the network together with the settings of its training."""
    return mx.model.FeedForward.create(
        network(),
        points,
        labels,
        ctx=mx.cpu(),
        num_epoch=NUM_EPOCHS,
        numpy_batch_size=len(points),
        optimizer="adam",
        initializer=mx.init.Xavier(),
        **OPTIMIZER,
    )


def train_by_module(points: np.ndarray, labels: np.ndarray) -> mx.mod.Module:
    """Module is told of everything when it trains."""
    module = mx.mod.Module(network(), context=mx.cpu())
    module.fit(
        mx.io.NDArrayIter(points, labels, batch_size=len(points)),
        optimizer="adam",
        optimizer_params=OPTIMIZER,
        initializer=mx.init.Xavier(),
        num_epoch=NUM_EPOCHS,
    )
    return module


def share_right(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float((probabilities.argmax(axis=1) == labels).mean())


def draw_network(folder: str) -> str:
    """Write the picture of the network: its description, and the drawn one where graphviz's `dot` is installed."""
    graph = mx.viz.plot_network(network(), shape={"data": (1, 2)})
    path = os.path.join(folder, "network.gv")
    graph.save(path)
    return graph.render(path, format="png") if shutil.which("dot") else path


def draw_probability(model: mx.model.FeedForward, folder: str) -> str:
    """Draw the probability of "above" over the unit square, with the curve."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    side = np.linspace(0, 1, GRID, dtype=np.float32)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    above = model.predict(grid)[:, 1].reshape(GRID, GRID)
    figure, axes = pyplot.subplots()
    image = axes.imshow(above, origin="lower", extent=(0, 1, 0, 1), cmap="coolwarm", vmin=0, vmax=1)
    figure.colorbar(image, label="probability of being above")
    axes.plot(side, curve(side), color="black")
    path = os.path.join(folder, "probability.png")
    figure.savefig(path)
    pyplot.close(figure)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output-dir", default="pictures")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.makedirs(options.output_dir, exist_ok=True)
    mx.random.seed(options.seed)
    np.random.seed(options.seed)

    points, labels = sample(NUM_POINTS, options.seed)
    model = train_by_feed_forward(points, labels)
    module = train_by_module(points, labels)
    print(f"right by FeedForward: {share_right(model.predict(points), labels):.3f}")
    print(f"right by Module:      {share_right(module.predict(points).asnumpy(), labels):.3f}")
    print("network:", draw_network(options.output_dir))
    print("probability:", draw_probability(model, options.output_dir))


if __name__ == "__main__":
    main()
