"""`mxtrain run`: an unmodified script that says `import mxnet` runs on mxtrain."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from mxtrain_deploy.job import LaunchError


def stand_in_directory() -> str:
    """The directory whose only module, `mxnet`, puts mxtrain in its own place when it is imported."""
    spec = find_spec("mxtrain")
    if spec is None or spec.origin is None:
        raise LaunchError("mxtrain is not installed in this Python.")
    return str(Path(spec.origin).parent / "stand_in")


def run_script(script: str, args: Sequence[str]) -> int:
    """Replace this process by `python SCRIPT ARGS` with the stand-in for mxnet in front of the module path.

    Nothing of ours is loaded before the script: its arguments, path, tracebacks, exit code, signals and environment are
    those of a plain run. Processes that the script starts inherit the stand-in.

    Raises:
        LaunchError: the script does not exist.
    """
    if script != "-" and not os.path.exists(script):
        raise LaunchError(f"can't open script {script!r}: no such file.")
    path = os.pathsep.join(filter(None, [stand_in_directory(), os.environ.get("PYTHONPATH")]))
    argv = [sys.executable, *subprocess._args_from_interpreter_flags(), script, *args]  # type: ignore[attr-defined]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, argv, {**os.environ, "PYTHONPATH": path})
