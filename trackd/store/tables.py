"""The tables. ``journal`` is the truth; ``DERIVED`` come back from it; the rest are people and settings.

Personal data stands only in ``drivers`` (by id), ``files`` and ``staff``: erasing a person leaves the journal whole.
Instants are integer microseconds: ``t_us`` track time, ``*_wall_us`` since 1970.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text, text

from trackd.store.journal import ACTS, SAVED, THING

metadata = MetaData()

journal = Table(
    "journal", metadata,
    Column("seq", Integer, primary_key=True),
    Column("t_us", Integer, nullable=False),
    Column("wall_us", Integer, nullable=False),
    Column("kind", Text, nullable=False),          # as in ``timing.facts.KINDS``
    Column("session", Text),
    Column("identity", Text, unique=True),         # of a passing: decoder/epoch/number
    Column("body", LargeBinary, nullable=False),   # JSON
    Index("journal_session", "session", "seq", sqlite_where=Column("session").isnot(None)),
    Index("journal_acts", "seq", sqlite_where=text(ACTS)),
    Index("journal_saved", "kind", text(THING), "seq", sqlite_where=text(SAVED)),
)

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

crossings = Table(
    "crossings", metadata,
    Column("seq", Integer, primary_key=True),      # of its passing in the journal
    Column("session", Text),
    Column("kart", Text),
    Column("verdict", Text, nullable=False),
    Index("crossings_session", "session", "seq", sqlite_where=Column("session").isnot(None)),
)

sessions = Table(
    "sessions", metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("track", Text, nullable=False),
    Column("layout", Text),
    Column("state", Text, nullable=False),
    Column("flag", Text, nullable=False),
    Column("spec", LargeBinary, nullable=False),   # JSON: as created, with the rules as they stand
    Column("entries", Integer, nullable=False),
    Column("created_seq", Integer, nullable=False),
    Column("staged_us", Integer),                  # track time from which its passings are its own
    Column("ended_us", Integer),
    Column("elapsed_us", Integer, nullable=False),  # session clock at the chequered flag, 0 before it
    Column("created_wall_us", Integer, nullable=False),
    Column("green_wall_us", Integer),
    Column("ended_wall_us", Integer),
    Column("version", Integer, nullable=False),
    Column("confirmed_by", Text),
    Column("confirmed_wall_us", Integer),
    Column("format", Text, nullable=False),        # its length, as it was changed last
    Column("duration_us", Integer),
    Column("laps", Integer),
    Column("attempt", Integer, nullable=False),
    Column("notes", LargeBinary, nullable=False),  # JSON: amendments, incidents, penalties, earlier attempts
    Index("sessions_created", "created_wall_us"),
    Index("sessions_state", "state"),
)

laps = Table(
    "laps", metadata,
    Column("seq", Integer, primary_key=True),      # of the crossing that closed it: the lap's identity
    Column("session", Text, nullable=False),
    Column("entry", Text, nullable=False),         # in its session: the kart the driver began with
    Column("kart", Text, nullable=False),          # that was driven when it was closed
    Column("driver_id", Text),
    Column("number", Integer, nullable=False),
    Column("time_us", Integer, nullable=False),
    Column("at_us", Integer, nullable=False),      # session clock
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("sectors_us", LargeBinary, nullable=False),
    Column("passings", LargeBinary, nullable=False),
    Column("edits", LargeBinary, nullable=False),  # JSON: the orders that made it what it is
    Index("laps_session", "session", "entry", "number"),
)

standings = Table(
    "standings", metadata,
    Column("session", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),   # JSON: the board as it stood at the end
)

results = Table(
    "results", metadata,
    Column("session", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("confirmed_by", Text),
    Column("confirmed_wall_us", Integer),
    Column("note", Text, nullable=False),          # why the version before it was opened again
)

bests = Table(
    "bests", metadata,
    Column("session", Text, primary_key=True),
    Column("kart", Text, primary_key=True),
    Column("driver_id", Text),
    Column("layout", Text),
    Column("best_us", Integer, nullable=False),
    Column("set_wall_us", Integer, nullable=False),
    Index("bests_set", "set_wall_us", "best_us"),
    Index("bests_driver", "driver_id", "best_us"),
)

karts = Table(
    "karts", metadata,
    Column("number", Text, primary_key=True),
    Column("class", Text),
    Column("since_seq", Integer, nullable=False),
)

worn = Table(                                      # transponders are worn by a kart for a period
    "worn", metadata,
    Column("transponder", Text, primary_key=True),
    Column("since_seq", Integer, primary_key=True),
    Column("kart", Text, nullable=False),
    Column("until_seq", Integer),
    Index("worn_kart", "kart"),
)

formats = Table("formats", metadata, Column("id", Text, primary_key=True),
                Column("name", Text, nullable=False, unique=True), Column("body", LargeBinary, nullable=False))
layouts = Table("layouts", metadata, Column("id", Text, primary_key=True),
                Column("name", Text, nullable=False, unique=True), Column("body", LargeBinary, nullable=False))

drivers = Table(
    "drivers", metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_wall_us", Integer, nullable=False),
    Index("drivers_name", "name"),
)

units = Table(                                     # loggers of the venue
    "units", metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("kart", Text),
    Column("driver_id", Text),
    Column("since_seq", Integer, nullable=False),
)

recordings = Table(
    "recordings", metadata,
    Column("id", Text, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("size", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("unit", Text),
    Column("given_by", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("wall_us", Integer, nullable=False),
    Column("read", LargeBinary),                   # JSON: what the reader found
    Column("layout", Text),
    Column("reason", Text, nullable=False),        # why it is that layout, or none
    Column("driven", Integer),                     # version of its laps that counts: the fact that told them
    Column("proposed", Integer),                   # a newer version that waits for approval
    Column("session", Text),
    Column("kart", Text),
    Column("matched", Integer, nullable=False),    # 0 not yet, 1 proposed, 2 accepted
    Column("evidence", LargeBinary),                  # JSON
    Index("recordings_wall", "wall_us"),
    Index("recordings_session", "session", "kart"),
)

gps_laps = Table(
    "gps_laps", metadata,
    Column("driven", Integer, primary_key=True),   # the fact that told it
    Column("number", Integer, primary_key=True),
    Column("recording", Text, nullable=False),
    Column("layout", Text),
    Column("kind", Text, nullable=False),
    Column("start_us", Integer, nullable=False),   # on the recording's clock
    Column("time_us", Integer, nullable=False),
    Column("sigma_us", Integer, nullable=False),
    Column("sectors_us", LargeBinary, nullable=False),
    Column("max_speed_kmh", Float),
    Column("flags", LargeBinary, nullable=False),
    Column("quality", Text, nullable=False),
    Index("gps_laps_recording", "recording"),
)

vouched = Table(                                   # verdicts of people; the newest of a lap stands
    "vouched", metadata,
    Column("lap", Text, primary_key=True),
    Column("session", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("given_by", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Index("vouched_session", "session"),
)

verdicts = Table(                                  # of the laps of official sessions, for leaderboards
    "verdicts", metadata,
    Column("lap", Integer, primary_key=True),      # as in laps
    Column("session", Text, nullable=False),
    Column("layout", Text),
    Column("driver_id", Text),
    Column("kart", Text, nullable=False),
    Column("time_us", Integer, nullable=False),
    Column("set_wall_us", Integer, nullable=False),
    Column("label", Text, nullable=False),         # valid, warning, invalid, incomplete
    Column("verdict", Text, nullable=False),       # verified, queue, no
    Column("given_by", Text, nullable=False),      # who vouched for it or left it out; "" by the rules
    Column("recording", Text),                     # that tells of it too
    Column("best", Integer, nullable=False),       # among which laps of its driver it is the best: ``store.verdicts``
    Index("verdicts_session", "session"),
    Index("verdicts_best", "layout", "set_wall_us", "best", "driver_id", "kart", "time_us",
          sqlite_where=Column("best", Integer) > 0),
)

files = Table(                                     # what a file says of itself; it may name people
    "files", metadata,
    Column("recording", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("driver", Text, nullable=False),
    Column("vehicle", Text, nullable=False),
    Column("venue", Text, nullable=False),
)

staff = Table("staff", metadata, Column("name", Text, primary_key=True), Column("role", Text, nullable=False),
              Column("pin_hash", Text, nullable=False), Column("created_us", Integer, nullable=False))
tokens = Table("tokens", metadata, Column("id", Text, primary_key=True), Column("name", Text, nullable=False),
               Column("role", Text, nullable=False), Column("hash", Text, nullable=False, unique=True),
               Column("created_us", Integer, nullable=False))
logins = Table("logins", metadata, Column("hash", Text, primary_key=True), Column("staff", Text, nullable=False),
               Column("created_us", Integer, nullable=False), Column("expires_us", Integer, nullable=False))

DERIVED = (crossings, sessions, laps, standings, results, bests, karts, worn, formats, layouts, units, recordings, gps_laps,
           vouched, verdicts)
"""Dropped and folded again by `trackd rebuild`; compared byte for byte by `trackd rebuild --check`."""
