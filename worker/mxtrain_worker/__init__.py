"""How a worker trains: executors over a list of devices, Module, the fit loop, checkpoints."""
