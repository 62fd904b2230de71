"""Operators of `mx.nd.contrib` that belong to no other family."""
