"""Writes `oracle/`: symbols with loops and branches as MXNet 1.9.1 saves them, and what they compute.

Run with a Python that has MXNet 1.9.1: `python make_oracle.py`.
"""

import pathlib
import sys

import mxnet as mx
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "support"))
from control_flow_networks import NETWORKS, bind_filled

FOLDER = pathlib.Path(__file__).parent / "oracle"

values = {}
for name, make in NETWORKS.items():
    symbol = make(mx)
    symbol.save(str(FOLDER / f"{name}.json"))
    for number, output in enumerate(bind_filled(mx, symbol, name).forward(is_train=False)):
        values[f"{name}_{number}"] = output.asnumpy()
np.savez(FOLDER / "outputs.npz", **values)
