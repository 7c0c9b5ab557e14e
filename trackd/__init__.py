"""trackd: the box that runs a go-kart track."""

__version__ = "0.1.0"
