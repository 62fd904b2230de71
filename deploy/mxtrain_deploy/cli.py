"""The command line `mxtrain`."""
