"""Operators that draw random numbers from the device's generator."""
