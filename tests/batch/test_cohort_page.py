"""cohort.html: counts that say of how many, pictures that open, nothing from elsewhere."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from urllib.parse import unquote

import pytest
from PIL import Image

from napari_fluoroinject.batch import gallery
from napari_fluoroinject.batch.cohort import read_cohort
from napari_fluoroinject.batch.gallery import page_name
from napari_fluoroinject.batch.outcome import Failure
from napari_fluoroinject.batch.page import write_page
from napari_fluoroinject.batch.records import records
from napari_fluoroinject.batch.table import write_tables
from napari_fluoroinject.batch.thumbnails import keep_thumbnail
from napari_fluoroinject.batch.unplanned import count_unplanned, write_unplanned
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.rendering.thumbnail import MOST_BYTES
from tests.batch.cohort_loops import failed, keep, picture, summary_of

DOSE = {"kap_gycm2": 2.0, "fluoroscopy_s": None, "kerma_mgy": None, "basis": "report"}
SITE = {"kap_gycm2": 3.5, "fluoroscopy_s": None, "kerma_mgy": None}
HOSTILE = '<script>alert(1)</script>" onload="x'


def batch(out, ended):
    write_tables(out, records(ended, out))
    return write_page(out).read_text(encoding="utf-8")


def some(out, count=3, **changes):
    return [keep(out, summary_of(f"1.{k}", **changes)) for k in range(count)]


class Page(HTMLParser):
    """Tags that are open, links, pictures, and what a person reads."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.pictures, self.words = [], [], [], []
        self.tags = Counter()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        told = dict(attrs)
        assert not [name for name in told if name.startswith("on")]
        if tag == "a":
            self.links.append(told["href"])
        if tag == "img":
            self.pictures.append(told["src"])
            assert told["alt"]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def read(text):
    page = Page(text)
    assert page.open == []
    return page


def test_the_page_is_whole_and_every_link_leads_somewhere(tmp_path):
    batch(tmp_path, [*some(tmp_path), failed("1.9")])
    paths = [tmp_path / "cohort.html", *(tmp_path / "cohort").glob("*.html")]
    assert len(paths) == 2
    for path in paths:
        page = read(path.read_text(encoding="utf-8"))
        assert len(page.pictures) == 3
        for target in (*page.links, *page.pictures):
            if not target.startswith("#"):
                assert (path.parent / unquote(target)).is_file(), target
        assert "no clearance" in " ".join(page.words)


def test_nothing_is_fetched_from_elsewhere_and_no_script_runs(tmp_path):
    text = batch(tmp_path, some(tmp_path))
    page = read(text)
    assert page.tags["script"] == page.tags["link"] == page.tags["iframe"] == 0
    assert not re.search(r"(https?:)?//\w", text)
    assert "default-src 'none'" in text


def test_texts_are_escaped_wherever_they_come_from(tmp_path):
    ended = [
        *some(tmp_path, 1, level=HOSTILE, procedure=HOSTILE),
        failed("1.9", HOSTILE),
    ]
    text = batch(tmp_path, ended)
    for path in (tmp_path / "cohort.html", *(tmp_path / "cohort").glob("*.html")):
        assert read(path.read_text(encoding="utf-8")).tags["script"] == 0
    assert "&lt;script&gt;" in text


def test_the_same_loops_give_the_same_bytes(tmp_path):
    kept = {}
    for name in ("a", "b"):
        batch(tmp_path / name, [*some(tmp_path / name, 4), failed("1.9")])
        files = sorted(one for one in (tmp_path / name).rglob("*") if one.is_file())
        kept[name] = {str(one.relative_to(tmp_path / name)): one.read_bytes() for one in files}
    assert kept["a"] == kept["b"]
    assert {"cohort.html", "results.parquet"} <= kept["a"].keys()


def test_every_loop_stands_in_the_totals_under_how_it_ended(tmp_path):
    ended = [*some(tmp_path), failed("1.7", "one"), failed("1.8", "one"), failed("1.9", "two")]
    batch(tmp_path, ended)
    cohort = read_cohort(tmp_path)
    assert sum(one.loops for one in cohort.procedures.values()) == 6
    assert (cohort.total("done"), cohort.total("failed")) == (3, 3)
    assert cohort.reasons == {"one": 2, "two": 1}


def test_results_that_are_gone_are_no_analysed_loops(tmp_path):
    ended = some(tmp_path)
    (tmp_path / "1.1" / "summary.json").unlink()
    text = batch(tmp_path, ended)
    assert read_cohort(tmp_path).total("lost") == 1
    assert "results lost" in text
    assert "run the batch again" in text


def test_a_warning_is_counted_among_those_judged_and_never_beside_them(tmp_path):
    run_off = {"score": None, "kind": None, "frames": None, "path_px": [], "reason": "too short"}
    run_off["smallest_seen_od"] = None
    unjudged = keep(tmp_path, summary_of("1.7", warnings=[], run_off=run_off))
    judged = keep(
        tmp_path,
        summary_of("1.8", warnings=[], run_off=run_off | {"score": 0.2} | {"reason": None}),
    )
    text = batch(tmp_path, [unjudged, judged])
    (figures,) = read_cohort(tmp_path).procedures.values()
    told = figures.warnings["vascular_uptake"]
    assert (told["raised"], told["not_raised"], told["not_judged"]) == (0, 1, 1)
    row = re.search(r"<tr><th scope=\"row\">vascular uptake</th>(.*?)</tr>", text)[1]
    assert re.findall(r">(\d+)<", row) == ["0", "1", "0", "1", "2"]


def test_a_dose_of_a_study_counts_once_however_many_loops_it_has(tmp_path):
    dose = {**summary_of("1")["dose"], **DOSE, "site_p75": SITE}
    ended = [replace(one, study_uid="7.7") for one in some(tmp_path, 3, dose=dose)]
    text = batch(tmp_path, ended)
    (figures,) = read_cohort(tmp_path).procedures.values()
    assert figures.doses["dose_kap_gycm2"] == {"7.7": 2.0}
    assert figures.references == {"dose_kap_gycm2": 3.5}
    assert "n = 1 of 1" in text
    assert 'class="reference"' in text


def test_a_gallery_page_holds_so_many_loops_and_leads_to_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "ON_A_PAGE", 2)
    ended = some(tmp_path, 5)
    batch(tmp_path, ended)
    key = summary_of("1")["procedure"]
    names = [page_name(key, number) for number in (1, 2, 3)]
    assert sorted(one.name for one in (tmp_path / "cohort").iterdir()) == names
    shown = [read((tmp_path / "cohort" / name).read_text()) for name in names]
    assert [len(page.pictures) for page in shown] == [2, 2, 1]
    assert set(names) - {names[1]} <= set(shown[1].links)
    batch(tmp_path, ended[:2])  # pages of loops that are no longer there are gone
    assert [one.name for one in (tmp_path / "cohort").iterdir()] == names[:1]


def test_procedures_of_like_names_do_not_share_a_page():
    assert page_name("a b", 1) != page_name("a-b", 1) != page_name("A-b", 1)
    assert page_name("esi_il_lumbar", 2) == "esi_il_lumbar-2.html"


def test_thumbnails_are_small_and_made_anew_only_for_a_newer_overview(tmp_path):
    keep(tmp_path, summary_of("1.1"), overview=picture(400))
    name = keep_thumbnail(tmp_path, "1.1")
    path = tmp_path / name
    assert len(path.read_bytes()) <= MOST_BYTES
    with Image.open(BytesIO(path.read_bytes())) as small:
        assert small.width <= 320
        assert abs(small.width / small.height - 1.6) < 0.02
    path.write_bytes(b"kept")
    for moment, anew in ((1, False), (2**61, True)):
        os.utime(tmp_path / "1.1" / "overview.png", ns=(moment, moment))
        keep_thumbnail(tmp_path, "1.1")
        assert (path.read_bytes() != b"kept") == anew


@pytest.mark.parametrize("broken", [b"", b"no picture", picture()[:500]])
def test_a_broken_overview_costs_its_thumbnail_and_nothing_else(tmp_path, broken, caplog):
    ended = some(tmp_path, 2)
    (tmp_path / "1.1" / "overview.png").write_bytes(broken)
    text = batch(tmp_path, ended)
    assert len(read(text).pictures) == 1
    assert "no picture" in text
    assert "has no thumbnail" in caplog.text


def test_without_a_table_there_is_no_page(tmp_path):
    with pytest.raises(StorageError, match="expected the tables of a batch"):
        write_page(tmp_path)


def test_an_empty_batch_has_a_page_that_says_so(tmp_path):
    words = " ".join(read(batch(tmp_path, [])).words)
    assert "No loop was analysed." in words
    assert "No loop failed or was set aside." in words


@pytest.mark.parametrize("lost", [0, 2])
def test_a_run_that_was_stopped_says_so_in_the_table_of_lost_sources_and_on_the_page(
    tmp_path, lost
):
    failures = [Failure(key=None, source=f"{k}.dcm", state="unplanned", reason="so") for k in "ab"]
    assert write_unplanned(tmp_path, failures[:lost], stopped=True) == lost
    rows = (tmp_path / "unplanned.csv").read_text().splitlines()
    assert len(rows) == lost + 2
    assert rows[-1].startswith(",the run was stopped")
    assert count_unplanned(tmp_path) == (lost, False)
    words = " ".join(read(batch(tmp_path, some(tmp_path))).words)
    assert "not all of its sources were looked at" in words
    assert ("could not plan: 2" in words) == bool(lost)
    write_unplanned(tmp_path, failures[:lost], stopped=False)
    assert count_unplanned(tmp_path) == (lost, True)
