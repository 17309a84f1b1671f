"""Who may call: AE titles, each from anywhere, from an address, or with a certificate."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_TITLE = 16
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who calls: the title it gives, its address, the names in its certificate (lower case).

    `called` is the title that it asks for. Both titles are as the peer wrote them: see `legible`.
    """

    ae_title: str
    address: str
    names: tuple[str, ...] = ()
    called: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One who may call: `network` and `name` are None where anyone of that title may."""

    ae_title: str
    network: Network | None = None
    name: str | None = None

    def is_(self, peer: Peer) -> bool:
        """Whether the peer is this one."""
        return (
            peer.ae_title == self.ae_title
            and (self.network is None or plain_address(peer.address) in self.network)
            and (self.name is None or self.name in peer.names)
        )


def parse_callers(texts: Iterable[str], *, tls: bool) -> tuple[Caller, ...]:
    """Read `AE`, `AE@ADDRESS`, `AE@NETWORK/LENGTH`, and under TLS `AE@CERTIFICATE-NAME`.

    Raises
    ------
    EndpointError
        A title that is none, or what is neither an address nor, under TLS, a name.
    """
    return tuple(_parse_caller(text, tls=tls) for text in texts)


def check_title(title: str) -> str:
    """Return the AE title without its padding.

    Raises
    ------
    EndpointError
        If it is none.
    """
    bare = title.strip(" ")
    printable = all(32 <= ord(letter) < 127 and letter != "\\" for letter in bare)
    if not (1 <= len(bare) <= _LONGEST_TITLE and printable):
        raise EndpointError(
            f"{title!r} is not an AE title; expected 1 to 16 characters (PS3.5 6.2)"
        )
    return bare


def legible(title: str) -> str:
    """A title as it may be written down: 16 characters at most, `?` for what is not printable."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in title[:_LONGEST_TITLE])


def plain_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address, an IPv4 address also where it came over an IPv6 socket."""
    seen = ipaddress.ip_address(address.partition("%")[0])
    mapped = seen.ipv4_mapped if isinstance(seen, ipaddress.IPv6Address) else None
    return mapped or seen


def is_loopback(host: str) -> bool:
    """Whether only this machine can call there."""
    try:
        return plain_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _plain_network(text: str) -> Network:
    """The network, of IPv4 also where it is written as one of IPv6."""
    network = ipaddress.ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}")


def _parse_caller(text: str, *, tls: bool) -> Caller:
    title, mark, place = text.rpartition("@") if "@" in text else (text, "", "")
    title, place = check_title(title), place.strip().strip("[]")
    if not mark:
        return Caller(ae_title=title)
    try:
        return Caller(ae_title=title, network=_plain_network(place))
    except ValueError as error:
        if not tls or not place or "/" in place:
            also = ", or a name in the caller's certificate" if tls else "; names need TLS"
            bare = title.rstrip("@") or "AE"
            raise EndpointError(
                f"{text!r}: {place!r} is not an address; expected one such as {bare}@192.0.2.7 "
                f"or {bare}@192.0.2.0/24{also}"
            ) from error
        return Caller(ae_title=title, name=place.lower())
