"""The OpenIGTLink server: many clients, late ones, silent ones, and those who send garbage."""

from __future__ import annotations

import random
import socket
import threading
import time

import numpy as np
import pytest
from awaited import until
from igtl_messages import asymmetric, frames_of, read, take

from napari_fluoroinject.endpoints import igtl_client
from napari_fluoroinject.endpoints.igtl import IgtlFeed
from napari_fluoroinject.endpoints.igtl_client import Row
from napari_fluoroinject.endpoints.igtl_server import IgtlServer
from napari_fluoroinject.errors import EndpointError

pytestmark = pytest.mark.network

WITHIN_S = 60.0


def call(server):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN_S)
    connection.settimeout(WITHIN_S)
    return connection


def all_of(connection):
    data = bytearray()
    while part := connection.recv(1 << 16):
        data += part
    return bytes(data)


def still(value, shape=(512, 512)):
    pixels = np.full(shape, value, np.uint16)
    pixels.flags.writeable = False
    return pixels


def test_every_client_gets_pictures_and_texts():
    said = []
    with IgtlServer() as server, call(server) as one, call(server) as other:
        until(lambda: server.clients == 2)
        server.put("Map", asymmetric(), 1.7e9)
        server.say("State", "müde")
        server.close()
        for connection in (one, other):
            (frame,) = read(all_of(connection), said=lambda *it: said.append(it))
            assert frame.pixels.tolist() == asymmetric().tolist()
            assert frame.wall_s == 1.7e9
    assert said == [("State", "müde")] * 2


def test_who_comes_later_gets_the_newest_of_each_name():
    with IgtlServer() as server:
        server.put("Map", asymmetric(3, 3))
        server.put("Map", asymmetric())
        server.put("Picture", asymmetric(4, 4))
        feed = IgtlFeed("127.0.0.1", server.port, device="Map")
        items = take(feed, frames_of)
    assert frames_of(items)[0].pixels.shape == (5, 7)


def test_an_array_may_be_changed_after_it_was_put():
    pixels = asymmetric()
    with IgtlServer() as server:
        server.put("A", pixels)
        pixels[:] = 0
        items = take(IgtlFeed("127.0.0.1", server.port), frames_of)
    assert frames_of(items)[0].pixels.tolist() == asymmetric().tolist()


def test_a_client_that_never_reads_holds_up_nobody_and_misses_pictures():
    with IgtlServer(version=2) as server, call(server) as lazy:
        until(lambda: server.clients == 1)
        feed = IgtlFeed("127.0.0.1", server.port)
        thread = threading.Thread(target=take, args=(feed, ends_with(99)))
        thread.start()
        until(lambda: server.clients == 2)
        for k in range(100):  # 50 MiB: more than the system holds for one
            server.put("A", still(k))
            time.sleep(0.002)
        waiting = [len(client.row) for client in tuple(server._clients.values())]
        assert max(waiting) <= 1
        thread.join(WITHIN_S)
        assert not thread.is_alive()
        server_side = threading.Thread(target=server.close)
        server_side.start()
        late = frames_of(read(all_of(lazy)))
        server_side.join(WITHIN_S)
    shown = [int(frame.pixels[0, 0]) for frame in late]
    assert shown == sorted(shown)
    assert len(shown) < 100


def ends_with(value):
    return lambda items: frames_of(items) and frames_of(items)[-1].pixels[0, 0] == value


def test_a_client_that_takes_nothing_for_long_is_let_go(monkeypatch):
    monkeypatch.setattr(igtl_client, "STUCK_S", 0.2)
    with IgtlServer() as server, call(server):
        until(lambda: server.clients == 1)
        for k in range(40):
            server.put("A", still(k))
            time.sleep(0.002)
        until(lambda: server.clients == 0)


def test_clients_that_send_garbage_or_hang_up_disturb_nobody():
    with IgtlServer() as server:
        with call(server) as noisy, call(server) as hasty:
            noisy.sendall(random.Random(1).randbytes(300_000))
            hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            hasty.close()
            server.put("A", asymmetric())
            items = take(IgtlFeed("127.0.0.1", server.port), frames_of)
        assert len(frames_of(items)) == 1
        until(lambda: server.clients == 0)


def test_of_many_more_clients_than_there_is_room_for_the_last_are_sent_away(monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.endpoints.igtl_server._MOST_CLIENTS", 3)
    with IgtlServer() as server:
        callers = [call(server) for _ in range(5)]
        assert [caller.recv(1) for caller in callers[3:]] == [b"", b""]
        assert server.clients == 3
        for caller in callers:
            caller.close()


def test_a_lossless_server_waits_for_a_slow_client_and_leaves_nothing_out():
    with IgtlServer(lossless=True, version=2) as server:
        feed, seen = IgtlFeed("127.0.0.1", server.port), []

        def slowly():
            for item in feed:
                if frames_of([item]):
                    seen.append(int(item.pixels[0, 0]))
                    time.sleep(0.002)
                if len(seen) == 60:
                    feed.close()

        thread = threading.Thread(target=slowly)
        thread.start()
        until(lambda: server.clients == 1)
        for k in range(60):
            server.put("A", still(k))
        server.close()
        thread.join(WITHIN_S)
        feed.close()
    assert seen == list(range(60))


def test_who_comes_later_to_a_lossless_server_gets_what_is_put_from_then_on():
    with IgtlServer(lossless=True) as server:
        server.put("A", asymmetric(3, 3))
        until(lambda: not len(server._row))
        with call(server) as late:
            until(lambda: server.clients == 1)
            server.put("A", asymmetric())
            server.close()
            assert [frame.pixels.shape for frame in frames_of(read(all_of(late)))] == [(5, 7)]


def test_a_server_that_fails_lets_all_go_and_holds_up_nobody_who_puts(caplog, monkeypatch):
    def fail():
        raise MemoryError

    with IgtlServer(lossless=True) as server, call(server) as client:
        monkeypatch.setattr(server, "_hand_out", fail)
        for _ in range(40):
            server.put("A", asymmetric())
        assert client.recv(1) == b""
    assert "ended: unexpected MemoryError" in caplog.text


def test_put_and_say_after_the_end_do_nothing():
    server = IgtlServer()
    server.close()
    server.close()
    server.put("A", asymmetric())
    server.say("A", "b")


@pytest.mark.parametrize("name", ["", "x" * 21, "Bäume", "a\nb"])
def test_a_name_that_the_protocol_has_no_room_for_is_refused(name):
    with IgtlServer() as server, pytest.raises(ValueError, match="1 to 20 ASCII"):
        server.put(name, asymmetric())


def test_an_address_that_others_reach_must_be_asked_for():
    with pytest.raises(EndpointError, match="other machines reach this address"):
        IgtlServer("0.0.0.0")
    with IgtlServer("0.0.0.0", expose=True) as server:
        assert server.port


def test_a_port_that_is_taken_is_told():
    with IgtlServer() as server, pytest.raises(EndpointError, match="expected a free port"):
        IgtlServer(port=server.port)


def test_rows_keep_the_newest_of_each_name_or_every_one():
    newest, every = Row(every=False), Row(every=True)
    for name, one in (("a", 1), ("b", 2), ("a", 3)):
        newest.add(name, one)
        every.add(name, one)
    assert [newest.take() for _ in range(3)] == [3, 2, None]
    assert [every.take() for _ in range(4)] == [1, 2, 3, None]
