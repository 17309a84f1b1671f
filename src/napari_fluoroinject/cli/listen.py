"""`fluoroinject listen`: the durable receiver that C-arms and archives push to."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path  # noqa: TC003 - typer reads it off the option
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluoroinject.cli.console import ConfigOption, printable, settings_from, wrong_usage

if TYPE_CHECKING:
    from napari_fluoroinject.endpoints.receive import Receiver
    from napari_fluoroinject.service.orders import Orders
    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.settings.network import ListenSettings, ServiceSettings


_CHECK_S = 0.2
_AllowOption = Annotated[
    list[str] | None,
    typer.Option(help="Who may call, all others may not: AE, AE@ADDRESS, AE@CERTIFICATE."),
]
_AnalyzeOption = Annotated[
    str | None,
    typer.Option(
        metavar="KEY|auto",
        help="Analyse each loop, as this procedure or as worklist and header say (auto).",
    ),
]
_ReturnOption = Annotated[
    str | None,
    typer.Option("--return", metavar="ENDPOINT", help="Send results there: a name or a URL."),
]


def listen(  # noqa: PLR0913 - one parameter per option of the command
    *,
    config: ConfigOption = None,
    host: Annotated[
        str | None, typer.Option(help="Address; another than loopback needs --allow or TLS.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")
    ] = None,
    ae_title: Annotated[str | None, typer.Option(help="Our AE title.")] = None,
    spool: Annotated[Path | None, typer.Option(help="Folder that keeps what is received.")] = None,
    allow: _AllowOption = None,
    analyze: _AnalyzeOption = None,
    return_to: _ReturnOption = None,
) -> None:
    """Receive loops that are pushed here, durably, until stopped; analyse and return them."""
    given: dict[str, Any] = {"host": host, "port": port, "ae_title": ae_title, "spool": spool}
    said = {name: value for name, value in given.items() if value is not None}
    settings = settings_from(config)
    try:
        received = replace(
            settings.listen, **said, allow=tuple(allow) if allow else settings.listen.allow
        )
    except ValueError as error:
        raise typer.BadParameter(printable(str(error))) from error
    asked = {"analyze": analyze, "send_to": return_to}
    orders = _orders(settings, received, {k: v for k, v in asked.items() if v is not None})
    serve(received, settings.service, orders)


def _orders(settings: Settings, received: ListenSettings, said: dict[str, Any]) -> Orders | None:
    """What the service is told; None where nothing is to be analysed."""
    service = replace(settings.service, **said)
    if service.analyze is None:
        if "send_to" in said:
            raise typer.BadParameter("--return without --analyze: there would be no results")
        return None
    # not above: a receiver alone is to answer soon after its start
    from napari_fluoroinject.errors import SettingsError
    from napari_fluoroinject.service.decide import check_settings
    from napari_fluoroinject.service.orders import Orders

    with wrong_usage(SettingsError):
        check_settings(service, site=settings.site_procedures)
        for named in (service.send_to, service.worklist):
            if named is not None:
                settings.endpoint(named)
    config = None if settings.path is None else settings.path.absolute()
    return Orders(root=received.spool.absolute(), config=config, service=said)


def serve(
    settings: ListenSettings, service: ServiceSettings, orders: Orders | None = None
) -> None:
    """Receive until SIGTERM or SIGINT, then end cleanly; analyse and return where told to.

    Parameters
    ----------
    settings
        Of the receiver.
    service
        Its status page and audit repository.
    orders
        Of the service; None = what is received is kept and no more.
    """
    from napari_fluoroinject.endpoints.storage_scp import station_of
    from napari_fluoroinject.errors import EndpointError

    os.umask(0o077)  # what is received is for its owner alone, whoever writes it
    watch_log()
    with wrong_usage(EndpointError):
        station = station_of(settings)
    stop = stop_signal()
    if orders is None:
        from napari_fluoroinject.service.observed import alone

        with alone(settings, station, service) as receiver:
            tell_listening(receiver)
            stop.wait()
    else:
        from napari_fluoroinject.service.attended import attended

        with attended(settings, station, orders) as (receiver, check):
            tell_listening(receiver)
            while not stop.wait(_CHECK_S):
                check()
    typer.echo("stopped", err=True)


def stop_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set from here on."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def tell_listening(receiver: Receiver) -> None:
    """Say on stderr where and as whom the receiver listens, and who may call."""
    station = receiver.station
    host = f"[{station.host}]" if ":" in station.host else station.host
    everyone = "whoever has a certificate" if station.tls else "everyone on this machine"
    typer.echo(
        printable(
            f"listening on {host}:{receiver.port} as {station.ae_title}"
            f"{' over TLS' if station.tls else ''}; may call: "
            f"{', '.join(station.callers) or everyone}; spool: {receiver.spool.root}"
        ),
        err=True,
    )


def watch_log() -> None:
    """Write warnings to stderr, of many alike the first: a flood of callers fills no disk."""
    import logging

    from napari_fluoroinject.cli.calm import Calm

    told = logging.StreamHandler()
    told.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    told.addFilter(Calm())
    logging.basicConfig(level=logging.WARNING, handlers=[told])
