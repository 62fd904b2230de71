"""What a context runs on: its array module, random generator and kernels."""

from mxtrain.device.backend import Backend, backend_for, gpu_count, is_backend_array, to_numpy

__all__ = ["Backend", "backend_for", "gpu_count", "is_backend_array", "to_numpy"]
