"""Fine-tuning: a network trained on one task gets a new last layer and learns another task quickly.

    python train.py

1. Train a LeNet on the digits 0 to 4 and store it.
2. Load symbol and parameters, cut the network at the output of its last hidden layer, put a new last layer on it.
3. Train that on the digits 5 to 9: the new layer fast, the loaded ones slowly.
"""

import argparse
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "digits"))

from digits_data import Digits, load
from lenet import lenet

import mxtrain as mx

NUM_CLASSES = 5
CUT_AT = "relu3_output"
BATCH_SIZE = 32
EPOCHS_BEFORE, EPOCHS_AFTER = 5, 4
SLOWLY = 0.1  # factor on the learning rate of the layers that were loaded


def digits_from(digits: Digits, first: int) -> Digits:
    """The digits from `first` to `first` + 4, labelled from 0 to 4."""
    chosen = (digits.labels >= first) & (digits.labels < first + NUM_CLASSES)
    return Digits(digits.images[chosen], digits.labels[chosen] - first)


def iterate(digits: Digits, shuffle: bool) -> mx.io.NDArrayIter:
    return mx.io.NDArrayIter(digits.images, digits.labels, BATCH_SIZE, shuffle=shuffle)


def train_first_task(train_set: Digits, prefix: str) -> None:
    module = mx.mod.Module(lenet(NUM_CLASSES))
    module.fit(
        iterate(digits_from(train_set, 0), shuffle=True),
        optimizer_params={"learning_rate": 0.05, "momentum": 0.9},
        initializer=mx.init.Xavier(),
        num_epoch=EPOCHS_BEFORE,
    )
    module.save_checkpoint(prefix, EPOCHS_BEFORE)


def with_new_last_layer(symbol: mx.sym.Symbol) -> mx.sym.Symbol:
    """The network up to its last hidden layer, with a last layer of another name: no stored parameter fits it."""
    hidden = symbol.get_internals()[CUT_AT]
    scores = mx.sym.FullyConnected(hidden, num_hidden=NUM_CLASSES, name="new_fc2")
    return mx.sym.SoftmaxOutput(scores, name="softmax")


def fine_tune(train_set: Digits, prefix: str) -> mx.mod.Module:
    symbol, arg_params, aux_params = mx.model.load_checkpoint(prefix, EPOCHS_BEFORE)
    loaded = {name: value for name, value in arg_params.items() if not name.startswith("fc2_")}
    optimizer = mx.optimizer.create(
        "sgd", learning_rate=0.05, momentum=0.9, rescale_grad=1 / BATCH_SIZE, sym=with_new_last_layer(symbol)
    )
    optimizer.set_lr_mult(dict.fromkeys(loaded, SLOWLY))
    module = mx.mod.Module(with_new_last_layer(symbol))
    module.fit(
        iterate(digits_from(train_set, 5), shuffle=True),
        optimizer=optimizer,
        initializer=mx.init.Xavier(),
        arg_params=loaded,
        aux_params=aux_params,
        allow_missing=True,  # the new layer's parameters come from the initializer
        num_epoch=EPOCHS_AFTER,
    )
    return module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-prefix", help="where the first network is stored (default: a temporary folder)")
    options = parser.parse_args()
    mx.random.seed(0)
    train_set, test_set = load(None)
    with tempfile.TemporaryDirectory() as folder:
        prefix = options.model_prefix or os.path.join(folder, "first")
        train_first_task(train_set, prefix)
        module = fine_tune(train_set, prefix)
    accuracy = dict(module.score(iterate(digits_from(test_set, 5), shuffle=False), "acc"))["accuracy"]
    print(f"accuracy on the digits 5 to 9: {accuracy:.3f}")


if __name__ == "__main__":
    main()
