"""Operators on real numbers that are stored as 8-bit integers, and on the ranges that these stand for."""
