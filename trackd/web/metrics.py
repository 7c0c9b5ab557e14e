"""`/metrics` in Prometheus' text format, made anew at each scrape from what the appliance counts anyway."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from trackd.services.appliance import Appliance


def text(appliance: Appliance) -> str:
    """All figures."""
    registry = CollectorRegistry()
    live = appliance.live
    storage = live.writer.storage

    def gauge(name: str, words: str, value: float) -> None:
        Gauge(f"trackd_{name}", words, registry=registry).set(value)

    gauge("journal_seq", "sequence of the newest fact", live.writer.venue.seq)
    gauge("commits", "commits since start", storage.commits)
    gauge("facts", "facts stored since start", storage.facts)
    gauge("storage_failing", "1 while the disk does not take facts", bool(storage.failing))
    gauge("frames_waiting", "frames held in memory until the disk takes them", storage.waiting)
    gauge("sessions_live", "sessions that own the passings of a track", len(live.writer.venue.live))
    up = Gauge("trackd_link_reading", "1 while the link is read", ["link"], registry=registry)
    passings = Gauge("trackd_link_passings", "passings since start", ["link"], registry=registry)
    rejected = Gauge("trackd_link_rejected", "frames rejected since start", ["link", "reason"], registry=registry)
    age = Gauge("trackd_link_last_frame_age_seconds", "since the last sound frame", ["link"], registry=registry)
    for supervisor in live.supervisors.values():
        status = supervisor.status()
        up.labels(status.name).set(status.state == "reading")
        passings.labels(status.name).set(status.passings)
        if status.last_frame_age_us is not None:
            age.labels(status.name).set(status.last_frame_age_us / 1e6)
        for reason, count in status.rejected:
            rejected.labels(status.name, reason).set(count)
    gauge("healthy", "1 while everything is well", appliance.health()[0] == "ok")
    return generate_latest(registry).decode()
