"""One module a file format: bytes to a `Recording`, or a sentence that says why not."""
