"""From a feed to results under the worklist's patient: real programs in processes of their own.

    python -m tests.proofs.live_chain [--away]

DCMTK's worklist, an OpenIGTLink sender, `fluoroinject live` and `fluoroinject listen` with its
service: the run that `live` records goes by C-STORE to the receiver, is analysed there, and its
results must name the patient and the study of the worklist. With `--away` the receiver is killed
before the run ends and begins again later: the run waits and goes there by itself.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import dcmread

from tests.peers import free_ports, wlmscpfs
from tests.proofs.listening import listening
from tests.proofs.table import Table
from tests.worklist_items import STUDY_UID, item

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_S = 240.0
_SERVICE = '[service]\nanalyze = "mbb_lumbar"\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--away", action="store_true", help="the receiver is away at first")
    away = parser.parse_args().away
    with tempfile.TemporaryDirectory(prefix="live-chain-") as folder:
        table = prove(Path(folder), away=away)
    table.show()
    return 0 if table.kept else 1


def prove(folder: Path, *, away: bool) -> Table:
    """Run the chain; what came of it."""
    table = Table(f"From the feed to results{', the receiver away at first' if away else ''}")
    (port,) = free_ports(1)
    with wlmscpfs(folder / "ris", {"one": item("A1")}) as ris:
        if not away:
            with listening(folder / "theatre", "--port", str(port), lines=_SERVICE) as theatre:
                _run(folder, ris.url, port)
                _results(table, theatre.spool, began_s=time.monotonic())
            return table
        live = _begin(folder, ris.url, port)
        _until(lambda: "1 wait" in (folder / "live.txt").read_text())
        table.figure("runs that waited", 1)
        with listening(folder / "theatre", "--port", str(port), lines=_SERVICE) as theatre:
            began_s = time.monotonic()
            _until(lambda: "1 handed over, 0 wait" in (folder / "live.txt").read_text())
            table.figure("handed over after, s", f"{time.monotonic() - began_s:.0f}")
            live.send_signal(signal.SIGTERM)
            status = live.wait(_PATIENCE_S)
            table.at_most("exit status of live", status, 0)
            if status:
                print((folder / "live.txt").read_text())
            _results(table, theatre.spool, began_s=began_s)
    return table


def _begin(folder: Path, worklist: str, port: int) -> subprocess.Popen[bytes]:
    """A sender of one run, and `live` that takes it and goes on."""
    words = ("phantom:mbb_lumbar", "--port", "0", "--size", "512", "--once")
    sender = subprocess.Popen(
        [sys.executable, "-u", "-m", "tests.proofs.igtl_source", *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    own = re.search(r"port (\d+)", sender.stdout.readline())[1]
    command = [
        *(sys.executable, "-m", "napari_fluoroinject", "live", f"igtl://127.0.0.1:{own}"),
        *("--record", str(folder / "rec"), "--worklist", worklist, "--accession", "A1"),
        *("--hand-to", f"pacs://FLUOROINJECT:FLUOROINJECT@127.0.0.1:{port}"),
    ]
    with (folder / "live.txt").open("wb") as told:
        return subprocess.Popen(command, stdout=told, stderr=subprocess.STDOUT)


def _run(folder: Path, worklist: str, port: int) -> None:
    live = _begin(folder, worklist, port)
    _until(lambda: "1 handed over, 0 wait" in (folder / "live.txt").read_text())
    live.send_signal(signal.SIGTERM)
    if live.wait(_PATIENCE_S):
        raise SystemExit((folder / "live.txt").read_text())


def _results(table: Table, spool: Path, *, began_s: float) -> None:
    def files() -> list[Path]:
        return [one for one in spool.rglob("*.dcm") if one.is_file()]

    _until(lambda: len(files()) > 2)
    time.sleep(2.0)
    objects = [dcmread(path, stop_before_pixels=True) for path in files()]
    named = {(str(one.PatientID), str(one.StudyInstanceUID)) for one in objects}
    loops = [one for one in objects if one.get("Modality") in ("XA", "RF", "OT")]
    table.figure("kinds in the spool", ", ".join(sorted({str(one.Modality) for one in objects})))
    table.at_least("runs received", len(loops), 1)
    table.at_least("results", len(objects) - 1, 2)
    table.none("of another patient or study", named - {("TEST-77", STUDY_UID)})
    table.figure("results after, s", f"{time.monotonic() - began_s:.0f}")


def _until(condition: Callable[[], object]) -> None:
    give_up_s = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > give_up_s:
            raise SystemExit("it did not come to pass")
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
