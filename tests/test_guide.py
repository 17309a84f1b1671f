"""The guide: it builds, every link leads somewhere, every picture is one that the script makes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs").rglob("*.md"))
PICTURES = sorted((ROOT / "docs" / "guide" / "pictures").glob("*.png"))
LINK = re.compile(r"\]\(([^)#\s]+)")
MOST_BYTES = 300_000


@pytest.mark.parametrize("page", PAGES, ids=[str(one.relative_to(ROOT)) for one in PAGES])
def test_every_link_of_a_page_leads_somewhere(page):
    targets = [one for one in LINK.findall(page.read_text()) if "://" not in one]
    assert [one for one in targets if not (page.parent / one).exists()] == []


def test_the_site_builds_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "guide" / "tutorial.html").is_file()
    assert not (tmp_path / "outside_links.py").exists()


def test_pictures_are_small_shown_and_whole():
    shown = "".join(one.read_text() for one in PAGES)
    assert PICTURES
    for picture in PICTURES:
        assert picture.name in shown
        content = picture.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) <= MOST_BYTES


def test_every_picture_has_words_for_who_does_not_see_it():
    words = re.findall(r"!\[([^\]]*)\]", "".join(one.read_text() for one in PAGES))
    assert words
    assert all(words)


def test_each_step_has_a_page():
    from napari_fluoroinject.viewer.bench import STEPS

    assert {one.stem for one in (ROOT / "docs" / "guide").glob("*.md")} >= set(STEPS)
