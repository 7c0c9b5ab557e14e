"""Decoders on the wire and karts on a track that do not exist: for the demo, for training, for tests."""
