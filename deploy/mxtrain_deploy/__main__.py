"""`python -m mxtrain_deploy` is the command line `mxtrain`."""

from mxtrain_deploy.cli import main

if __name__ == "__main__":
    main()
