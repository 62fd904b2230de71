"""Operators that make one optimizer step on one parameter."""
