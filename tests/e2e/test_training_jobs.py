"""Module in jobs of real processes: equal results, early ends, failures."""

import json
import sys
from pathlib import Path

import module_cases
import numpy as np
import pytest
from processes import run_python

import mxtrain as mx

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(200)]

SUPPORT = Path(module_cases.__file__).parent
PROLOGUE = f"""
import json, sys
sys.path.insert(0, {str(SUPPORT)!r})
import module_cases
import mxtrain as mx
kv = mx.kv.create("dist_sync")
samples, labels = module_cases.data()
module = mx.mod.Module(module_cases.network(mx))
def fit(data, **options):
    module.fit(data, kvstore=kv, initializer=mx.init.One(), **options)
"""


def launch(tmp_path: Path, text: str, workers: int = 2) -> tuple[int, str]:
    """Exit code and output of a job whose workers run the text."""
    script = tmp_path / "script.py"
    script.write_text(PROLOGUE + text)
    done = run_python(
        "-m", "mxtrain", "launch", "-n", str(workers), "-s", "2", sys.executable, str(script), timeout=150
    )
    return done.returncode, done.stdout + done.stderr


def test_two_workers_train_like_two_devices(tmp_path: Path) -> None:
    """Worker 0's first weights count for both, so that the second starts from others here."""
    options = {"learning_rate": 0.2, "momentum": 0.9, "wd": 0.01}
    code, output = launch(
        tmp_path,
        f"""
mine = slice(kv.rank * 12, kv.rank * 12 + 12)
first = module_cases.first_values(mx)
if kv.rank == 1:
    first = {{name: value * 0 for name, value in first.items()}}
fit(mx.io.NDArrayIter(samples[mine], labels[mine], 4), num_epoch=2, arg_params=first, optimizer_params={options})
print(json.dumps({{name: value.asnumpy().tolist() for name, value in module.get_params()[0].items()}}))
""",
    )
    assert code == 0, output
    found = [json.loads(line.split("] ", 1)[1]) for line in output.splitlines() if line.startswith("[worker")]
    assert len(found) == 2
    assert found[0] == found[1]

    samples, labels = module_cases.data()
    order = np.concatenate([np.r_[i : i + 4, 12 + i : 16 + i] for i in (0, 4, 8)])
    module = mx.mod.Module(module_cases.network(mx), context=[mx.cpu(0), mx.cpu(1)])
    module.fit(
        mx.io.NDArrayIter(samples[order], labels[order], 8),
        num_epoch=2,
        arg_params=module_cases.first_values(mx),
        optimizer_params=options,
    )
    for name, value in module.get_params()[0].items():
        np.testing.assert_allclose(found[0][name], value.asnumpy(), rtol=1e-5, atol=1e-7, err_msg=name)


def test_a_worker_may_end_early(tmp_path: Path) -> None:
    code, output = launch(
        tmp_path,
        """
fit(mx.io.NDArrayIter(samples, labels, 8), num_epoch=2 + 3 * kv.rank)
print("worker", kv.rank, "has trained")
""",
    )
    assert code == 0, output
    assert output.count("has trained") == 2


def test_a_worker_that_fails_is_named(tmp_path: Path) -> None:
    code, output = launch(
        tmp_path,
        """
def callback(param):
    if kv.rank == 1 and param.epoch == 1:
        raise RuntimeError("no luck in the callback")
fit(mx.io.NDArrayIter(samples, labels, 8), num_epoch=100, batch_end_callback=callback)
""",
    )
    assert code != 0
    failures = [line for line in output.splitlines() if line.startswith("[worker 0]") and "worker 1" in line]
    assert any("failed: RuntimeError: no luck in the callback" in line for line in failures), output
