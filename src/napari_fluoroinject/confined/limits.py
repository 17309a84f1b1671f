"""What a process gives up before it works on what a peer sent: memory, network, its own life."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # errno EACCES
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # classic BPF: ld [k], jeq k, ret k
_AT_CALL, _AT_MACHINE, _AT_FIRST = 0, 4, 16
"""Offsets of what a filter sees: number of the call, machine, first argument (seccomp(2))."""
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""Audit number of the machine, and its number of socket(2)."""
_INET = (2, 10)
"""Address families IPv4 and IPv6."""
_MOST_AT_ONCE = 1 << 16


def die_with_parent(
    lifeline: IO[bytes], *, parent: int, heard: Callable[[bytes], None] | None = None
) -> None:
    """End this process, whatever it does, as soon as its parent is gone.

    Parameters
    ----------
    lifeline
        A pipe that the parent holds open; nothing else may read it.
    parent
        Its process number.
    heard
        Given each line that comes through it, in a thread of its own.
    """
    if sys.platform.startswith("linux"):
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went before it could be asked for
            os._exit(1)
    threading.Thread(target=_wait_for_end, args=(lifeline, heard), daemon=True).start()


def limit(*, memory_bytes: int, niceness: int) -> None:
    """Cap the memory that this process may write to, and let others go first.

    The cap is on private writable memory (RLIMIT_DATA, Linux 4.7): address space alone costs
    nothing, and the compiler and the threads of the array libraries reserve gigabytes of it.

    Parameters
    ----------
    memory_bytes
        Beyond it allocation fails; the system ends processes that go on nevertheless.
    niceness
        Added to the priority's number.
    """
    if sys.platform == "win32":
        return
    import resource

    with suppress(ValueError, OSError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it would hold a patient's picture
    os.nice(niceness)


def leave_network() -> None:
    """Take away sockets of IPv4 and IPv6 from this process and its children, for good.

    Python's own are refused everywhere; on Linux the kernel refuses the system call, too.
    """
    sys.addaudithook(_refuse_sockets)
    if sys.platform.startswith("linux") and platform.machine() in _MACHINES:
        _filter_calls(*_MACHINES[platform.machine()])


def _wait_for_end(lifeline: IO[bytes], heard: Callable[[bytes], None] | None) -> None:
    # not through its buffer, whose lock a thread that waits would keep at the end
    rest = b""
    with suppress(OSError, ValueError):
        while came := os.read(lifeline.fileno(), _MOST_AT_ONCE):
            *lines, rest = (rest + came).split(b"\n")
            for line in lines:
                if heard is not None:
                    heard(line)
    os._exit(1)


def _refuse_sockets(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.__new__" and len(arguments) > 1 and arguments[1] in _INET:
        raise PermissionError(13, "an analysis opens no connection")


def _prctl(*arguments: int) -> int:
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    return -1 if prctl is None else int(prctl(*map(ctypes.c_ulong, (*arguments, 0, 0, 0))))


def _filter_calls(machine: int, socket_call: int) -> None:
    """Let the kernel refuse socket(AF_INET) and socket(AF_INET6); where it cannot, nothing is."""
    program = b"".join(
        struct.pack("<HBBI", *step)
        for step in (
            (_LOAD, 0, 0, _AT_MACHINE),
            (_EQUAL, 0, 5, machine),
            (_LOAD, 0, 0, _AT_CALL),
            (_EQUAL, 0, 3, socket_call),
            (_LOAD, 0, 0, _AT_FIRST),
            (_EQUAL, 2, 0, _INET[0]),
            (_EQUAL, 1, 0, _INET[1]),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _REFUSE),
        )
    )
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    told = ctypes.create_string_buffer(header, len(header))
    if _prctl(_PR_SET_NO_NEW_PRIVS, 1) == 0:
        _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(told))
