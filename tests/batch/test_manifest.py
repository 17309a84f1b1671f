"""A list of sources: each line says what it asks for, and a faulty one names line and column."""

from __future__ import annotations

import json
import os

import pytest
from batch_studies import as_frames, as_loop, phantom_loop, plan

from napari_fluoroinject.batch.manifest import is_manifest, lines_of
from napari_fluoroinject.batch.order import Unplanned
from napari_fluoroinject.confined.asked import request_from
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.settings.network import Endpoint
from napari_fluoroinject.workflow import AnalysisRequest

SITE = Settings(
    endpoints={"archive": Endpoint(url="pacs://ME:ARCHIVE@127.0.0.1:4242")},
    dose={"mbb_lumbar": {"time_p75_s": 30.0}},
)


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    return phantom_loop(tmp_path_factory.mktemp("loop"))


def read(folder, text, *, name="list.csv", **base):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert is_manifest(str(path))
    told = list(lines_of(path, AnalysisRequest(**base), SITE))
    faults = [one for one in told if isinstance(one, Unplanned)]
    return [one for one in told if not isinstance(one, Unplanned)], faults


def test_all_columns_say_what_the_options_of_analyze_say(tmp_path):
    (tmp_path / "marks.json").write_text('{"gauge": 22}')
    lines, faults = read(
        tmp_path,
        "\ufeffsource,procedure,level,side,needle,target,gauge,mask-frames,annotation,#note\r\n"
        '\r\n# a comment, with a "\r\n'
        '2019/IM1,mbb_lumbar,L4,left,"1,2,3,4,5","6,7.5",25,0-3,marks.json,of no use\r\n'
        "2019/IM2\r\n",
        level="L3",
    )
    assert not faults
    first, second = lines
    assert first.where == "list.csv, line 4"
    assert first.source == str(tmp_path / "2019/IM1")
    request = first.request
    assert (request.procedure, request.level, request.side) == ("mbb_lumbar", "L4", "left")
    assert (request.needle.hub_px, request.needle.tip_px) == ((1, 2), (3, 4))
    assert (request.needle.frame, request.target_px, request.gauge) == (5, (6, 7.5), 25)
    assert request.mask_frames == (0, 1, 2, 3)
    assert request.annotation_file == tmp_path / "marks.json"
    assert request.dose_reference.time_p75_s == 30
    assert (second.source, second.request) == (
        str(tmp_path / "2019/IM2"),
        AnalysisRequest(level="L3"),
    )


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_tables_with_other_delimiters_need_no_quotes_for_points(tmp_path, delimiter):
    text = "source;target\na.dcm;1,2\n".replace(";", delimiter)
    (line,), faults = read(tmp_path, text)
    assert (line.request.target_px, faults) == ((1, 2), [])


def test_json_lines_say_the_same(tmp_path):
    rows = [
        {"source": "a.dcm", "needle": [1, 2, 3, 4], "gauge": 22, "mask": "header"},
        {"source": "b.dcm", "needle": "1,2,3,4,7", "mask_frames": "0-2", "level": None},
    ]
    text = "# comment\n" + "\n".join(map(json.dumps, rows))
    lines, faults = read(tmp_path, text, name="list.jsonl")
    assert not faults
    assert [one.request.needle.frame for one in lines] == [0, 7]
    assert (lines[0].request.gauge, lines[0].request.mask) == (22, "header")
    assert lines[1].request.mask_frames == (0, 1, 2)


def test_a_text_is_one_source_a_line_and_names_of_endpoints_stay_names(tmp_path):
    lines, faults = read(
        tmp_path, "a.dcm\n\n  # no\narchive?StudyDate=2019-\n/data/x y.dcm\n", name="list.txt"
    )
    assert not faults
    assert [one.source for one in lines] == [
        str(tmp_path / "a.dcm"),
        "archive?StudyDate=2019-",
        "/data/x y.dcm",
    ]


@pytest.mark.parametrize(
    ("row", "column", "seen"),
    [
        ("a,links,,,,", "side", "seen 'links'; expected one of left, right, bilateral"),
        ("a,,mbb_lumber,,,", "procedure", "seen 'mbb_lumber'"),
        ("a,,mbb_lumbar,C4,,", "level", "C4"),
        ('a,,,,"1,2,3",', "needle", "is not R,C,R,C"),
        ("a,,,,,thin", "gauge", "seen 'thin'; expected a whole number"),
        ("a,,,,,99", "gauge", "gauge 99 is not known"),
        (",left,,,,", "source", "seen none; expected a file"),
        ("a,left,,,,,,", "", "seen 8 values; expected 6"),
    ],
)
def test_a_fault_names_line_and_column_and_the_other_lines_stand(tmp_path, row, column, seen):
    head = "source,side,procedure,level,needle,gauge"
    lines, (fault,) = read(tmp_path, f"{head}\nfirst\n{row}\nlast\n")
    assert [one.where for one in lines] == ["list.csv, line 2", "list.csv, line 4"]
    assert fault.source == f"list.csv, line 3{f', column {column}' if column else ''}"
    assert seen in fault.reason
    assert "expected" in fault.reason


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("file,side", "seen 'file'; expected one of source, procedure"),
        ("side,level", "seen no column 'source'"),
        ("source,side,side", "seen twice"),
        ("source,patient", "begins with # and is left out"),
    ],
)
def test_names_of_columns_that_are_none_are_told(tmp_path, head, told):
    lines, (fault,) = read(tmp_path, f"{head}\na\n")
    assert lines == []
    assert told in fault.reason
    assert "line 1" in fault.source


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('{"source": "a"', "seen no JSON"),
        ('["a"]', "expected an object"),
        ('{"source": "a", "sources": "b"}', "seen 'sources'"),
        ('{"source": "a", "source": "b"}', "seen twice"),
        ('{"source": "a", "level": {}}', "expected text, a number or a list"),
        ("[" * 100_000, "seen no JSON"),
    ],
)
def test_lines_that_are_no_json_are_told(tmp_path, row, told):
    text = f'{{"source": "a"}}\n{row}\n{{"source": "b"}}\n'
    lines, faults = read(tmp_path, text, name="list.jsonl")
    assert len(lines) >= 2
    assert told in faults[0].reason
    assert "line 2" in faults[0].source


def test_bytes_that_are_no_text_end_a_list_and_are_told(tmp_path):
    lines, (fault,) = read(tmp_path, b"source\na\n\xe4\xf6\n")
    assert "UTF-8" in fault.reason
    assert len(lines) <= 1


def test_a_list_within_a_list_is_told(tmp_path):
    (tmp_path / "other.csv").write_text("source\n")
    lines, (fault,) = read(tmp_path, "source\nother.csv\n")
    assert (lines, fault.source) == ([], "list.csv, line 2, column source")


def test_each_loop_is_asked_for_as_its_line_says_and_knows_its_study(loop, tmp_path):
    one = as_loop(loop, tmp_path / "in" / "1.dcm", study=1, number=1)
    other = as_loop(loop, tmp_path / "in" / "2.dcm", study=1, number=2)
    (tmp_path / "list.csv").write_text(
        'source,procedure,target\nin/1.dcm,mbb_lumbar,"10,12"\nin/2.dcm,,\n'
    )
    orders, unplanned, _ = plan(tmp_path / "out", tmp_path / "list.csv")
    assert not unplanned
    assert [(one.paths, one.beside) for one in orders] == [((one,), (other,)), ((other,), (one,))]
    asked = [request_from(one.asked) for one in orders]
    assert [(one.procedure, one.target_px) for one in asked] == [
        ("mbb_lumbar", (10, 12)),
        (None, None),
    ]


def test_a_line_for_a_loop_goes_before_the_line_of_its_folder(loop, tmp_path):
    as_loop(loop, tmp_path / "in" / "1.dcm", study=1, number=1)
    as_loop(loop, tmp_path / "in" / "2.dcm", study=2, number=1)
    for order in (["in,", "in/1.dcm,left"], ["in/1.dcm,left", "in,"]):
        (tmp_path / "list.csv").write_text("\n".join(["source,side", *order]))
        orders, unplanned, _ = plan(tmp_path / "out", tmp_path / "list.csv")
        assert not unplanned
        assert [request_from(one.asked).side for one in sorted(orders, key=lambda o: o.key)] == [
            "left",
            None,
        ]


def test_lines_that_ask_for_different_things_of_one_loop_are_told(loop, tmp_path):
    as_loop(loop, tmp_path / "1.dcm", study=1, number=1)
    (tmp_path / "list.csv").write_text("source,side\n1.dcm,left\n1.dcm,right\n1.dcm,left\n")
    orders, (fault,), _ = plan(tmp_path / "out", tmp_path / "list.csv")
    assert orders == []
    assert "different things" in fault.reason


def test_a_target_for_a_folder_of_two_loops_names_its_line(loop, tmp_path):
    as_loop(loop, tmp_path / "in" / "1.dcm", study=1, number=1)
    as_loop(loop, tmp_path / "in" / "2.dcm", study=2, number=1)
    (tmp_path / "list.csv").write_text('source,target\nin,"1,2"\n')
    orders, unplanned, _ = plan(tmp_path / "out", tmp_path / "list.csv")
    assert orders == []
    assert {one.source for one in unplanned} == {"list.csv, line 2"}


def test_frames_of_a_run_may_be_named_line_by_line(loop, tmp_path):
    paths = as_frames(loop, tmp_path, study=4)
    rows = [f"{path.name},left" for path in paths]
    (tmp_path / "list.csv").write_text("\n".join(["source,side", *rows]))
    (order,), unplanned, _ = plan(tmp_path / "out", tmp_path / "list.csv")
    assert not unplanned
    assert order.paths == tuple(paths)


@pytest.mark.parametrize("text", ["", "source,level\n", "# nothing yet\n"])
def test_a_list_without_a_source_is_told(tmp_path, text):
    lines, faults = read(tmp_path, text)
    assert not lines
    assert [(one.source, "without a source" in one.reason) for one in faults] == [
        ("list.csv", True)
    ]


@pytest.mark.parametrize("marks", ["m\0.json", "\ud800.json", "pipe", "none.json", "/dev/zero"])
def test_marks_that_are_no_plain_file_cost_their_line_and_no_other(tmp_path, marks):
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    rows = [{"source": "a.dcm", "annotation": marks}, {"source": "b.dcm"}]
    lines, faults = read(tmp_path, "\n".join(map(json.dumps, rows)), name="list.jsonl")
    assert [one.source for one in lines] == [str(tmp_path / "b.dcm")]
    assert [one.source for one in faults] == ["list.jsonl, line 1, column annotation"]
