"""Data iterators: batches of data and labels, epoch after epoch."""

from mxtrain.io.csv_iter import CSVIter
from mxtrain.io.data_iter import DataIter
from mxtrain.io.description import DataBatch, DataDesc
from mxtrain.io.file_iter import MXDataIter
from mxtrain.io.leased_iter import LeasedIter
from mxtrain.io.libsvm_iter import LibSVMIter
from mxtrain.io.mnist_iter import MNISTIter
from mxtrain.io.ndarray_iter import NDArrayIter
from mxtrain.io.prefetching_iter import PrefetchingIter
from mxtrain.io.resize_iter import ResizeIter

__all__ = [
    "CSVIter",
    "DataBatch",
    "DataDesc",
    "DataIter",
    "LeasedIter",
    "LibSVMIter",
    "MNISTIter",
    "MXDataIter",
    "NDArrayIter",
    "PrefetchingIter",
    "ResizeIter",
]
