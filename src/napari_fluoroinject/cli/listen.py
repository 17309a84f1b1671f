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
from napari_fluoroinject.cli.process import share_arenas

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
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log a line for every object too.")
    ] = False,
) -> None:
    """Receive loops that are pushed here, durably, until stopped; analyse and return them."""
    share_arenas()
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
    orders = None if orders is None else replace(orders, verbose=verbose)
    watch_log(verbose=verbose)
    serve(received, settings.service, orders)


def _orders(settings: Settings, received: ListenSettings, said: dict[str, Any]) -> Orders | None:
    """What the service is told; None where nothing is to be analysed."""
    service = replace(settings.service, **said)
    if service.analyze is None:
        if "send_to" in said:
            raise typer.BadParameter("--return without --analyze: there would be no results")
        if service.send_to is not None:
            raise typer.BadParameter(
                printable(
                    f"{settings.path}: service.send_to without service.analyze: there would be no "
                    "results; expected both or neither, or --analyze"
                )
            )
        return None
    # not above: a receiver alone is to answer soon after its start
    from napari_fluoroinject.decide import check_settings
    from napari_fluoroinject.errors import SettingsError
    from napari_fluoroinject.service.orders import Orders
    from napari_fluoroinject.service.peers import check_peers

    with wrong_usage(SettingsError):
        check_settings(service, site=settings.site_procedures)
        check_peers(replace(settings, service=service))
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
    with wrong_usage(EndpointError):
        station = station_of(settings)
    stop = stop_signal()
    if orders is None:
        from napari_fluoroinject.service.observed import alone

        with alone(settings, station, service) as receiver:
            tell_listening(receiver, service)
            stop.wait()
    else:
        from napari_fluoroinject.service.attended import attended

        with attended(settings, station, orders) as (receiver, check):
            tell_listening(receiver, orders.settings().service)
            while not stop.wait(_CHECK_S):
                check()
    typer.echo("stopped", err=True)


def stop_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set from here on."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def tell_listening(receiver: Receiver, service: ServiceSettings) -> None:
    """Say on stderr where and as whom the receiver listens, who may call, and what follows."""
    station = receiver.station
    host = f"[{station.host}]" if ":" in station.host else station.host
    everyone = "whoever has a certificate" if station.tls else "everyone on this machine"
    typer.echo(
        printable(
            f"listening on {host}:{receiver.port} as {station.ae_title}"
            f"{' over TLS' if station.tls else ''}; may call: "
            f"{', '.join(station.callers) or everyone}; spool: {receiver.spool.root}"
            f"{_what_follows(service)}"
        ),
        err=True,
    )


def _what_follows(service: ServiceSettings) -> str:
    told = []
    if service.analyze is not None:
        told.append(f"analysis: {service.analyze}")
        told.append(f"results go to: {service.send_to or 'the spool alone'}")
    if service.status_port:
        told.append(f"status: http://127.0.0.1:{service.status_port}/")
    return "".join(f"; {one}" for one in told)


def watch_log(*, verbose: bool = False) -> None:
    """Write warnings to stderr, of many alike the first: a flood of callers fills no disk.

    With `verbose` what is done with each object, too.
    """
    import logging

    from napari_fluoroinject.cli.calm import Calm
    from napari_fluoroinject.service.process import LOG_FORMAT, LOG_TIME

    told = logging.StreamHandler()
    told.setFormatter(logging.Formatter(LOG_FORMAT, LOG_TIME))
    told.addFilter(Calm())
    logging.basicConfig(level=logging.WARNING, handlers=[told])
    if verbose:
        logging.getLogger("napari_fluoroinject").setLevel(logging.INFO)
