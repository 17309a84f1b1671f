"""How much a listener grants: time, bytes and places, to all its callers together."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fluoroinject.spool.store import RESERVE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one listener.

    Attributes
    ----------
    handshake_s, request_s
        For TLS, and for the association request after it.
    pdu_s
        For one PDU, from its first byte: half a PDU must not hold a thread for ever.
    idle_s
        Between two PDUs; nobody keeps an association for later.
    send_s, linger_s
        For an answer to be taken, and for the peer to leave after the last one.
    window_s, window_bytes
        While a message is under way, the least that must come in each window: complete tiny
        PDUs must not hold a place for ever either.
    longest_request_bytes, longest_pdu_bytes
        Of an association request (128 contexts have room), and of every PDU after it.
    longest_message_bytes, longest_object_bytes
        Of what is kept in memory (queries, reports), and of an object, which is a file.
    least_free_bytes
        Free space that no incoming object may take.
    connections, connections_per_address
        Not yet associated. Where there are more, the one that has kept silent longest makes way:
        a caller that speaks at once is always heard.
    associations, reserved
        Places in all, above the largest burst measured from one C-arm host (100 at once), and
        how many of them a single title cannot take where several are listed.
    spared_s, patience_s
        Where every place is taken, the association that has been quiet longest makes way for a
        newcomer, in the middle of a message too, but none that has been so for less; and how long
        the newcomer waits for that.
    """

    handshake_s: float = 5.0
    request_s: float = 5.0
    pdu_s: float = 5.0
    idle_s: float = 15.0
    send_s: float = 15.0
    linger_s: float = 1.0
    window_s: float = 15.0
    window_bytes: int = 512 << 10
    longest_request_bytes: int = 256 << 10
    longest_pdu_bytes: int = 128 << 10
    longest_message_bytes: int = 1 << 20
    longest_object_bytes: int = 4 << 30
    least_free_bytes: int = RESERVE_BYTES
    connections: int = 256
    connections_per_address: int = 150
    associations: int = 144
    reserved: int = 16
    spared_s: float = 0.25
    patience_s: float = 2.0
