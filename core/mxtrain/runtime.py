"""`mx.runtime`: what this installation can do."""

import importlib.util
import platform
from collections import OrderedDict
from typing import Any

from mxtrain.base import NameLookupError
from mxtrain.context import num_gpus

__all__ = ["Feature", "Features", "feature_list"]


class Feature:
    """Something that an installation may offer. name: MXNet's name for it. enabled: whether it is there."""

    __slots__ = ("enabled", "name")

    def __init__(self, name: str, enabled: bool) -> None:
        self.name = name
        self.enabled = enabled

    def __repr__(self) -> str:
        return f"{'✔' if self.enabled else '✖'} {self.name}"


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _on_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def feature_list() -> list[Feature]:
    """Every feature that MXNet 1.9.1 lists, with what holds here."""
    cuda = num_gpus() > 0
    present: dict[str, bool] = {
        "CUDA": cuda,
        "CUDNN": cuda and _is_installed("cudnn"),
        "NCCL": cuda and _is_installed("cupy_backends.cuda.libs.nccl"),
        "CUDA_RTC": cuda,
        **{f"CPU_{name}": _on_x86() for name in ("SSE", "SSE2", "SSE3")},
        "OPENMP": True,
        "F16C": True,
        "BLAS_OPEN": True,
        "LAPACK": True,
        "OPENCV": _is_installed("cv2"),
        "DIST_KVSTORE": True,
        "INT64_TENSOR_SIZE": True,
        "SIGNAL_HANDLER": True,
    }
    return [Feature(name, present.get(name, False)) for name in _NAMES]


_NAMES = (
    *("CUDA", "CUDNN", "NCCL", "CUDA_RTC", "TENSORRT"),
    *(f"CPU_{name}" for name in ("SSE", "SSE2", "SSE3", "SSE4_1", "SSE4_2", "SSE4A", "AVX", "AVX2")),
    *("OPENMP", "SSE", "F16C", "JEMALLOC", "BLAS_OPEN", "BLAS_ATLAS", "BLAS_MKL", "BLAS_APPLE", "LAPACK"),
    *("MKLDNN", "OPENCV", "CAFFE", "PROFILER", "DIST_KVSTORE", "CXX14", "INT64_TENSOR_SIZE", "SIGNAL_HANDLER"),
    *("DEBUG", "TVM_OP"),
)


class Features(OrderedDict[str, Feature]):
    """Every Feature by name; one object per process."""

    instance: "Features | None" = None

    def __new__(cls, *args: Any, **kwargs: Any) -> "Features":
        """The only object."""
        if cls.instance is None:
            cls.instance = super().__new__(cls)
            OrderedDict.__init__(cls.instance, {feature.name: feature for feature in feature_list()})
        return cls.instance

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Keep what the only instance holds already."""

    def __repr__(self) -> str:
        return str(list(self.values()))

    def is_enabled(self, feature_name: str) -> bool:
        """Whether a feature is there. Raises NameLookupError (a RuntimeError) for a name that MXNet does not know."""
        name = feature_name.upper()
        if name not in self:
            raise NameLookupError(f"Expected: a feature of {list(self)}. Received: {feature_name!r}.")
        return self[name].enabled
