"""Slurm: a batch script whose `srun` starts every process; `sbatch` runs it, or the user does."""

import math
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from mxtrain_deploy.job import LaunchError
from mxtrain_deploy.member_command import member_command, num_processes, shared_variables
from mxtrain_deploy.options import LaunchOptions
from mxtrain_deploy.supervised import max_restarts

SCANCEL_TIMEOUT = 30  # seconds


def run(options: LaunchOptions) -> int:
    """Write the batch script to the file `output`; without one, submit it and wait for the job's end.

    `launcher_args` are options of `sbatch` (--partition, --time, --gpus-per-task, ...). Ctrl-C cancels the job.

    Raises:
        LaunchError: there is no `sbatch`, or it refused the job.
    """
    script = batch_script(options)
    if options.output:
        Path(options.output).write_text(script)
        sys.stdout.write(f"Wrote {options.output}; submit it by: sbatch {shlex.quote(options.output)}\n")
        return 0
    if shutil.which("sbatch") is None:
        raise LaunchError("--launcher slurm: sbatch was not found on PATH; --output FILE writes the script instead.")
    return _submit(script)


def batch_script(options: LaunchOptions) -> str:
    """The script, complete with its options. The key is made when the job starts and is in no file."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in shared_variables(options).items()]
    member = member_command(options, options.remote_python, '"$MXTRAIN_ROOT"', '"$MXTRAIN_PORT"')
    words = " ".join(word if word.startswith('"$') else shlex.quote(word) for word in member)
    # With spares a dead process does not end the others.
    ending = "" if max_restarts(options) else " --kill-on-bad-exit=1"
    python = shlex.quote(options.remote_python)
    return "\n".join(
        [
            "#!/bin/sh",
            f"#SBATCH --job-name=mxtrain --ntasks={num_processes(options)} --distribution=block",
            *([f"#SBATCH {options.launcher_args}"] if options.launcher_args else []),
            *([] if "--signal" in options.launcher_args else [_signal_in_time(options.grace)]),
            "set -eu",
            "export PYTHONUNBUFFERED=1",
            *exports,
            "# The first process, the scheduler, runs on the first host of the allocation.",
            'MXTRAIN_ROOT=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
            f"MXTRAIN_PORT={options.port or '$((20000 + SLURM_JOB_ID % 12000))'}",
            f"MXTRAIN_CLUSTER_KEY=$({python} -c 'import secrets; print(secrets.token_hex(32))')",
            "export MXTRAIN_CLUSTER_KEY",
            f"exec srun --export=ALL{ending} {words} {shlex.join(options.command)}",
            "",
        ]
    )


def _signal_in_time(grace: float) -> str:
    """Let every process have SIGTERM so long before the job's time is over; scancel sends it by itself."""
    return f"#SBATCH --signal=TERM@{math.ceil(grace)}"


def _submit(script: str) -> int:
    """Hand the script to `sbatch --wait`; show where its output goes, then the output; return the job's exit code."""
    output = Path.cwd() / "mxtrain-%j.out"
    words = ["sbatch", "--parsable", "--wait", "--output", str(output)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sbatch:
        if sbatch.stdin is None or sbatch.stdout is None:
            raise LaunchError("sbatch was started without pipes.")
        sbatch.stdin.write(script)
        sbatch.stdin.close()
        job = sbatch.stdout.readline().strip().partition(";")[0]
        if not job:
            raise LaunchError(f"sbatch refused the job (exit code {sbatch.wait()}).")
        file = Path(str(output).replace("%j", job))
        sys.stdout.write(f"Slurm job {job}; output in {file}\n")
        sys.stdout.flush()
        _cancel_with_us(job)
        code = sbatch.wait()
    if file.exists():
        sys.stdout.write(file.read_text(errors="replace"))
    return code


def _cancel_with_us(job: str) -> None:
    def cancel(signum: int, frame: object) -> None:
        subprocess.run(["scancel", job], timeout=SCANCEL_TIMEOUT, check=False)

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, cancel)
