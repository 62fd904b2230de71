"""The environment and the command of a job's processes, as the launchers of one machine and of several hand them on."""

import os
import shutil
import sys

from mxtrain_deploy.job import LaunchError

# Both namings of a process's place in a job: what another job has set must not reach this one.
_PLACE = frozenset(
    f"MXTRAIN_{name}"
    for name in ("ROLE", "SCHEDULER_HOST", "SCHEDULER_PORT", "NUM_WORKERS", "NUM_SERVERS", "WORKER_RANK", "SERVER_RANK",
                 "TASK_ID", "NODE_HOST")
)  # fmt: skip
# Variables of this environment that go to other hosts without being asked for.
_PASSED_PREFIXES = ("MXNET_", "MXTRAIN_", "PS_", "OMP_", "DMLC_PS_VAN_TYPE", "DMLC_INTERFACE")


def inherited_environment() -> dict[str, str]:
    """This environment, without another job's place in it, and with output that arrives when it is printed."""
    env = {name: value for name, value in os.environ.items() if not _is_place(name)}
    env.setdefault("PYTHONUNBUFFERED", "1")
    if sys.stderr.isatty():
        # A progress bar of a worker finds no terminal to ask for its width.
        env.setdefault("COLUMNS", str(shutil.get_terminal_size().columns - len("[worker 00] ")))
    return env


def passed_environment() -> dict[str, str]:
    """What processes on other hosts get of this environment."""
    passed = {name: value for name, value in os.environ.items() if _is_passed(name)}
    return {"PYTHONUNBUFFERED": "1", **passed}


def search_path() -> str:
    """Where programs are looked for: first among those that were installed beside this interpreter."""
    return os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])


def _is_place(name: str) -> bool:
    return name in _PLACE or (name.startswith("DMLC_") and not name.startswith(_PASSED_PREFIXES))


def _is_passed(name: str) -> bool:
    return name.startswith(_PASSED_PREFIXES) and not _is_place(name)


def with_interpreter(command: tuple[str, ...], python: str) -> tuple[str, ...]:
    """Let a script's name stand for `python SCRIPT`."""
    return (python, *command) if command[0].endswith(".py") else command


def check_program(name: str, path: str) -> None:
    """Find the program before anything is started.

    Raises:
        LaunchError: there is no such program.
    """
    if shutil.which(name, path=path) is None:
        raise LaunchError(f"The workers' command {name!r} was not found on PATH or may not be executed.")


def check_script(command: tuple[str, ...]) -> None:
    """Find the script of a command that begins with one before anything is started.

    Raises:
        LaunchError: there is no such file.
    """
    if command[0].endswith(".py") and not os.path.isfile(command[0]):
        raise LaunchError(f"The workers' script {command[0]!r} was not found in {os.getcwd()}.")


def share_of_cores(role: str, num_workers: int) -> dict[str, str]:
    """Threads for each process of one machine, so that the workers' matrix products do not fight for cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = max(1, cores // num_workers) if role == "worker" else 1
    return {"OMP_NUM_THREADS": str(threads)}
