"""Operators that rearrange, reduce, index or multiply arrays."""
