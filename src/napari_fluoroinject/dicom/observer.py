"""Who observed what a document says: the software, and who signed it off (PS3.16 TID 1002)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import highdicom.sr as hd

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.identity import derived_uid
from napari_fluoroinject.dicom.items import plain

if TYPE_CHECKING:
    from napari_fluoroinject.model.annotation import SignOff
    from napari_fluoroinject.model.report import Provenance


def device_observer(made: Provenance) -> hd.ObserverContext:
    """Return the content items that name the software that made a document."""
    return hd.ObserverContext(hd.CodedConcept.from_code(codes.DEVICE), _device(made))


def person_observer(sign_off: SignOff | None) -> hd.ObserverContext | None:
    """Return the content items that name who confirmed the results (TID 1003); None = nobody."""
    if sign_off is None:
        return None
    # One component, that of a name as people write it: `=` and `^` would part it (PS3.5 6.2.1).
    name = plain(sign_off.operator.replace("=", " ").replace("^", " ")) or "?"
    person = hd.PersonObserverIdentifyingAttributes(name=f"{name}^")
    return hd.ObserverContext(hd.CodedConcept.from_code(codes.PERSON), person)


def _device(made: Provenance) -> hd.DeviceObserverIdentifyingAttributes:
    return hd.DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", made.software, made.version),
        name=plain(made.software),
        manufacturer_name=plain(made.software),
        model_name=plain(made.software),
        serial_number=plain(made.version),
    )
