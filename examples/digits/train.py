"""Train a LeNet on handwritten digits: on one device or several, or on a cluster of workers and servers.

    python train.py
    python train.py --devices "cpu(0),cpu(1)" --kvstore device
    mxtrain launch -n 2 -s 2 examples/digits/train.py --kvstore dist_sync
    python train.py --data FOLDER            # MNIST's idx files instead of the bundled digits

Every worker trains on its part of the data; worker 0 stores a checkpoint after each epoch and reports at the end.
SIGTERM and Ctrl-C stop the training after a step, with a checkpoint. `--resume` goes on after the newest checkpoint,
with the same result as a run that was never stopped.
"""

import argparse
import os
import re
import time

from augmented_iter import AugmentedIter
from digits_data import load, part_of
from lenet import lenet
from tqdm import tqdm

import mxtrain as mx


def main() -> None:
    options = parse_arguments()
    mx.random.seed(options.seed)
    store = mx.kv.create(options.kvstore) if options.kvstore.startswith("dist") else None
    rank, num_workers = (store.rank, store.num_workers) if store else (0, 1)
    train_set, test_set = load(options.data)
    # --batch-size counts the samples of one step of the whole job
    train_data = AugmentedIter(
        part_of(train_set, rank, num_workers), max(1, options.batch_size // num_workers), seed=(options.seed, rank)
    )
    checkpoint = mx.model.TrainingCheckpoint(options.model_prefix, train_data, kvstore=store)
    module = make_module(options, checkpoint)
    begin_epoch = checkpoint.begin_epoch
    begin = time.perf_counter()
    fit(module, train_data, store or options.kvstore, options, begin_epoch, num_workers, checkpoint.of(module))
    if store:
        finish_together(store)
    seconds = time.perf_counter() - begin
    if rank == 0:
        report(module, test_set, (options.num_epochs - begin_epoch) * len(train_set.labels) / seconds, options)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", metavar="FOLDER", help="folder with MNIST's idx files; the bundled 8x8 digits by default")
    add("--kvstore", "--kv-store", default="local", help="local, device, dist_sync, dist_async (default: local)")
    add("--devices", default="cpu(0)", help='devices to train on, such as "cpu(0),cpu(1)" (default: cpu(0))')
    add("--gpus", help='GPUs to train on instead, such as "0,1"')
    add("--num-epochs", type=int, default=15)
    add("--batch-size", type=int, default=64, help="samples per step, over all workers and devices (default: 64)")
    add("--lr", type=float, default=0.05, help="learning rate of the first step (default: 0.05)")
    add("--model-prefix", default=os.path.join("checkpoints", "digits"), help="where checkpoints go")
    add("--load-epoch", type=int, metavar="N", help="go on after the checkpoint of epoch N")
    add("--resume", action="store_true", help="go on after the newest checkpoint, if there is one")
    add("--seed", type=int, default=0)
    return parser.parse_args()


def devices_of(options: argparse.Namespace) -> list[mx.Context]:
    """The contexts that --devices or --gpus name."""
    if options.gpus:
        return [mx.gpu(int(number)) for number in options.gpus.split(",")]
    names = re.findall(r"(\w+)\((\d+)\)", options.devices)
    return [mx.Context(kind, int(number)) for kind, number in names]


def make_module(options: argparse.Namespace, checkpoint: mx.model.TrainingCheckpoint) -> mx.mod.Module:
    """A new module, or that of a checkpoint with its parameters and optimizer states."""
    context = devices_of(options)
    if options.load_epoch:
        checkpoint.restore(options.load_epoch)
        return mx.mod.Module.load(options.model_prefix, options.load_epoch, load_optimizer_states=True, context=context)
    os.makedirs(os.path.dirname(options.model_prefix) or ".", exist_ok=True)
    resumed = checkpoint.resume(lenet(), context=context) if options.resume else None
    return resumed or mx.mod.Module(lenet(), context=context)


def fit(
    module: mx.mod.Module,
    train_data: AugmentedIter,
    kvstore: "str | mx.kv.KVStore",
    options: argparse.Namespace,
    begin_epoch: int,
    num_workers: int,
    checkpoint: mx.model.TrainingCheckpoint,
) -> None:
    # Asynchronous servers update with every worker's step, synchronous ones with all workers' steps together: so many
    # more updates must each go that much less far.
    updates_per_step = num_workers if "async" in options.kvstore else 1
    num_updates = options.num_epochs * train_data.num_batches * updates_per_step
    learning_rate = options.lr / updates_per_step
    lr_scheduler = mx.lr_scheduler.CosineScheduler(num_updates, base_lr=learning_rate, final_lr=learning_rate / 100)
    bar = ProgressBar(train_data.num_batches, begin_epoch, options.num_epochs, shown=checkpoint.rank == 0)
    module.fit(
        train_data,
        kvstore=kvstore,
        optimizer="sgd",
        optimizer_params={"learning_rate": learning_rate, "momentum": 0.9, "wd": 1e-4, "lr_scheduler": lr_scheduler},
        initializer=mx.init.Xavier(magnitude=2.24),
        begin_epoch=begin_epoch,
        num_epoch=options.num_epochs,
        batch_end_callback=bar,
        epoch_end_callback=checkpoint,
    )
    bar.close()


class ProgressBar:
    """A bar over all steps that are left, with the training accuracy of the current epoch."""

    def __init__(self, num_batches: int, begin_epoch: int, num_epochs: int, shown: bool) -> None:
        self._num_epochs = num_epochs
        total = num_batches * (num_epochs - begin_epoch)
        self._bar = tqdm(total=total, unit="batch", disable=not shown, mininterval=0.5)

    def __call__(self, param: mx.model.BatchEndParam) -> None:
        """Count a step."""
        self._bar.set_description(f"epoch {param.epoch + 1}/{self._num_epochs}", refresh=False)
        self._bar.set_postfix(accuracy=f"{param.eval_metric.get()[1]:.3f}", refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


def finish_together(store: "mx.kv.KVStore") -> None:
    """Wait until all workers have trained.

    Workers may have unequal numbers of batches. One that is done says so by `close`: the others' steps then no longer
    wait for its gradients.
    """
    store.close()
    store.barrier()


def report(module: mx.mod.Module, test_set: "tuple", images_per_second: float, options: argparse.Namespace) -> None:
    # score() would count the samples that fill up the last batch as well; predict() leaves them out
    probabilities = module.predict(mx.io.NDArrayIter(test_set.images, batch_size=options.batch_size)).asnumpy()
    accuracy = (probabilities.argmax(axis=1) == test_set.labels).mean()
    print(f"test accuracy: {accuracy:.4f} of {len(test_set.labels)} digits")
    print(f"throughput: {images_per_second:.0f} images/s in training")
    print(f"checkpoint: {os.path.abspath(options.model_prefix)}-{options.num_epochs:04d}.params")


if __name__ == "__main__":
    main()
