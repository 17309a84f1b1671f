"""What stands beside a running receiver: its witness, the status page, the audit repository."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari_fluoroinject.endpoints.receive import Receiver
    from napari_fluoroinject.endpoints.storage_scp import Station
    from napari_fluoroinject.settings.network import ListenSettings, ServiceSettings


@contextmanager
def alone(
    listen: ListenSettings, station: Station, service: ServiceSettings
) -> Iterator[Receiver]:
    """Receive while the context lasts, observed, and analyse nothing.

    Parameters
    ----------
    listen, station
        Of the receiver.
    service
        Of status page and audit repository.

    Raises
    ------
    FluoroinjectError
        The spool or a port cannot be had, or a guard does not act.
    """
    from napari_fluoroinject.endpoints.receive import receiving
    from napari_fluoroinject.service.witness import witnessed

    with witnessed(listen.spool.absolute(), settings=(listen, service)) as witness:

        def prepare(receiver: Receiver) -> None:
            receiver.witness = witness

        with (
            receiving(listen, station, prepare=prepare) as receiver,
            observed(receiver, listen, service, flush=witness.flush),
        ):
            yield receiver


@contextmanager
def observed(
    receiver: Receiver,
    listen: ListenSettings,
    service: ServiceSettings,
    *,
    parts: Callable[[], Mapping[str, bool]] | None = None,
    flush: Callable[[], None] | None = None,
    knows: Callable[[str], bool] | None = None,
) -> Iterator[None]:
    """Show health, counters and page, and send the trail on, where the settings ask for them.

    Parameters
    ----------
    receiver
        It listens.
    listen, service
        The settings.
    parts
        Which other parts must run, and whether each does.
    flush
        Writes what the witness has counted.
    knows
        Whether the settings know a destination of results.

    Raises
    ------
    EndpointError
        The port of the status page cannot be had.
    SettingsError
        An audit repository without certificates.
    """
    from napari_fluoroinject.endpoints.answering import answers
    from napari_fluoroinject.service import status, syslog

    root = listen.spool.absolute()
    repository = syslog.repository_of(service)
    with ExitStack() as stack:
        if repository is not None:
            title = receiver.station.ae_title
            stack.enter_context(syslog.forwarding(root / "audit", repository, source=title))
        if service.status_port:
            sources = status.Sources(
                reserve_bytes=listen.reserve_mb << 20,
                notice_after_s=service.notice_after_s,
                associations=lambda: receiver.associations,
                echoes=lambda: answers(receiver.station, receiver.port),
                parts=parts,
                flush=flush,
                knows=knows,
            )
            stack.enter_context(status.start(root, port=service.status_port, sources=sources))
        yield
