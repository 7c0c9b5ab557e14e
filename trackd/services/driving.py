"""A recording laid on the layouts of the venue: its laps, as facts. Imports numpy only when called."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trackd.core.errors import BadInput
from trackd.timing.facts import RecordFact
from trackd.timing.recorded import DrivenFact, DrivenLap

if TYPE_CHECKING:
    from trackd.gps.layouts import Layout
    from trackd.gps.trace import Recording


def drive(recording: str, found: Recording, layouts: Mapping[str, RecordFact]) -> DrivenFact:
    """The laps of a recording on the layout that it is recognised on, of these by id."""
    from trackd.gps.recognise import recognise

    if not layouts:
        return DrivenFact(recording, reason="No layout is known yet. Draw one on this recording.")
    lines = {layout_id: lines_of(record) for layout_id, record in layouts.items()}
    known = recognise(found.trace, {layout_id: layout for layout_id, layout in lines.items() if layout is not None})
    layout = lines.get(known.layout)
    if layout is None:
        return DrivenFact(recording, reason=known.reason)
    return driven_on(recording, found, known.layout, layouts[known.layout], known.reason)


def driven_on(recording: str, found: Recording, layout_id: str, record: RecordFact, reason: str, *,
              approved: bool = True, by: str = "") -> DrivenFact:
    """The laps of a recording on this layout. Raises BadInput where the layout has no usable lines."""
    from trackd.gps.layouts import layout_of
    from trackd.gps.segment import segment

    laps = [DrivenLap(lap.number, lap.kind, lap.start_us, lap.time_us, lap.sigma_us, list(lap.sectors_us),
                      lap.max_speed_kmh, list(lap.flags), lap.quality)
            for lap in segment(found.trace, layout_of(record.body))]
    return DrivenFact(recording, layout_id, digest(record), laps, reason, approved, by)


def lines_of(record: RecordFact) -> Layout | None:
    """The lines of a stored layout; None where it was saved by an older trackd that checked less."""
    from trackd.gps.layouts import layout_of

    with contextlib.suppress(BadInput):
        return layout_of(record.body)
    return None


def digest(record: RecordFact) -> str:
    """What tells one version of a layout's lines from another."""
    lines = json.dumps([record.body.get("features"), record.body.get("properties")], sort_keys=True)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]
