"""A port whose callers each get a thread, and where the silent make way for those who speak."""

from __future__ import annotations

import ipaddress
import logging
import selectors
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from errno import EACCES, EADDRNOTAVAIL, EPERM
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.allow import Peer
from napari_fluoroinject.endpoints.association import Association, Entity
from napari_fluoroinject.endpoints.threads import CallerThread
from napari_fluoroinject.endpoints.tls import certificate_names
from napari_fluoroinject.endpoints.tls_faults import BROKEN_OFF, kind_of
from napari_fluoroinject.endpoints.wire import Wire

if TYPE_CHECKING:
    import ssl

    from napari_fluoroinject.endpoints.limits import Limits

log = logging.getLogger(__name__)

_BACKLOG = 512
_CLOSING_S = 5.0
_LOOK_S = 0.05
_PAUSE_S = 0.1
"""After a connection could not be accepted: no descriptors, no memory, no threads."""


def no_port(error: OSError | OverflowError) -> str:
    """Why a port cannot be had, what was expected, what to do."""
    why = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
    number = getattr(error, "errno", None) or 0
    if number < 0 or number == EADDRNOTAVAIL:  # below 0: the name of a host that is not found
        return f"{why}; expected an address of this machine, or 0.0.0.0 for all that it has"
    if number in (EACCES, EPERM):
        return f"{why}; expected a port that this user may have, usually 1024 or above"
    return f"{why}; expected a free port: choose another, or 0 for any"


class _Connection:
    """A caller's socket, and its association once there is one."""

    def __init__(self, connection: socket.socket, address: str) -> None:
        self.socket = connection
        self.address = address
        self.thread: threading.Thread | None = None
        self.association: Association | None = None
        self.placed = False

    def cut(self, how: int = socket.SHUT_RDWR) -> None:
        """Wake its thread: it reads no more."""
        with suppress(OSError):
            # not of the TLS socket, which would forget its session under the reading thread
            socket.socket.shutdown(self.socket, how)


class Listener:
    """Listens on one port.

    Parameters
    ----------
    host, port
        Where; port 0 takes a free one.
    entity
        Who answers.
    limits
        What callers are granted.
    context
        Of TLS; None = without.

    Raises
    ------
    OSError
        The address or port cannot be had.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        entity: Entity,
        limits: Limits,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._entity = entity
        self._limits = limits
        self._context = context
        self._lock = threading.Lock()
        self._connections: list[_Connection] = []
        self._closing = False
        self._server = socket.create_server(
            (host, port), family=_family(host), backlog=_BACKLOG, reuse_port=False
        )
        self._server.setblocking(False)
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._accept_all, name=entity.ae_title)
        self.port = int(self._server.getsockname()[1])

    @property
    def threads(self) -> int:
        """How many callers have a thread now."""
        with self._lock:
            return len(self._connections)

    def start(self) -> None:
        """Accept callers from here on."""
        self._thread.start()

    @property
    def associations(self) -> int:
        """How many are open now."""
        with self._lock:
            return sum(one.placed for one in self._connections)

    def close(self) -> None:
        """Stop listening; what has come whole is still answered, everything else aborted."""
        self._wake.send(b"!")
        if self._thread.ident is not None:
            self._thread.join()
        self._server.close()
        self._wake.close()
        self._woken.close()
        with self._lock:
            self._closing = True
            left = list(self._connections)
        for one in left:
            one.cut(socket.SHUT_RD)
        deadline = time.monotonic() + _CLOSING_S
        for one in left:
            if one.thread is not None:
                one.thread.join(max(0.0, deadline - time.monotonic()))
                if one.thread.is_alive():
                    one.cut()
                    one.thread.join(max(0.1, deadline - time.monotonic()))

    def _accept_all(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if self._woken in ready:
                    return
                try:
                    for _ in range(_BACKLOG):
                        self._accept()
                except BlockingIOError:  # nobody else waits
                    pass
                except (OSError, RuntimeError, MemoryError) as error:
                    log.error("%s: cannot accept: %s", self._entity.ae_title, error)
                    self._make_way()
                    time.sleep(_PAUSE_S)

    def _accept(self) -> None:
        accepted, address = self._server.accept()
        one = _Connection(accepted, str(address[0]))
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._make_room_for(one)
                self._connections.append(one)
            one.thread = CallerThread(
                target=self._serve, args=(one,), name=f"{self._entity.ae_title} caller"
            )
            one.thread.start()
        except BaseException:
            self._drop(one)
            raise

    def _serve(self, one: _Connection) -> None:
        """Serve one caller; the handshake too is the caller's own time, and nobody else's."""
        try:
            names = self._shake_hands(one) if self._context is not None else ()
            peer = Peer(ae_title="", address=one.address, names=names)
            association = Association(
                Wire(one.socket, self._limits), self._entity, self._limits, peer
            )
            association.run(lambda association: self._place(one, association))
        except OSError as error:  # of TLS
            self._tell_no_tls(one, error)
        finally:
            self._drop(one)

    def _shake_hands(self, one: _Connection) -> tuple[str, ...]:
        if self._context is None:
            raise TypeError("a handshake without TLS; expected a context")
        secured = self._context.wrap_socket(
            one.socket, server_side=True, do_handshake_on_connect=False
        )
        one.socket = secured
        secured.settimeout(self._limits.handshake_s)
        secured.do_handshake()
        return certificate_names(secured)

    def _tell_no_tls(self, one: _Connection, error: OSError) -> None:
        """Note whom TLS turns away; who only connects and leaves asked for nothing."""
        why = kind_of(error)
        if why in (None, BROKEN_OFF):
            log.info("%s: no TLS with %s: %s", self._entity.ae_title, one.address, type(error))
            return
        self._entity.rejected(Peer(ae_title="", address=one.address), f"TLS: {why}")
        # closed with unread bytes, the peer would not see the alert that tells it why
        Wire(one.socket, self._limits).send_last(b"")

    def _make_room_for(self, newcomer: _Connection) -> None:
        """Where too many have not yet asked for an association, the oldest of them makes way."""
        waiting = [one for one in self._connections if not one.placed]
        same = [one for one in waiting if one.address == newcomer.address]
        if len(same) >= self._limits.connections_per_address:
            self._evict(same[0])
        elif len(waiting) >= self._limits.connections:
            self._evict(waiting[0])

    def _make_way(self) -> None:
        """Let the one go that has kept silent longest: the system gives no more."""
        with self._lock:
            waiting = [one for one in self._connections if not one.placed]
            if waiting:
                self._evict(waiting[0])

    def _place(self, one: _Connection, association: Association) -> bool:
        """Give an association one of the places; False where all are taken and in use."""
        give_up = time.monotonic() + self._limits.patience_s
        while not self._take_place(one, association):
            if self._closing or time.monotonic() > give_up:
                return False
            time.sleep(_LOOK_S)
        return True

    def _take_place(self, one: _Connection, association: Association) -> bool:
        with self._lock:
            placed = [other for other in self._connections if other.placed]
            same = [other for other in placed if _title(other) == association.peer.ae_title]
            most = self._limits.associations - self._reserved()
            crowd = same if len(same) >= most else _crowd(placed)
            if len(same) >= most or len(placed) >= self._limits.associations:
                quietest = min(crowd, key=_quiet_since, default=None)
                spared = time.monotonic() - self._limits.spared_s
                if quietest is None or _quiet_since(quietest) > spared:
                    return False
                self._evict(quietest)
            if self._closing or one not in self._connections:
                return False
            one.association, one.placed = association, True
        return True

    def _reserved(self) -> int:
        return self._limits.reserved if self._entity.callers_known > 1 else 0

    def _evict(self, one: _Connection) -> None:
        self._connections.remove(one)
        one.cut()

    def _drop(self, one: _Connection) -> None:
        with self._lock:
            if one in self._connections:
                self._connections.remove(one)
        with suppress(OSError):
            one.socket.close()


def _title(one: _Connection) -> str:
    return one.association.peer.ae_title if one.association is not None else ""


def _crowd(placed: list[_Connection]) -> list[_Connection]:
    """Those of the address that holds the most places: a flood is its own first victim."""
    counts = Counter(one.address for one in placed)
    return [one for one in placed if counts[one.address] == max(counts.values())]


def _quiet_since(one: _Connection) -> float:
    since = one.association.quiet_since_s if one.association is not None else None
    return float("inf") if since is None else since


def _family(host: str) -> socket.AddressFamily:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return socket.AF_INET
    return socket.AF_INET6 if version == 6 else socket.AF_INET
