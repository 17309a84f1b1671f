"""What the worklist says of the study that a loop belongs to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.service.verdict import plainly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.dicom.requested import Requested
    from napari_fluoroinject.model.geometry import Side
    from napari_fluoroinject.model.scheduled import ScheduledProcedure
    from napari_fluoroinject.settings import Settings

log = logging.getLogger(__name__)


class Schedule:
    """Asks the worklist of the settings; a callable, for `Analyst`.

    Parameters
    ----------
    settings
        Names who is asked; where nobody is, there is never an item.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, header: Requested) -> Requested | None:
        """Return the item of the loop's study or accession number; None where there is none.

        A worklist that does not answer is a warning in the log: a loop is never held up by it.

        Parameters
        ----------
        header
            What the loop says.
        """
        try:
            return as_requested(self._items(header))
        except FluoroinjectError as error:
            log.warning("the worklist was not asked: %s", plainly(error))
            return None

    def _items(self, header: Requested) -> Sequence[ScheduledProcedure]:
        """Items of the same study; where it has none, of the same accession number."""
        from napari_fluoroinject.endpoints import connect
        from napari_fluoroinject.endpoints.pacs import Pacs
        from napari_fluoroinject.endpoints.worklist import WorklistQuery, worklist

        named = self._settings.service.worklist
        if named is None:
            return ()
        peer, _ = connect(named, self._settings)
        if not isinstance(peer, Pacs):
            log.warning("the worklist %s is no PACS; expected pacs://...", named)
            return ()
        if header.study_instance_uid:
            uid = header.study_instance_uid
            items = worklist(peer, WorklistQuery(study_instance_uid=uid))
            found = [one for one in items if one.study_instance_uid == uid]
            if found:
                return found
        if header.accession:
            items = worklist(peer, WorklistQuery(accession=header.accession))
            return [one for one in items if one.accession == header.accession]
        return ()


def as_requested(items: Sequence[ScheduledProcedure]) -> Requested | None:
    """Put together what the items of one study say; None where there is none.

    Parameters
    ----------
    items
        One for each step.
    """
    from napari_fluoroinject.dicom.requested import Requested

    if not items:
        return None
    sides: set[Side] = {one.side for one in items if one.side is not None}
    codes = [code for one in items for code in (*one.requested_codes, *one.step_codes)]
    texts = [text for one in items for text in (one.requested_description, one.step_description)]
    return Requested(
        codes=tuple(dict.fromkeys(codes)),
        descriptions=tuple(dict.fromkeys(text for text in texts if text)),
        side=sides.pop() if len(sides) == 1 else None,
        study_instance_uid=items[0].study_instance_uid,
    )
