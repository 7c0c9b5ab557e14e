"""The checksums of the wires: AMB's unusual CRC (P3 and P98) and Chronelec's decimal sum."""

from __future__ import annotations

from binascii import crc_hqx

START = 0x1D0F
"""What 0xFFFF becomes after two zero bytes: turns the common augmented CRC into AMB's form."""


def amb_crc(message: bytes) -> int:
    """The 16-bit CRC of AMB decoders over ``message``, which has at least two bytes.

    Polynomial 0x1021, start 0xFFFF, not reflected, in the register form where the data byte enters at the low end
    (``T[crc >> 8] ^ (crc << 8) ^ byte``). P3 computes it over the un-escaped frame with the CRC field zeroed, P98 over
    the text between SOH and ``x``. Source: 1516 captured P3 frames, 24 P98 records.
    """
    return crc_hqx(message[:-2], START) ^ int.from_bytes(message[-2:], "big")


def chronelec_sum(data: bytes) -> int:
    """The plain sum of the 32 data characters of a Chronelec passing line."""
    return sum(data)
