"""Measure the same trainings as training.py by PyTorch: samples per second and peak memory of one process.

training_torch.py --network lenet
"""

import argparse
import os

import numpy as np
import torch
from measure import calls_per_second, report, report_peak_memory
from torch import nn

BATCH_SIZE = 64
INPUTS = {"mlp": (784,), "lenet": (1, 28, 28)}


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))


def lenet() -> nn.Module:
    convolutions = [nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=list(INPUTS), default="mlp")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure (default: 3)")
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

    random = np.random.RandomState(0)
    data = torch.tensor(random.rand(BATCH_SIZE, *INPUTS[options.network]), dtype=torch.float32)
    labels = torch.tensor(random.randint(0, 10, BATCH_SIZE))
    network = {"mlp": mlp, "lenet": lenet}[options.network]()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    loss = nn.CrossEntropyLoss()

    def step() -> None:
        optimizer.zero_grad()
        loss(network(data), labels).backward()
        optimizer.step()

    rate = calls_per_second(step, lambda: None, options.seconds)
    report(f"train {options.network}", rate * BATCH_SIZE, "samples/s")
    report_peak_memory(f"train {options.network}")


if __name__ == "__main__":
    main()
