"""Who observed what a document says: the software, as a device (PS3.16 TID 1002 and 1004)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import highdicom.sr as hd

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.identity import derived_uid
from napari_fluoroinject.dicom.items import plain

if TYPE_CHECKING:
    from napari_fluoroinject.model.report import Provenance


def device_observer(made: Provenance) -> hd.ObserverContext:
    """Return the content items that name the software that made a document."""
    return hd.ObserverContext(hd.CodedConcept.from_code(codes.DEVICE), _device(made))


def _device(made: Provenance) -> hd.DeviceObserverIdentifyingAttributes:
    return hd.DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", made.software, made.version),
        name=plain(made.software),
        manufacturer_name=plain(made.software),
        model_name=plain(made.software),
        serial_number=plain(made.version),
    )
