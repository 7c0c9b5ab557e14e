"""Readers that misbehave, for the process that reads: each is named to it as ``misreading:function``."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import NoReturn

import numpy as np

from trackd.gps.trace import Recording, Trace, Unreadable

HELD: list[bytearray] = []


def read(data: bytes, name: str) -> Recording:
    """Do what the bytes say; else tell when it began and ended, by the monotonic clock, and in which process. ``forever``
    makes the file of this name first, so that it is known to have begun.
    """
    begun_us = time.monotonic_ns() // 1000
    match data.partition(b" ")[0]:
        case b"forever":
            Path(name).touch()
            _forever()
        case b"deaf":
            _deaf()
        case b"fill":
            while True:
                HELD.append(bytearray(50_000_000))
        case b"keep":
            HELD.append(bytearray(50_000_000))
        case b"cram":
            _cram()
        case b"exit":
            os._exit(3)
        case b"crash":
            ctypes.string_at(0)
        case b"mistake":
            raise KeyError(name)
        case b"refuse":
            raise Unreadable("It is of no use.", name)
        case b"chatter":
            os.write(1, b"\0" * 10_000)
        case b"slow":
            time.sleep(0.3)
        case b"large":
            return _told(0, 3_000_000, name)
    return _told(begun_us, 2, name)


def _told(begun_us: int, rows: int, name: str) -> Recording:
    t_us = np.arange(rows) + begun_us
    t_us[-1] = time.monotonic_ns() // 1000 + rows
    return Recording(Trace(t_us, np.zeros(rows), np.zeros(rows), np.zeros(rows)), str(os.getpid()), driver=name)


def _forever() -> NoReturn:
    while True:
        time.sleep(0.01)


def _cram() -> NoReturn:
    """Fill the process to the last byte, in pieces so small that nothing fits beside them, and hold them all."""
    while True:
        for size in (50_000_000, 1_000_000, 10_000, 500, 50):
            try:
                while True:
                    HELD.append(bytearray(size))
            except MemoryError:
                continue
        raise MemoryError


def _deaf() -> NoReturn:
    """In code that looks neither at signals of Python nor at its input."""
    while True:
        ctypes.CDLL(None).usleep(1_000_000)
