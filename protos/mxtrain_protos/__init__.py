"""The control plane's protocol: `scheduler.proto`, and the code that `protos/generate.py` makes from it."""
