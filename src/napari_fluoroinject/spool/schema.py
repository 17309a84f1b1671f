"""The tables of a spool's database, version by version."""

from __future__ import annotations

_FIRST = (
    """CREATE TABLE object (
        number INTEGER PRIMARY KEY,
        sop_instance_uid TEXT NOT NULL UNIQUE,
        sop_class_uid TEXT NOT NULL,
        study_instance_uid TEXT NOT NULL,
        series_instance_uid TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        caller TEXT NOT NULL,
        address TEXT NOT NULL,
        received_s REAL NOT NULL,
        path TEXT NOT NULL,
        confirmed_s REAL,
        purged_s REAL
    )""",
    "CREATE INDEX object_series ON object (series_instance_uid)",
    """CREATE TABLE job (
        number INTEGER PRIMARY KEY,
        sop_instance_uid TEXT NOT NULL UNIQUE REFERENCES object (sop_instance_uid),
        state TEXT NOT NULL
            CHECK (state IN ('waiting', 'working', 'done', 'failed', 'skipped')),
        tries INTEGER NOT NULL DEFAULT 0,
        due_s REAL NOT NULL,
        begun_s REAL,
        ended_s REAL,
        procedure TEXT,
        reason TEXT
    )""",
    "CREATE INDEX job_due ON job (state, due_s)",
    """CREATE TABLE outgoing (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        sop_instance_uid TEXT NOT NULL,
        sop_class_uid TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        path TEXT NOT NULL,
        destination TEXT NOT NULL,
        source_uid TEXT NOT NULL,
        state TEXT NOT NULL
            CHECK (state IN ('new', 'sending', 'sent', 'committed', 'dead')),
        tries INTEGER NOT NULL DEFAULT 0,
        next_try_s REAL NOT NULL,
        last_error TEXT,
        last_status INTEGER,
        transaction_uid TEXT,
        added_s REAL NOT NULL,
        sent_s REAL,
        asked_s REAL,
        committed_s REAL,
        purged_s REAL,
        UNIQUE (sop_instance_uid, destination)
    )""",
    "CREATE INDEX outgoing_due ON outgoing (state, next_try_s)",
    "CREATE INDEX outgoing_transaction ON outgoing (transaction_uid)",
    "CREATE INDEX outgoing_source ON outgoing (source_uid)",
    """CREATE TABLE commitment (
        transaction_uid TEXT PRIMARY KEY,
        asked_s REAL NOT NULL,
        reported_s REAL
    )""",
)

_DISMISSED = (
    "ALTER TABLE job ADD COLUMN dismissed_s REAL",
    "ALTER TABLE outgoing ADD COLUMN dismissed_s REAL",
    "ALTER TABLE outgoing ADD COLUMN held INTEGER NOT NULL DEFAULT 0",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _DISMISSED)
"""Statements that lead from each version to the next; append, and change nothing released."""
