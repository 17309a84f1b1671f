"""The order that a live run is made for: one item of the worklist, never words that were typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.ordered import the_order
from napari_fluoroinject.errors import EndpointError

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.ordered import Order
    from napari_fluoroinject.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """Which item of which worklist is meant; empty = not said.

    `worklist` is a name of the settings or a URL; `step` a Scheduled Procedure Step ID, where an
    order has several steps.
    """

    worklist: str
    accession: str = ""
    study_instance_uid: str = ""
    step: str = ""


def find_order(query: OrderQuery, settings: Settings) -> Order:
    """Ask the worklist for the one item that is meant.

    Raises
    ------
    EndpointError
        The worklist is no PACS, does not answer, or nothing says which item is meant.
    IdentityMismatchError
        None matches, or several do.
    """
    from napari_fluoroinject.endpoints import connect
    from napari_fluoroinject.endpoints.pacs import Pacs
    from napari_fluoroinject.endpoints.worklist import WorklistQuery, items

    if not (query.accession or query.study_instance_uid):
        raise EndpointError(
            "nothing says which worklist item is meant; expected an accession number or a Study "
            "Instance UID"
        )
    peer, _ = connect(query.worklist, settings)
    if not isinstance(peer, Pacs):
        raise EndpointError(
            f"the worklist {query.worklist} is no PACS; expected pacs://CALLING:CALLED@host:port"
        )
    asked = WorklistQuery(accession=query.accession, study_instance_uid=query.study_instance_uid)
    return the_order(
        items(peer, asked),
        accession=query.accession,
        study=query.study_instance_uid,
        step=query.step,
    )
