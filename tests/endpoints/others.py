"""Small archives of other people's making, on loopback, that do what real ones do wrong."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pydicom import Dataset
from pynetdicom import AE, build_context, evt

from napari_fluoroinject.endpoints.dimse import (
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
)
from napari_fluoroinject.endpoints.pacs import Pacs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

XA = "1.2.840.10008.5.1.4.1.1.12.1"
LEVELS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}


@contextmanager
def serving(ae: AE, *handlers: tuple[object, Callable[..., object]]) -> Iterator[Pacs]:
    """Let an application entity answer on loopback; every connection that it had is closed.

    pynetdicom forgets a socket open whose caller was gone before it was shut down: it would be
    told where the garbage collector meets it, in whatever test that is.
    """
    held = []

    def opened(event: evt.Event) -> None:
        held.append(event.assoc.dul.socket.socket)

    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_CONN_OPEN, opened), *handlers]
    )
    try:
        yield Pacs(host="127.0.0.1", port=server.server_address[1], called=ae.ae_title)
    finally:
        ae.shutdown()
        for connection in held:
            connection.close()


@contextmanager
def archive(
    objects: Sequence[Dataset],
    *handlers: tuple[object, Callable[..., object]],
    models: Sequence[str] = (STUDY_ROOT_GET, STUDY_ROOT_MOVE),
    **changed: object,
) -> Iterator[Pacs]:
    """An archive that lists these objects; the rest is what the handlers do."""
    ae = AE("PEER")
    for model in (STUDY_ROOT_FIND, *models):
        ae.add_supported_context(model)
    for sop_class in {one.SOPClassUID for one in objects}:
        ae.add_supported_context(sop_class, scu_role=True, scp_role=True)
        ae.add_requested_context(sop_class)

    def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        asked = event.identifier
        seen = set()
        for one in objects:
            answer = Dataset()
            answer.QueryRetrieveLevel = asked.QueryRetrieveLevel
            for keyword in (*LEVELS.values(), "SOPClassUID"):
                if keyword in asked:
                    setattr(answer, keyword, one.get(keyword))
            if answer.to_json() not in seen:
                seen.add(answer.to_json())
                yield 0xFF00, answer

    with serving(ae, (evt.EVT_C_FIND, find), *handlers) as pacs:
        yield replace(pacs, **changed)


def send_to(port: int, objects: Sequence[Dataset], *, called: str = "FLUOROINJECT") -> None:
    """Store objects as the archive PEER."""
    ae = AE("PEER")
    ae.requested_contexts = [build_context(one) for one in {o.SOPClassUID for o in objects}]
    association = ae.associate("127.0.0.1", port, ae_title=called)
    assert association.is_established
    for one in objects:
        association.send_c_store(one)
    association.release()
