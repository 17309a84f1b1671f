"""Identifiers in place of identifiers: the same for the same, and no way back without the key."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydicom.uid import UID

from napari_fluoroinject.dicom.content import is_uid
from napari_fluoroinject.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = "fluoroinject-uid-map/1"
_SECRET_BYTES = 32
_PATIENT_DIGITS = 12
"""Hexadecimal: two of a million patients are the same one time in 500."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pseudonyms:
    """What takes the place of UIDs and patients, derived with a secret (HMAC-SHA256, RFC 2104)."""

    secret: bytes = field(repr=False)

    def uid(self, uid: str) -> str:
        """Return the UID in place of this one (PS3.5 B.2).

        Those that the standard itself gives (PS3.6 annex A) stay: they name nobody.

        Parameters
        ----------
        uid
            Any text; empty stays empty.
        """
        plain = uid.strip(" \0")
        if not plain or _is_the_standards(plain):
            return plain
        digest = self._digest("uid", plain)
        return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"

    def patient(self, identifier: str) -> str:
        """Return the ID in place of a patient's.

        Parameters
        ----------
        identifier
            What tells the patient from others; empty stays empty.
        """
        plain = identifier.strip(" \0")
        return f"P{self._digest('patient', plain).hex()[:_PATIENT_DIGITS]}" if plain else ""

    def _digest(self, kind: str, text: str) -> bytes:
        told = f"{kind}\0{text}".encode("utf-8", "surrogateescape")
        return hmac.new(self.secret, told, hashlib.sha256).digest()


def fresh() -> Pseudonyms:
    """Return pseudonyms that are forgotten with the process: nobody can make them again."""
    return Pseudonyms(secret=secrets.token_bytes(_SECRET_BYTES))


def kept_in(path: Path, *, outside: Path) -> Pseudonyms:
    """Return the pseudonyms of a file with the secret; it is made where there is none.

    The file is the key to the export: whoever has it can tell whether a UID or patient is in it.

    Parameters
    ----------
    path
        The file: JSON, readable by its owner alone.
    outside
        The folder of the export, which is given away.

    Raises
    ------
    StorageError
        It cannot be read or made, is no such file, lies in the export, or others may read it.
    """
    if path.resolve().is_relative_to(outside.resolve()):
        raise StorageError(
            f"{path.name}: the UID map would lie in the folder of the export and be given away "
            "with it; expected a file elsewhere"
        )
    try:
        _made(path)
        told = json.loads(path.read_text(encoding="utf-8"))
        secret = bytes.fromhex(told["secret"])
        if told["schema"] != _SCHEMA or len(secret) != _SECRET_BYTES:
            raise ValueError("not our secret")
    except OSError as error:
        raise StorageError(
            f"{path.name}: the UID map cannot be read or made: {error.strerror or error}; "
            "expected a file in a folder that can be written to"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(
            f"{path.name}: seen a file that is no UID map; expected one that this command made, "
            "or the name of a new one"
        ) from error
    _check_private(path)
    return Pseudonyms(secret=secret)


def _is_the_standards(uid: str) -> bool:
    # pydicom logs what is no UID by quoting it, and it may be anything
    return uid.isascii() and is_uid(uid) and UID(uid).name != uid


def _made(path: Path) -> None:
    """Make the file with a new secret unless it is there; never for others to read."""
    told = {"schema": _SCHEMA, "secret": secrets.token_bytes(_SECRET_BYTES).hex()}
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(told) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _check_private(path: Path) -> None:
    mode = path.stat().st_mode
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StorageError(
            f"{path.name}: seen a UID map that others may read (mode {stat.S_IMODE(mode):o}); "
            "expected one for its owner alone: chmod 600"
        )
