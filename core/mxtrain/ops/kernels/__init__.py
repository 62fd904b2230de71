"""Computations on plain backend arrays that operators and other layers share."""
