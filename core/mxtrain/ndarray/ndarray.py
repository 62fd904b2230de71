"""Names that scripts import from `mxnet.ndarray.ndarray`."""

import numpy as np

from mxtrain.dtypes import TYPE_FLAGS
from mxtrain.ndarray import NDArray, arange, array, concatenate, empty, full, ones, waitall, zeros

_DTYPE_MX_TO_NP = {-1: None, **TYPE_FLAGS}
_DTYPE_NP_TO_MX = {kind: flag for flag, kind in _DTYPE_MX_TO_NP.items()}
_GRAD_REQ_MAP = {"null": 0, "write": 1, "add": 3}
_STORAGE_TYPE_STR_TO_ID = {"undefined": -1, "default": 0, "row_sparse": 1, "csr": 2}
py_slice = slice
mx_real_t = np.float32

__all__ = ["NDArray", "arange", "array", "concatenate", "empty", "full", "mx_real_t", "ones", "waitall", "zeros"]
