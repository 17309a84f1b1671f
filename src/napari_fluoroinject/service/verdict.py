"""What an answer of a destination means for a result: try again, or not."""

from __future__ import annotations

from napari_fluoroinject.errors import (
    ConflictError,
    FluoroinjectError,
    IdentityMismatchError,
    NotTakenError,
    RefusedError,
    UnreadableObjectError,
)

PERMANENT_TRIES = 3
"""How often an object is sent that its destination refuses for what it is: a setting there may be
wrong for a while, and be put right."""
_NOT_SUPPORTED, _INVALID_INSTANCE = 0x0122, 0x0117
_HTTP_OF_THE_OBJECT = (400, 406, 409, 413, 415, 422)


def status_in(error: FluoroinjectError) -> int | None:
    """Return the DIMSE or HTTP status that an error bears; None where it bears none."""
    return error.status if isinstance(error, RefusedError) else None


def plainly(error: FluoroinjectError) -> str:
    """Return an error for log and trail, without the peer's own words: they may name a patient."""
    return error.message if isinstance(error, RefusedError) else str(error)


def is_of_the_object(error: FluoroinjectError) -> bool:
    """Whether another try with the same bytes can be expected to fail the same way.

    So do refusals of the data set (0xA9xx, 0xCxxx; PS3.4 B.2.3), of its class, and conflicts; a
    destination that is full (0xA7xx), does not want us now, or is not there will be tried again.

    Parameters
    ----------
    error
        What a sink raised.
    """
    if isinstance(
        error, ConflictError | UnreadableObjectError | IdentityMismatchError | NotTakenError
    ):
        return True
    status = status_in(error)
    if status is None:
        return False
    if status in _HTTP_OF_THE_OBJECT or status in (_NOT_SUPPORTED, _INVALID_INSTANCE):
        return True
    return status >> 8 == 0xA9 or status >> 12 == 0xC
