"""Errors of Gluon."""

from mxtrain.base import ArgumentError, MXNetError


class DeferredInitializationError(MXNetError):
    """A parameter's values are asked for before the first batch of data has decided its shape."""


class CheckError(ArgumentError, AssertionError):
    """A wrong value or an impossible request where MXNet's Gluon asserts: scripts may catch AssertionError."""
