"""The one place where the version of mxtrain is written."""

__version__ = "0.1.0"
