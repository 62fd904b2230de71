"""Fixtures of these tests."""

from fake_gpus import fake_gpus, no_cupy

__all__ = ["fake_gpus", "no_cupy"]
