"""`fluoroinject listen`: the durable receiver that C-arms and archives push to."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from pathlib import Path  # noqa: TC003 - typer reads it off the option
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluoroinject.cli.console import ConfigOption, printable, settings_from, wrong_usage

if TYPE_CHECKING:
    from napari_fluoroinject.endpoints.receive import Receiver
    from napari_fluoroinject.settings.network import ListenSettings


def listen(
    config: ConfigOption = None,
    host: Annotated[
        str | None, typer.Option(help="Address; another than loopback needs --allow or TLS.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")
    ] = None,
    ae_title: Annotated[str | None, typer.Option(help="Our AE title.")] = None,
    spool: Annotated[Path | None, typer.Option(help="Folder that keeps what is received.")] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Who may call, all others may not: AE, AE@ADDRESS, AE@CERTIFICATE."),
    ] = None,
) -> None:
    """Receive loops that are pushed here, durably, until stopped."""
    given: dict[str, Any] = {"host": host, "port": port, "ae_title": ae_title, "spool": spool}
    said = {name: value for name, value in given.items() if value is not None}
    settings = settings_from(config).listen
    serve(replace(settings, **said, allow=tuple(allow) if allow else settings.allow))


def serve(settings: ListenSettings) -> None:
    """Receive until SIGTERM or SIGINT; then end cleanly."""
    from napari_fluoroinject.endpoints.receive import receiving
    from napari_fluoroinject.endpoints.storage_scp import station_of
    from napari_fluoroinject.errors import EndpointError

    watch_log()
    with wrong_usage(EndpointError):
        station = station_of(settings)
    stop = stop_signal()
    with receiving(settings, station) as receiver:
        tell_listening(receiver)
        stop.wait()
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
