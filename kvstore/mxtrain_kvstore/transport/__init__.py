"""Transports: ZeroMQ for values, gRPC for the scheduler, memory that processes of a host share."""

import os

# gRPC's library writes to stderr about every stranger that fails to connect; whoever wants that sets it before
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
