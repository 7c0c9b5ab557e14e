"""Karts tapped by hand while the decoder is away, and the reads that come in afterwards (A19)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from trackd.core.time import SECOND, Micros
from trackd.timing.crossing import bound
from trackd.timing.events import LINE, Crossing, Order, place
from trackd.timing.formats import Rules, parse_length
from trackd.timing.heat import Heat, Mark
from trackd.timing.orders import ORDERS

TAP_WINDOW_US: Micros = 2 * SECOND
"""A tap and a read of the same kart closer than this (or half the shortest lap) are the same crossing."""


def near_a_tap(heat: Heat, at_us: Micros) -> bool:
    """Whether a read at this moment may be one that a tap stood for."""
    at = bisect_left(heat.taps, at_us - TAP_WINDOW_US)
    return at < len(heat.taps) and heat.taps[at] <= at_us + TAP_WINDOW_US


def confirmed(crossings: Sequence[Crossing], orders: Sequence[Order], marks: Mapping[int, Mark],
              min_lap_us: Micros) -> list[int]:
    """The taps that a read of the same kart confirms: they give way to it, the decoder's time is the better one."""
    taps = [each for each in crossings if each.source == "tap"]
    if not taps:
        return []
    window_us = min(TAP_WINDOW_US, min_lap_us // 2) or TAP_WINDOW_US
    binding = Heat(Rules(parse_length("1L")))
    for bind in sorted((order for order in orders if order.name == "bind"), key=place):
        binding = ORDERS["bind"](binding, bind)
    reads: dict[str | None, list[Micros]] = {}
    for each in sorted(crossings, key=place):
        mark = marks.get(each.seq)
        if each.source != "tap" and each.role == LINE and not (mark and mark.ignored):
            reads.setdefault(bound(binding, each), []).append(each.at_us)
    found = []
    for tap in taps:
        near = reads.get(tap.kart, ())
        at = bisect_left(near, tap.at_us - window_us)
        if at < len(near) and near[at] <= tap.at_us + window_us:
            found.append(tap.seq)
    return found
