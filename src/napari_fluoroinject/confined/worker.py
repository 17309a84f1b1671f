"""Loops in a process of their own: `python -m napari_fluoroinject.confined.worker PARENT MOST`.

For each, one line of JSON comes in on stdin, which stays open as a lifeline, and one goes out on
stdout.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING

from napari_fluoroinject.confined.asked import request_from
from napari_fluoroinject.confined.limits import die_with_parent, leave_network, limit
from napari_fluoroinject.confined.spent import measured
from napari_fluoroinject.confined.work import NotWorked, ResultFile, Worked, WorkOrder

if TYPE_CHECKING:
    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.workflow import AnalysisRequest


def main() -> None:
    """Work on orders within the limits of the first, answer each, and end after so many."""
    parent, most = map(int, sys.argv[1:3])
    orders: SimpleQueue[bytes] = SimpleQueue()
    die_with_parent(sys.stdin.buffer, parent=parent, heard=orders.put)
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # what a library prints is no answer
        os.umask(0o077)
        order = WorkOrder.read(orders.get())
        limit(memory_bytes=order.memory_bytes, niceness=order.niceness)
        leave_network()
        for left in reversed(range(most)):
            with measured() as spent:
                answer = _answer(order)
            answers.write(replace(answer, spent=spent()).text() + "\n")
            answers.flush()
            if left:
                order = WorkOrder.read(orders.get())
    os._exit(0)  # nothing that is left to be torn down may take the answer back


def _answer(order: WorkOrder) -> Worked | NotWorked:
    from napari_fluoroinject.errors import FluoroinjectError, StorageError, UnreadableObjectError

    try:
        return work(order)
    except StorageError as error:
        return NotWorked(fault="storage", reason=str(error))
    except UnreadableObjectError as error:  # the name of a file in the spool tells nobody anything
        return NotWorked(fault="refused", reason=f"seen {error.seen}; expected {error.expected}")
    except FluoroinjectError as error:
        return NotWorked(fault="refused", reason=str(error))
    except MemoryError:
        return NotWorked(
            fault="broken",
            reason=f"the analysis needs more memory than {order.memory_bytes >> 20} MB "
            f"({order.limit_names[1]})",
        )
    except Exception as error:  # the edge of a worker: its text may hold a patient's values
        return NotWorked(fault="broken", reason=f"unexpected {type(error).__name__}")


def work(order: WorkOrder) -> Worked:
    """Analyse the loop, and bring its results to disk; or decode it ahead of that.

    Raises
    ------
    FluoroinjectError
        As the workflow.
    """
    from napari_fluoroinject.settings import Settings, load_settings
    from napari_fluoroinject.sources import check_writable
    from napari_fluoroinject.spool.private import make_private
    from napari_fluoroinject.spool.store import file_sha256
    from napari_fluoroinject.workflow import analyze_received, decode_ahead

    if order.decoded is not None and order.decode_bytes is not None:
        decode_ahead(order.paths, order.decoded, most_bytes=order.decode_bytes)
        return Worked(source_uid="", folder=order.decoded, warnings=0, files=())
    settings = Settings() if order.config is None else load_settings(order.config)
    make_private(order.out)
    if order.recover:
        check_writable(order.out)
    result = analyze_received(
        order.paths,
        request_of(order, settings),
        out=order.out,
        beside=order.beside,
        decoded=order.decoded,
    )
    return Worked(
        source_uid=result.summary["source"]["sop_instance_uid"],
        folder=result.folder,
        warnings=len(result.summary["warnings"]),
        files=tuple(
            ResultFile(
                path=result.folder / one["file"],
                sop_class_uid=one["sop_class_uid"],
                sop_instance_uid=one["sop_instance_uid"],
                sha256=file_sha256(result.folder / one["file"]),
            )
            for one in result.summary["outputs"]
        ),
    )


def request_of(order: WorkOrder, settings: Settings) -> AnalysisRequest:
    """What was decided for one loop, and what the site has set for all.

    Parameters
    ----------
    order, settings
        The loop's, the site's.
    """
    from napari_fluoroinject.workflow import AnalysisRequest

    if order.asked is not None:
        return request_from(order.asked)
    request = AnalysisRequest.by(settings, order.procedure)
    return replace(request, level=order.level, side=order.side)


if __name__ == "__main__":
    main()
