"""Writes oracle.json, what MXNet 1.9.1 makes of the trainings in tests/support/module_cases.py, and a checkpoint.

Run by hand with an interpreter that has MXNet 1.9.1; the tests read only the files that it writes.
"""

import json
import pathlib
import sys

import mxnet as mx

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

import module_cases  # noqa: E402  the path to it was set just above

found = {name: module_cases.train(mx, **options) for name, options in module_cases.CASES.items()}
(HERE / "oracle.json").write_text(json.dumps(found, indent=1) + "\n")

samples, labels = module_cases.data()
module = mx.mod.Module(module_cases.network(mx, batch_norm=True))
data = mx.io.NDArrayIter(samples, labels, 8)
module.fit(data, num_epoch=3, initializer=mx.init.One(), arg_params=module_cases.first_values(mx), allow_missing=True)
module.save_checkpoint(str(HERE / "mxnet"), 3)
(HERE / "mxnet-outputs.json").write_text(json.dumps(module.predict(data).asnumpy().tolist()) + "\n")
