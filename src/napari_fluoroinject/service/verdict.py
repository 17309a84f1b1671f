"""What an answer of a destination means for a result: try again, or not."""

from __future__ import annotations

import re

from napari_fluoroinject.errors import (
    ConflictError,
    EndpointError,
    FluoroinjectError,
    IdentityMismatchError,
    RefusedError,
    UnreadableObjectError,
)

PERMANENT_TRIES = 3
"""How often an object is sent that its destination refuses for what it is: a setting there may be
wrong for a while, and be put right."""
_DIMSE = re.compile(r"\b0x([0-9A-Fa-f]{4})\b")
_NO_CONTEXT = "no presentation context"
_NOT_SUPPORTED, _INVALID_INSTANCE = 0x0122, 0x0117
_HTTP_OF_THE_OBJECT = (400, 406, 409, 413, 415, 422)


def status_in(error: FluoroinjectError) -> int | None:
    """Return the DIMSE or HTTP status that an error bears; None where it bears none.

    Parameters
    ----------
    error
        What a sink raised.
    """
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status
    told = _DIMSE.search(str(error)) if isinstance(error, RefusedError) else None
    return None if told is None else int(told.group(1), 16)


def is_of_the_object(error: FluoroinjectError) -> bool:
    """Whether another try with the same bytes can be expected to fail the same way.

    So do refusals of the data set (0xA9xx, 0xCxxx; PS3.4 B.2.3), of its class, and conflicts; a
    destination that is full (0xA7xx), does not want us now, or is not there will be tried again.

    Parameters
    ----------
    error
        What a sink raised.
    """
    if isinstance(error, ConflictError | UnreadableObjectError | IdentityMismatchError):
        return True
    if not isinstance(error, EndpointError):
        return False
    status = status_in(error)
    if status is None:
        return _NO_CONTEXT in str(error)
    if status in _HTTP_OF_THE_OBJECT or status in (_NOT_SUPPORTED, _INVALID_INSTANCE):
        return True
    return status >> 8 == 0xA9 or status >> 12 == 0xC
