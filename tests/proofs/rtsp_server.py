"""A GStreamer RTSP server of a test picture; run by the system's Python, which has its bindings.

    python3 tests/proofs/rtsp_server.py PORT [USER PASSWORD]

It prints `ready` once it listens, serves `/carm`, and ends with its standard input.
"""

from __future__ import annotations

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - versions are asked for first

PIPELINE = (
    "( videotestsrc is-live=true pattern=ball ! "
    "video/x-raw,width=128,height=96,framerate=30/1,format=I420 ! "
    "jpegenc ! rtpjpegpay name=pay0 pt=26 )"
)


def main() -> None:
    """Serve until standard input ends."""
    Gst.init(None)
    loop = GLib.MainLoop()
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(PIPELINE)
    if len(sys.argv) > 3:
        _guard(server, factory, *sys.argv[2:4])
    server.get_mount_points().add_factory("/carm", factory)
    server.attach(None)
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    print("ready", flush=True)
    loop.run()


def _guard(server, factory, user: str, password: str) -> None:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    permissions = GstRtspServer.RTSPPermissions()
    for what in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("user", what, True)
    factory.set_permissions(permissions)
    server.set_auth(auth)


if __name__ == "__main__":
    main()
