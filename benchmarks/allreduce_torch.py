"""Measure all-reduce by PyTorch's gloo of the same payloads as kvstore_dist.py: 2 processes, one flat buffer each.

A round sums the buffers of both; without an optimizer, and so what kvstore_dist.py does without --optimizer. With
--per-array each array is a call, as in a KVStore.
"""

import argparse
import os
import socket
import statistics
import sys
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from kvstore_payloads import PAYLOADS
from measure import processor_seconds, report

WORKERS = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure each payload (default: 3)")
    parser.add_argument("--per-array", action="store_true", help="one call for each array")
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(work, (port, options.seconds, options.per_array), nprocs=WORKERS)
    return 0


def work(rank: int, port: int, seconds: float, per_array: bool) -> None:
    """Measure every payload; rank 0 reports."""
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")
    dist.init_process_group("gloo", rank=rank, world_size=WORKERS)
    for name, shapes in PAYLOADS.items():
        whole = [(sum(torch.Size(shape).numel() for shape in shapes),)]
        buffers = [torch.ones(shape) for shape in (shapes if per_array else whole)]
        per_second, processor = measure_rounds(buffers, seconds)
        if rank == 0:
            report(f"dist_sync, sums: {name}", per_second, "rounds/s")
            report(f"dist_sync, sums: {name}, all processes", processor * 1e3, "ms/round", higher_is_better=False)
    dist.barrier()
    dist.destroy_process_group()


def measure_rounds(buffers: list[torch.Tensor], seconds: float) -> tuple[float, float]:
    """(median rate, seconds of processor time per round); all processes make equally many rounds."""

    def make_round() -> float:
        dist.barrier()
        begin = time.perf_counter()
        for sum_ in [dist.all_reduce(buffer, async_op=True) for buffer in buffers]:
            sum_.wait()
        return time.perf_counter() - begin

    guess = torch.tensor([statistics.median([make_round() for _ in range(5)])])
    dist.broadcast(guess, 0)
    used = processor_seconds(os.getpid())
    times = [make_round() for _ in range(max(5, min(200, int(seconds / guess.item()))))]
    used = processor_seconds(os.getpid()) - used
    return 1 / statistics.median(times), WORKERS * used / len(times)


if __name__ == "__main__":
    sys.exit(main())
