"""A training by `fit` that can be stopped and resumed; what it does is given by environment variables.

    stoppable_training.py PREFIX

KIND: of the store. EPOCHS, PAUSE: seconds per step. It prints each step, and at last a digest of what each worker has.
"""

import hashlib
import os
import sys
import time

import numpy as np

import mxtrain as mx

ENV = os.environ


def network() -> mx.sym.Symbol:
    layer = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=16, name="fc1")
    layer = mx.sym.BatchNorm(layer, name="bn", fix_gamma=False)
    layer = mx.sym.Dropout(mx.sym.Activation(layer, act_type="relu"), p=0.5)
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(layer, num_hidden=3, name="fc2"), name="softmax")


def step_end(param: mx.model.BatchEndParam) -> None:
    print("step", param.epoch, param.nbatch, flush=True)
    time.sleep(float(ENV.get("PAUSE", "0")))


def main() -> None:
    kv = mx.kv.create(ENV.get("KIND", "dist_sync"))
    mx.random.seed(5 + kv.rank)
    np.random.seed(7 + kv.rank)
    rng = np.random.RandomState(3)
    data, label = rng.randn(48, 8).astype("float32"), rng.randint(0, 3, 48).astype("float32")
    train = mx.io.NDArrayIter(data[kv.rank :: kv.num_workers], label[kv.rank :: kv.num_workers], 4, shuffle=True)
    checkpoint = mx.model.TrainingCheckpoint(sys.argv[1], train, kvstore=kv)
    compression = {"type": ENV["COMPRESSION"]} if "COMPRESSION" in ENV else None
    options = {"compression_params": compression}
    module = checkpoint.resume(network(), "PARTIAL" in ENV, **options) or mx.mod.Module(network(), **options)
    module.fit(
        train,
        kvstore=kv,
        begin_epoch=checkpoint.begin_epoch,
        num_epoch=int(ENV.get("EPOCHS", "3")),
        optimizer=ENV.get("OPTIMIZER", "adam"),
        optimizer_params={"learning_rate": 0.05},
        initializer=mx.init.Xavier(),
        batch_end_callback=step_end,
        epoch_end_callback=checkpoint.of(module),
    )
    args, aux = module.get_params()
    both = {**args, **aux}
    digest = hashlib.sha256(b"".join(both[name].asnumpy().tobytes() for name in sorted(both))).hexdigest()
    print("weights", digest, flush=True)


if __name__ == "__main__":
    main()
