"""`python -m mxtrain` is the command line `mxtrain`."""

import importlib

if __name__ == "__main__":
    # By name: the command line belongs to another source root, which only this entry point reaches.
    importlib.import_module("mxtrain_deploy.cli").main()
