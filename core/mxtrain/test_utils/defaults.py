"""The context and dtype that tests use where they name none, and what the machine offers."""

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain import context
from mxtrain.context import Context, num_gpus
from mxtrain.util import getenv

__all__ = [
    "default_context",
    "default_dtype",
    "has_tvm_ops",
    "is_aarch64_run",
    "is_cd_run",
    "is_op_runnable",
    "list_gpus",
    "set_default_context",
]


def default_context() -> Context:
    """The context that tests run on: the thread's current one."""
    return context.current_context()


def set_default_context(ctx: Context) -> None:
    """Make a context the one that this thread's tests run on."""
    context.set_thread_default(ctx)


def default_dtype() -> Any:
    """The dtype of test data: numpy.float32."""
    return np.float32


def list_gpus() -> Sequence[int]:
    """Numbers of the GPUs that can be used."""
    return range(num_gpus())


def is_cd_run() -> bool:
    """Whether the environment variable CD_JOB says that this is a release build."""
    return getenv("CD_JOB") == "1"


def is_aarch64_run() -> bool:
    """Whether this is a 64-bit ARM machine."""
    return platform.machine().lower() in ("aarch64", "arm64")


def has_tvm_ops() -> bool:
    """Whether operators compiled by TVM exist: never."""
    return False


def is_op_runnable() -> bool:
    """Whether operators compiled by TVM can run on the default context; without such operators all can."""
    return True
