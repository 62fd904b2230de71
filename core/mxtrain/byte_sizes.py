"""Numbers of bytes, as settings give them."""

import re

from mxtrain.base import ArgumentError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_bytes(text: str) -> int:
    """A number of bytes, in which K, M, G and T (also KB, KiB, ...) stand for powers of 1024. Raises ArgumentError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", str(text), re.IGNORECASE)
    if found is None:
        raise ArgumentError(f"Expected: a number of bytes, such as 500000000, 512M or 2G. Received: {text!r}.")
    return int(float(found[1]) * _UNITS[found[2].upper()])
