"""One module per launcher: how a job's processes get onto their machines. Each has `run(options)`."""
