"""Which received objects may leave the spool: those that an archive is known to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.disk import fsync

if TYPE_CHECKING:
    from napari_fluoroinject.spool.database import Database

_FINISHED = """purged_s IS NULL
    AND NOT EXISTS (SELECT 1 FROM job WHERE job.sop_instance_uid = object.sop_instance_uid
        AND job.state NOT IN ('done', 'skipped'))
    AND NOT EXISTS (SELECT 1 FROM outgoing WHERE outgoing.source_uid = object.sop_instance_uid
        AND outgoing.state <> 'committed')"""
"""Nothing is to be done with an object any more, and every result of it is kept elsewhere."""

_LONG_KEPT = """confirmed_s <= ?
    AND NOT EXISTS (SELECT 1 FROM outgoing WHERE outgoing.source_uid = object.sop_instance_uid
        AND outgoing.committed_s > ?)"""


class Purge:
    """Removes received objects; their rows stay, so that other content is refused for ever.

    Parameters
    ----------
    database
        Of the spool.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def unconfirmed(self, *, limit: int) -> tuple[str, ...]:
        """UIDs of objects that could go if only the archive were known to keep them: ask it."""
        return self._uids(f"{_FINISHED} AND confirmed_s IS NULL", (), limit)

    def confirmed(self, uid: str, *, now_s: float) -> None:
        """Note that the archive was seen to keep a received object."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE object SET confirmed_s = ? WHERE sop_instance_uid = ?", (now_s, uid)
            )

    def due(self, *, now_s: float, keep_s: float, limit: int) -> tuple[str, ...]:
        """UIDs of objects that the archive, and their results too, has kept for `keep_s`."""
        before_s = now_s - keep_s
        return self._uids(f"{_FINISHED} AND {_LONG_KEPT}", (before_s, before_s), limit)

    def remove(self, uid: str, *, now_s: float) -> None:
        """Remove the file of a received object; first it is noted, then it goes.

        Raises
        ------
        StorageError
            If it is not known to be kept elsewhere, is still worked on, or cannot be removed.
        """
        with self._database.transaction() as connection:
            noted = connection.execute(
                "UPDATE object SET purged_s = ? "  # noqa: S608 - words of ours
                f"WHERE sop_instance_uid = ? AND confirmed_s IS NOT NULL AND {_FINISHED}",
                (now_s, uid),
            ).rowcount
        if not noted:
            raise StorageError(
                f"{uid} is not known to be kept elsewhere with all its results; expected an "
                "archive that has confirmed both"
            )
        self._unlink(uid)

    def recover(self) -> int:
        """Remove the files that a crash left of objects noted as purged. How many."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT sop_instance_uid, path FROM object WHERE purged_s IS NOT NULL"
            ).fetchall()
        left = [uid for uid, path in rows if self._database.absolute(path).exists()]
        for uid in left:
            self._unlink(uid)
        return len(left)

    def _unlink(self, uid: str) -> None:
        # within a transaction: the object may be coming again, and then its file is to stay
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT path FROM object WHERE sop_instance_uid = ? AND purged_s IS NOT NULL",
                (uid,),
            ).fetchone()
            if row is None:
                return
            path = self._database.absolute(row["path"])
            try:
                path.unlink(missing_ok=True)
                fsync(path.parent)
            except OSError as error:
                raise StorageError(
                    f"{path} could not be removed: {error.strerror or error}"
                ) from error

    def _uids(self, where: str, values: tuple[float, ...], limit: int) -> tuple[str, ...]:
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT sop_instance_uid FROM object WHERE {where} "  # noqa: S608 - words of ours
                "ORDER BY number LIMIT ?",
                (*values, limit),
            ).fetchall()
        return tuple(row["sop_instance_uid"] for row in rows)
