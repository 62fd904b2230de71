"""Loggers with MXNet's line format; coloured on a terminal."""

from __future__ import annotations

import logging
import sys
from logging import CRITICAL, DEBUG, ERROR, INFO, NOTSET, WARNING
from typing import ClassVar

__all__ = ["CRITICAL", "DEBUG", "ERROR", "INFO", "NOTSET", "WARNING", "getLogger", "get_logger", "info"]

#: Scripts for MXNet set the root logger's level and expect to see how training goes: unlike a logger of our own, this
#: function gives a root logger without handlers one.
info = logging.info


class _Formatter(logging.Formatter):
    """One letter for the level, then time, process, file, line: `I0131 12:00:00.123 77 train.py:12] text`."""

    _colors: ClassVar[dict[int, str]] = {INFO: "\x1b[32m", DEBUG: "\x1b[32m", WARNING: "\x1b[33m"}

    def __init__(self, colored: bool) -> None:
        super().__init__(datefmt="%m%d %H:%M:%S")
        self._colored = colored

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record."""
        letter = record.levelname[0]
        head = f"{letter}%(asctime)s %(process)d %(pathname)s:%(lineno)d]"
        if self._colored:
            head = f"{self._colors.get(record.levelno, chr(27) + '[31m')}{head}\x1b[0m"
        self._style._fmt = head + " %(message)s"
        return super().format(record)


def get_logger(
    name: str | None = None, filename: str | None = None, filemode: str | None = None, level: int = WARNING
) -> logging.Logger:
    """A logger with MXNet's line format, made once per name.

    filename: where it writes, by default the standard error stream; filemode: "a" by default. level: from where on
    it writes. A logger that already writes somewhere, and the root logger, are returned as they are.
    """
    logger = logging.getLogger(name)
    if name is None or logger.handlers:
        return logger
    handler: logging.Handler
    if filename:
        handler = logging.FileHandler(filename, filemode or "a")
        handler.setFormatter(_Formatter(colored=False))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(_Formatter(colored=sys.stderr.isatty()))
    logger.addHandler(handler)
    logger.setLevel(level)
    return logger


getLogger = get_logger
