"""What the console's pages beside race control print: lists of karts, drivers, staff, and forms with their faults. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trackd.core.errors import BadInput, Fault, TrackdError
from trackd.web.lanes import HeatsView
from trackd.web.rulebook import RuleField


@dataclass(frozen=True, slots=True)
class KartLine:
    """A kart in a list."""

    number: str
    transponders: tuple[str, ...] = ()
    class_name: str = ""


@dataclass(frozen=True, slots=True)
class DriverLine:
    """A driver in a list."""

    name: str
    sessions: int = 0
    id: str = ""


@dataclass(frozen=True, slots=True)
class NamedLine:
    """A format or a layout in a list: its name, what it is in words, and its id."""

    name: str
    words: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class HeatsDesk:
    """The heats page beside its form: today's heats, and what the form offers. ``earlier``: heats to make another like."""

    heats: HeatsView
    formats: Sequence[tuple[str, str]]
    layouts: Sequence[tuple[str, str]]
    tracks: Sequence[tuple[str, str]]
    karts: Sequence[KartLine]
    drivers: Sequence[DriverLine]
    earlier: Sequence[tuple[str, str]]
    choices: tuple[RuleField, ...]
    numbers: tuple[RuleField, ...]


@dataclass(frozen=True, slots=True)
class StaffLine:
    """Somebody with a PIN."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class DoneView:
    """What was done last, and the turn that takes it back and returns ``back``. ``before``: the act to undo next, where
    the last one is undone already; 0 for none.
    """

    seq: int
    sentence: str
    turn: str
    back: str
    before: int = 0


@dataclass(frozen=True, slots=True)
class FormView:
    """What stands in a form and what is wrong with it; ``general`` are faults that belong to no field of it."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    general: tuple[str, ...] = ()
    prefix: str = "f"

    def value(self, name: str) -> str:
        """The (last) value of a field; "" for an empty one."""
        given = self.values.get(name, ())
        return given if isinstance(given, str) else given[-1] if given else ""

    def chosen(self, name: str, value: str) -> bool:
        """Whether ``value`` is among the ticked ones of a group."""
        given = self.values.get(name, ())
        return value in ((given,) if isinstance(given, str) else given)

    def fault(self, name: str) -> str:
        """What is wrong with a field; "" for nothing."""
        return self.faults.get(name, "")


def faults_of(error: TrackdError) -> tuple[Fault, ...]:
    """What a form is told: each fault beside its field, or the reason of a refusal above them."""
    return error.faults if isinstance(error, BadInput) else (Fault("", str(error)),)


def form_view(values: Mapping[str, Sequence[str]] | None = None, faults: Iterable[Fault] = (),
              fields: Iterable[str] = (), *, prefix: str = "f") -> FormView:
    """A form as it comes back: what was written, faults next to their ``fields``, the rest above them.

    ``prefix`` keeps element ids apart where a page has several forms.
    """
    known = set(fields)
    placed: dict[str, str] = {}
    general: list[str] = []
    for fault in faults:
        if fault.where in known:
            placed[fault.where] = f"{placed[fault.where]}; {fault.what}" if fault.where in placed else fault.what
        else:
            general.append(str(fault))
    return FormView(dict(values or {}), placed, tuple(general), prefix)
