"""Wires: bytes in, frames out, one module a wire format. A codec holds a bounded buffer and nothing else."""
