"""`mx.gluon.utils`: batches over devices, gradients by norm, downloads."""

from mxtrain.gluon.parameter.shapes import is_known as shape_is_known
from mxtrain.gluon.utils.clipping import clip_global_norm
from mxtrain.gluon.utils.downloading import check_sha1, download, replace_file
from mxtrain.gluon.utils.splitting import split_and_load, split_data

__all__ = [
    "check_sha1",
    "clip_global_norm",
    "download",
    "replace_file",
    "shape_is_known",
    "split_and_load",
    "split_data",
]
