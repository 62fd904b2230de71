"""Transports: ZeroMQ for values, gRPC for the scheduler, memory that processes of a host share."""
