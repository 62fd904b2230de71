"""Stands where Python looks for `mxnet` under `mxtrain run`: importing it gives mxtrain.

This directory is no package; `mxtrain run` puts it in front of the module path.
"""

import importlib

from mxtrain.alias import install_as_mxnet

install_as_mxnet()
# This puts mxtrain into sys.modules, where the import system looks once this file has run.
importlib.import_module("mxnet")
