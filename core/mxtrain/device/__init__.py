"""What a context runs on: its array module, random generator and kernels."""

from mxtrain.device.backend import Backend, backend_for, gpu_count, is_backend_array, to_numpy
from mxtrain.device.generator import seed_all

__all__ = ["Backend", "backend_for", "gpu_count", "is_backend_array", "seed_all", "to_numpy"]
