"""What a server does with memory that it has freed: messages of a megabyte come and go all the time."""

from __future__ import annotations

import ctypes

# numbers of glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
#: Bytes from which an allocation is mapped by itself, and given back as soon as it is freed; the most that glibc takes.
MAPPED_BYTES = 1 << 25
#: Bytes of free memory that are kept.
KEPT_BYTES = 1 << 27


def keep_freed_memory() -> bool:
    """Use the memory of messages again, instead of having the system clear new pages for each; whether that can be set.

    By glibc's `mallopt`; other C libraries have their own ways, and are left alone.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)) and bool(mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))
