"""The feed of an OpenIGTLink server: connecting, silence, garbage, and the way back."""

from __future__ import annotations

import itertools
import random
import socket
import threading
import time

import numpy as np
import pytest
from igtl_messages import (
    HOLD,
    Speaker,
    asymmetric,
    by_hand,
    by_pyigtl,
    frames_of,
    image_body,
    notes_of,
    numbered,
    take,
)

from napari_fluoroinject.endpoints import igtl
from napari_fluoroinject.endpoints.igtl import IgtlFeed
from napari_fluoroinject.errors import EndpointError

pytestmark = pytest.mark.network


def has_frames(count):
    return lambda items: len(frames_of(items)) >= count


def has_notes(count):
    return lambda items: len(notes_of(items)) >= count


def kinds(items):
    return [getattr(item, "event", "frame") for item in items]


def rising(items):
    times = [frame.time_s for frame in frames_of(items)]
    return all(b > a for a, b in itertools.pairwise(times))


def test_pictures_come_in_order_and_each_lies_in_memory_of_its_own():
    messages = numbered(30)
    with Speaker([*messages, HOLD]) as speaker:
        items = take(IgtlFeed("127.0.0.1", speaker.port), has_frames(30))
    assert kinds(items) == ["connected"] + ["frame"] * 30
    assert [int(frame.pixels[0, 0]) for frame in frames_of(items)] == list(range(1, 31))
    assert rising(items)


def test_a_server_that_hangs_up_is_called_again_and_numbers_and_times_go_on():
    with Speaker([*numbered(5)], [*numbered(5, first=6), HOLD]) as speaker:
        items = take(IgtlFeed("127.0.0.1", speaker.port), has_frames(10))
    assert kinds(items) == [
        *(["connected"] + ["frame"] * 5),
        *(["lost", "connected"] + ["frame"] * 5),
    ]
    assert [frame.index for frame in frames_of(items)] == list(range(10))
    assert rising(items)


def test_pictures_that_a_server_sent_between_two_connections_are_a_gap_where_it_numbers_them():
    with Speaker([*numbered(5)], [*numbered(5, first=9), HOLD]) as speaker:
        items = take(IgtlFeed("127.0.0.1", speaker.port), has_frames(10))
    assert [frame.index for frame in frames_of(items)] == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]
    assert "gap" in kinds(items)


def test_a_server_that_starts_later_and_with_an_earlier_clock_is_found():
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    feed = IgtlFeed("127.0.0.1", port)
    items, speakers = [], []
    for item in feed:
        items.append(item)
        if not speakers:  # the note that nobody answers
            speakers.append(Speaker([*numbered(3, first=50)], [*numbered(3), HOLD], port=port))
        if len(frames_of(items)) == 6:
            feed.close()
    for speaker in speakers:
        speaker.__exit__()
    assert kinds(items)[:2] == ["lost", "connected"]
    assert "refused" in items[0].text
    assert rising(items)


def test_that_nobody_answers_is_told_once_however_often_it_is_tried(monkeypatch):
    monkeypatch.setattr(igtl, "_PAUSES_S", (0.001,))
    tries = []

    def refused(*_):
        tries.append(1)
        if len(tries) == 20:
            feed.close()
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(igtl, "open_line", refused)
    feed = IgtlFeed("127.0.0.1", 1)
    assert kinds(list(feed)) == ["lost"]
    assert len(tries) == 20


def test_a_silent_server_is_told_and_so_is_that_pictures_come_again():
    with Speaker([*numbered(1), 0.4, *numbered(2, first=2), HOLD]) as speaker:
        items = take(IgtlFeed("127.0.0.1", speaker.port, silent_s=0.1), has_frames(3))
    assert kinds(items) == ["connected", "frame", "lost", "connected", "frame", "frame"]
    assert "no picture for 0.1 s" in items[2].text


def test_a_device_that_sends_nothing_is_told_with_the_names_of_those_that_do():
    other = by_pyigtl(asymmetric(), name="Other")
    with Speaker([other, HOLD]) as speaker:
        feed = IgtlFeed("127.0.0.1", speaker.port, device="Mine", silent_s=0.2)
        items = take(feed, has_notes(2))
    assert "no picture of 'Mine' comes, but of 'Other'" in items[1].text


def test_a_server_that_comes_back_under_another_name_is_followed_where_none_was_named():
    mine, other = (by_pyigtl(asymmetric(), name=name) for name in ("Mine", "Other"))
    with Speaker([mine], [other, 0.5, other, HOLD]) as speaker:
        items = take(IgtlFeed("127.0.0.1", speaker.port, silent_s=0.2), has_frames(2))
    assert any("but of 'Other': the first that comes is taken" in n.text for n in notes_of(items))


@pytest.mark.parametrize(
    "garbage",
    [
        random.Random(7).randbytes(500),
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" + bytes(20),
        by_hand(image_body(bytes(6), (3, 2, 1)), crc=5),
        by_hand(b"", version=9),
        numbered(1)[0][:70],
    ],
    ids=["noise", "http", "crc", "version", "cut"],
)
def test_garbage_is_told_and_pictures_come_again_by_another_call(garbage):
    with Speaker([*numbered(2), garbage], [*numbered(2, first=3), HOLD]) as speaker:
        items = take(IgtlFeed("127.0.0.1", speaker.port), has_frames(4))
        assert speaker.calls == 2
    assert kinds(items)[0:3] == ["connected", "frame", "frame"]
    assert kinds(items)[3] in ("garbage", "lost")
    assert kinds(items)[4:] == ["connected", "frame", "frame"]
    assert [frame.index for frame in frames_of(items)] == [0, 1, 2, 3]


def test_a_message_that_breaks_off_in_silence_is_told_and_called_anew(monkeypatch):
    monkeypatch.setattr(igtl, "_STALL_S", 0.2)
    with Speaker([numbered(1)[0][:70], 0.8], [*numbered(1), HOLD]) as speaker:
        items = take(IgtlFeed("127.0.0.1", speaker.port, silent_s=30.0), has_frames(1))
    assert kinds(items) == ["connected", "garbage", "connected", "frame"]
    assert "a part of a message" in items[1].text


def test_a_server_of_nothing_but_garbage_is_told_once_and_called_ever_more_rarely(monkeypatch):
    pauses = []
    noise = random.Random(3).randbytes(200)
    with Speaker([noise]) as speaker:
        feed = IgtlFeed("127.0.0.1", speaker.port)

        def wait(pause_s):
            pauses.append(pause_s)
            if len(pauses) == 8:
                feed.close()
            return feed._alarm.rung

        monkeypatch.setattr(feed._alarm, "wait", wait)
        items = list(feed)
    assert kinds(items).count("garbage") == 1
    assert len(items) <= 3  # one connection, one garbage, at most one that broke off
    assert pauses == sorted(pauses)
    assert pauses[-1] == 2.0


def never_accepting():
    """A server whose queue of callers is full: who calls waits."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    fill = [socket.socket() for _ in range(4)]
    for one in fill:
        one.setblocking(False)
        one.connect_ex(server.getsockname())
    return server, fill


@pytest.mark.parametrize("where", ["connecting", "reading", "pausing", "resolving"])
def test_closing_ends_it_wherever_it_waits(where, monkeypatch):
    monkeypatch.setattr(igtl, "_PAUSES_S", (600.0,))
    opened = []
    if where == "connecting":
        monkeypatch.setattr("napari_fluoroinject.endpoints.igtl_line.CONNECT_S", 600.0)
        server, fill = never_accepting()
        opened += [server, *fill]
        feed = IgtlFeed("127.0.0.1", server.getsockname()[1])
    elif where == "reading":
        server = socket.create_server(("127.0.0.1", 0))
        opened.append(server)
        feed = IgtlFeed("127.0.0.1", server.getsockname()[1], silent_s=600.0)
    elif where == "resolving":
        asleep = threading.Event()
        real = socket.getaddrinfo

        def slow(*words, **named):
            if not named.get("flags"):
                asleep.wait(5.0)
            return real(*words, **named)

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        feed = IgtlFeed("c-arm.invalid", 18944)
    else:
        with socket.create_server(("127.0.0.1", 0)) as held:
            feed = IgtlFeed("127.0.0.1", held.getsockname()[1])
    items = []
    thread = threading.Thread(target=lambda: items.extend(feed))
    thread.start()
    time.sleep(0.3)
    feed.close()
    thread.join(60.0)
    assert not thread.is_alive()
    for one in opened:
        one.close()
    if where == "resolving":
        asleep.set()


def test_a_feed_that_was_closed_before_it_began_gives_nothing():
    feed = IgtlFeed("127.0.0.1", 18944)
    feed.close()
    feed.close()
    assert list(feed) == []


@pytest.mark.parametrize(("host", "port"), [("", 18944), ("127.0.0.1", 0), ("127.0.0.1", 70000)])
def test_an_address_that_is_none_is_refused(host, port):
    with pytest.raises(EndpointError, match="expected igtl://HOST:PORT"):
        IgtlFeed(host, port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 300, "a..b"])
def test_a_host_that_is_not_found_is_told(host):
    feed = IgtlFeed(host, 18944)
    (note,) = take(feed, has_notes(1))
    assert note.event == "lost"


def test_a_late_taker_misses_nothing():
    messages = [
        by_pyigtl(np.full((256, 256), k, np.uint16), version=2, number=1 + k, stamp_s=1e9 + k)
        for k in range(80)
    ]
    with Speaker([*messages, HOLD]) as speaker:
        feed = IgtlFeed("127.0.0.1", speaker.port)
        seen = []
        for item in feed:
            if kinds([item]) == ["frame"]:
                seen.append((item.index, int(item.pixels[0, 0])))
                time.sleep(0.002)
            if len(seen) == 80:
                feed.close()
    assert seen == [(k, k) for k in range(80)]
