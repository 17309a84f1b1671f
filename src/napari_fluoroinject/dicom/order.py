"""The order in which single frames follow one another."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.attributes import number
from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.dicom.timing import moment_of
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.opened import OpenedObject


_EPOCH = datetime(1900, 1, 1)


def in_order(objects: tuple[OpenedObject, ...]) -> tuple[OpenedObject, ...]:
    """Sort single frames by Instance Number, or by their clock where numbers do not tell.

    Raises
    ------
    UnreadableObjectError
        Neither tells all frames apart.
    """
    if len(objects) < 2:
        return objects
    for key in (_instance_number, _moment):
        keyed = {value: one for one in objects if (value := key(one)) is not None}
        if len(keyed) == len(objects):
            return tuple(keyed[value] for value in sorted(keyed))
    raise UnreadableObjectError(
        objects[0].path.name,
        seen=f"{len(objects)} single frames of one series whose order is not told",
        expected="Instance Number, or acquisition times, that differ from frame to frame",
    )


def _instance_number(one: OpenedObject) -> float | None:
    with one_error(one.path.name):
        return number(one.header, "InstanceNumber")


def _moment(one: OpenedObject) -> float | None:
    with one_error(one.path.name):
        moment = moment_of(one.header)
    # only the order counts: the zone of a clock is that of its fellows
    return None if moment is None else (moment.replace(tzinfo=None) - _EPOCH).total_seconds()
