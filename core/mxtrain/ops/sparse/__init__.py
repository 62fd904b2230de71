"""Operators that exist for sparse arrays only, and what all sparse kernels compute on."""
