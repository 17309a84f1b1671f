"""The statement; `python -m napari_fluoroinject.service.conformance FILE` writes it."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from napari_fluoroinject.dicom.codes import PRIVATE_SCHEME
from napari_fluoroinject.endpoints import conformance, conformance_keys, dimse
from napari_fluoroinject.service.atna import FORMS, MEANINGS, UNDISCLOSED
from napari_fluoroinject.service.conformance_results import result_series
from napari_fluoroinject.transfer import ASKED_ONLY, COLUMNS

_OUTCOMES = {0: "success", 4: "minor failure", 8: "serious failure"}


def markdown() -> str:
    """Return the statement, its tables made from the code."""
    text = files("napari_fluoroinject.service").joinpath("conformance.md")
    return text.read_text(encoding="utf-8").format(
        implementation=conformance.implementation(),
        limits=conformance.limits(),
        rejections=conformance.rejections(),
        accepted_classes=conformance.accepted_classes(),
        transfer_syntaxes=conformance.transfer_syntaxes(),
        store_statuses=conformance.store_statuses(),
        proposed_classes=conformance.proposed_classes(),
        contexts=dimse.CONTEXTS_PER_ASSOCIATION,
        pdu_bytes=dimse.MAXIMUM_PDU_BYTES,
        connect_s=dimse.CONNECT_TIMEOUT_S,
        associate_s=dimse.ASSOCIATE_TIMEOUT_S,
        answer_s=dimse.ANSWER_TIMEOUT_S,
        query_keys=conformance_keys.query_keys(
            {level: (*COLUMNS[level], *ASKED_ONLY[level]) for level in COLUMNS}
        ),
        worklist_keys=conformance_keys.worklist_keys(),
        character_sets=conformance_keys.character_sets(),
        result_series=result_series(),
        audit=_audit(),
        undisclosed=UNDISCLOSED,
        private_scheme=PRIVATE_SCHEME,
    )


def _audit() -> str:
    """Which event of the trail becomes which message."""
    rows = [
        (
            event,
            f"{form.event} {MEANINGS[form.event]}",
            f"{form.type} {MEANINGS[form.type]}" if form.type else "",
            form.action,
            _OUTCOMES[form.outcome],
        )
        for event, form in FORMS.items()
    ]
    return conformance.table(("event", "message", "type", "action", "outcome"), rows)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
