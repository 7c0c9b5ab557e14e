"""The errors trackd raises on purpose. Anything else is a bug.

One map in the web layer turns these into HTTP statuses; the command line prints them as one sentence and exits 1.
"""

from __future__ import annotations

from dataclasses import dataclass


class TrackdError(Exception):
    """Root of all deliberate errors; ``str(error)`` is a sentence a marshal understands."""


class Refused(TrackdError):
    """The request is understood and not possible now (HTTP 409)."""


class NotFound(TrackdError):
    """The thing named does not exist (HTTP 404)."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with an input: ``where`` names the field, file line or offset, ``what`` says what is wrong."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class BadInput(TrackdError):
    """The input cannot be used (HTTP 422); ``faults`` lists every fault found, not just the first."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


class LinkDown(TrackdError):
    """A connection to the outside is not there; shown in words and tried again."""


class StorageFailing(TrackdError):
    """The disk does not take what should be kept (HTTP 503); nothing acknowledged was lost."""
