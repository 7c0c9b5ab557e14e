"""Connections to the outside: transports, their supervision, capture of raw bytes."""
