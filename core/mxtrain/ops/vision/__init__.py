"""Operators that sample, resize and pool feature maps."""
