"""The far end of the Ray launcher: one task under an actor, its lines passed on with its name in front."""

import os
import subprocess
import sys

from mxtrain_deploy.environment import search_path
from mxtrain_deploy.parent_death import die_with_parent
from mxtrain_deploy.processes import was_killed


def run_task(argv: list[str], env: dict[str, str], label: str) -> int:
    """Run a task to its end; return its exit code. It ends with this process.

    A task that was killed takes its actor along, so that Ray starts both again.
    """
    with subprocess.Popen(
        argv,
        env={**os.environ, "PATH": search_path(), **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        preexec_fn=die_with_parent(),  # noqa: PLW1509  nothing but a system call between fork and exec
    ) as process:
        for line in process.stdout or ():
            sys.stdout.write(f"[{label}] {line}")
            sys.stdout.flush()
    if was_killed(process.returncode):
        sys.stdout.write(f"[{label}] killed (code {process.returncode}); its actor ends with it.\n")
        sys.stdout.flush()
        os._exit(1)
    return process.returncode
