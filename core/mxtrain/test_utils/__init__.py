"""`mx.test_utils`: what tests of networks and operators need. Every check raises AssertionError when it fails."""

import errno
import json
import logging
import numbers
import os
import platform
import struct
import sys
import time
import traceback

import numpy as np
import numpy.testing as npt
from numpy import random as rnd

# tests that say `from mxnet.test_utils import *` take mx, np, rnd, os and other modules from here as well
import mxtrain as mx
from mxtrain.context import Context, current_context
from mxtrain.ndarray import array
from mxtrain.symbol import Symbol
from mxtrain.test_utils.binding import simple_forward
from mxtrain.test_utils.comparison import (
    almost_equal,
    assert_allclose,
    assert_almost_equal,
    assert_almost_equal_ignore_nan,
    assert_almost_equal_with_err,
    assert_exception,
    checkShapes,
    compare_ndarray_tuple,
    locationError,
    same,
    same_array,
)
from mxtrain.test_utils.consistency import check_consistency
from mxtrain.test_utils.data import DummyIter
from mxtrain.test_utils.defaults import (
    default_context,
    default_dtype,
    has_tvm_ops,
    is_aarch64_run,
    is_cd_run,
    is_op_runnable,
    list_gpus,
    set_default_context,
)
from mxtrain.test_utils.distributions import (
    chi_square_check,
    gen_buckets_probs_with_ppf,
    mean_check,
    var_check,
    verify_generator,
)
from mxtrain.test_utils.downloads import (
    download,
    download_model,
    get_bz2_data,
    get_cifar10,
    get_im2rec_path,
    get_mnist,
    get_mnist_iterator,
    get_mnist_pkl,
    get_mnist_ubyte,
    get_zip_data,
)
from mxtrain.test_utils.hybridization import check_gluon_hybridize_consistency
from mxtrain.test_utils.matrices import (
    collapse_sum_like,
    get_identity_mat,
    get_identity_mat_batch,
    new_matrix_with_real_eigvals_2d,
    new_matrix_with_real_eigvals_nd,
    new_orthonormal_matrix_2d,
    new_sym_matrix_with_real_eigvals_2d,
    new_sym_matrix_with_real_eigvals_nd,
    np_reduce,
)
from mxtrain.test_utils.numeric_gradient import check_numeric_gradient, numeric_grad
from mxtrain.test_utils.optimizers import compare_optimizer
from mxtrain.test_utils.random_data import (
    assign_each,
    assign_each2,
    create_2d_tensor,
    create_vector,
    rand_coord_2d,
    rand_ndarray,
    rand_shape_2d,
    rand_shape_3d,
    rand_shape_nd,
    random_arrays,
    random_sample,
    random_uniform_arrays,
)
from mxtrain.test_utils.sparse_data import (
    create_sparse_array,
    create_sparse_array_zd,
    rand_sparse_ndarray,
    shuffle_csr_column_indices,
)
from mxtrain.test_utils.surroundings import discard_stderr, environment, retry
from mxtrain.test_utils.symbolic import (
    check_speed,
    check_symbolic_backward,
    check_symbolic_forward,
    same_symbol_structure,
)
from mxtrain.test_utils.tolerance import (
    default_atols,
    default_numeric_eps,
    default_rtols,
    effective_dtype,
    get_atol,
    get_etol,
    get_rtol,
    get_tolerance,
    get_tols,
)
from mxtrain.util import get_cuda_compute_capability, getenv, is_np_array, setenv, use_np
