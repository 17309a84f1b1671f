"""Rows of objects and results for the tests of the spool."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from napari_fluoroinject.spool.index import Arrival
from napari_fluoroinject.spool.keep import Facts
from napari_fluoroinject.spool.queue import Outgoing


def arrival(uid: str = "1.2", **changes: Any) -> Arrival:
    values: dict[str, Any] = {
        "sop_instance_uid": uid,
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.12.1",
        "study_instance_uid": "1.1",
        "series_instance_uid": "1.1.1",
        "sha256": f"content of {uid}",
        "size_bytes": 4,
        "caller": "CARM",
        "address": "127.0.0.1",
        "received_s": 1000.0,
        "path": Path("/kept") / f"{uid}.dcm",
    }
    return Arrival(**values | changes)


def facts(uid: str = "1.2", **changes: Any) -> Facts:
    known = arrival(uid, **changes)
    return Facts(**{one.name: getattr(known, one.name) for one in fields(Facts)})


def outgoing(uid: str = "2.1", **changes: Any) -> Outgoing:
    values: dict[str, Any] = {
        "sop_instance_uid": uid,
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.88.33",
        "sha256": f"bytes of {uid}",
        "path": Path("/results") / f"{uid}.dcm",
        "destination": "pacs",
        "source_uid": "1.2",
    }
    return Outgoing(**values | changes)
