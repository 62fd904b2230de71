"""Computations on sparse containers that operators and arrays share."""
