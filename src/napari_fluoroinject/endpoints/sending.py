"""C-STORE: objects sent in a transfer syntax that the peer takes, each answer judged."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID
from pynetdicom.presentation import PresentationContext, build_context

from napari_fluoroinject.endpoints.base import NotSent, Receipt, Storable
from napari_fluoroinject.endpoints.calling import associated
from napari_fluoroinject.endpoints.dimse import (
    CONTEXTS_PER_ASSOCIATION,
    SUCCESS,
    UNCOMPRESSED,
    is_warning,
    refusal,
    status_of,
)
from napari_fluoroinject.endpoints.transcode import private_folder, transcode
from napari_fluoroinject.errors import (
    FluoroinjectError,
    NotTakenError,
    RefusedError,
    UnreachableError,
    UnreadableObjectError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydicom import Dataset
    from pynetdicom.association import Association

    from napari_fluoroinject.endpoints.pacs import Pacs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """One object and what is proposed for it."""

    item: Storable
    sop_class: str
    syntax: str
    instance: str

    @property
    def contexts(self) -> tuple[tuple[str, str], ...]:
        """(SOP class, transfer syntax): its own, and the uncompressed ones."""
        return tuple((self.sop_class, one) for one in dict.fromkeys((self.syntax, *UNCOMPRESSED)))


def send(peer: Pacs, objects: Iterable[Storable]) -> Iterator[Receipt | NotSent]:
    """Send every object, in order; one that is refused does not end the rest.

    Files go as they stand, in chunks. Only where the peer does not take an object's own transfer
    syntax, it is decompressed on the way.

    Raises
    ------
    UnreachableError
        The peer is not there, or went away: the rest was not sent.
    """
    for group in _groups([_offer(item) for item in objects]):
        yield from _send_group(peer, group)


def _groups(offers: Sequence[_Offer | NotSent]) -> Iterator[list[_Offer | NotSent]]:
    """Split so that each association holds all contexts of its objects."""
    group: list[_Offer | NotSent] = []
    contexts: set[tuple[str, str]] = set()
    for offer in offers:
        own = set(offer.contexts) if isinstance(offer, _Offer) else set()
        if len(contexts | own) > CONTEXTS_PER_ASSOCIATION:
            yield group
            group, contexts = [], set()
        group.append(offer)
        contexts |= own
    if group:
        yield group


def _send_group(peer: Pacs, group: list[_Offer | NotSent]) -> Iterator[Receipt | NotSent]:
    offers = [offer for offer in group if isinstance(offer, _Offer)]
    if not offers:
        yield from (one for one in group if isinstance(one, NotSent))
        return
    pairs = dict.fromkeys(pair for offer in offers for pair in offer.contexts)
    contexts: list[PresentationContext] = [build_context(*pair) for pair in pairs]
    try:
        with associated(peer, contexts) as association:
            for offer in group:
                if isinstance(offer, NotSent):
                    yield offer
                else:
                    yield _try_send(peer, association, offer)
    except RefusedError as error:  # the association itself
        for offer in group:
            yield offer if isinstance(offer, NotSent) else NotSent(item=offer.item, error=error)


def _try_send(peer: Pacs, association: Association, offer: _Offer) -> Receipt | NotSent:
    try:
        return _send(peer, association, offer)
    except UnreachableError:
        raise
    except FluoroinjectError as error:
        return NotSent(item=offer.item, error=error)


def _send(peer: Pacs, association: Association, offer: _Offer) -> Receipt:
    """Send one object in the syntax that was accepted for it."""
    accepted = {
        str(context.transfer_syntax[0])
        for context in association.accepted_contexts
        if context.abstract_syntax == offer.sop_class
    }
    syntax = next((one for _, one in offer.contexts if one in accepted), None)
    if syntax is None:
        raise NotTakenError(
            f"{peer} does not take {offer.instance}: no presentation context for "
            f"{UID(offer.sop_class).name} in {UID(offer.syntax).name} or uncompressed; expected "
            "one: see which storage classes it is set up for"
        )
    if syntax == offer.syntax or not isinstance(offer.item, Path):
        return _request(peer, association, offer.item, offer)
    log.info(
        "%s does not take %s: %s is sent in %s",
        *(peer, UID(offer.syntax).name, offer.instance, UID(syntax).name),
    )
    with private_folder(offer.item.parent) as folder:
        changed = folder / "object.dcm"
        transcode(offer.item, changed, syntax=syntax)
        return _request(peer, association, changed, offer)


def _request(peer: Pacs, association: Association, item: Storable, offer: _Offer) -> Receipt:
    try:
        response: Dataset = association.send_c_store(item)
    except ValueError as error:  # an object in memory that cannot be encoded as it was accepted
        raise RefusedError(
            f"{peer} does not take {offer.instance} as it stands in memory; expected a file, "
            "which can be decompressed on the way"
        ) from error
    except (RuntimeError, OSError) as error:
        raise UnreachableError(f"{peer} went away before C-STORE: {error}") from error
    # without the UID: what is told of a peer that went away is told of all that are left
    status = status_of(response, peer=str(peer), request="C-STORE", association=association)
    if status != SUCCESS and not is_warning(status):
        raise refusal(response, peer=str(peer), request=f"C-STORE of {offer.instance}")
    if status != SUCCESS:
        log.warning("%s kept %s with warning 0x%04X", peer, offer.instance, status)
    return Receipt(sop_instance_uid=offer.instance, destination=str(peer), status=status)


def _offer(item: Storable) -> _Offer | NotSent:
    """What is proposed for an object."""
    try:
        meta = read_file_meta_info(item) if isinstance(item, Path) else item.file_meta
        return _Offer(
            item=item,
            sop_class=str(meta.MediaStorageSOPClassUID),
            syntax=str(meta.TransferSyntaxUID),
            instance=str(meta.MediaStorageSOPInstanceUID),
        )
    except (InvalidDicomError, AttributeError, OSError, ValueError) as error:
        unreadable = UnreadableObjectError(
            str(item) if isinstance(item, Path) else "an object in memory",
            seen=f"no file meta information ({error})",
            expected="a DICOM file (PS3.10)",
        )
        unreadable.__cause__ = error
        return NotSent(item=item, error=unreadable)
