"""The tables of a batch: every loop a row, typed and explained, the same bytes each time."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.batch import columns, table
from napari_fluoroinject.batch.columns import PANDAS, TABLES
from napari_fluoroinject.batch.records import LOST, records
from napari_fluoroinject.batch.table import _cell, write_tables
from napari_fluoroinject.errors import FluoroinjectError, StorageError
from napari_fluoroinject.model.summary import summary_schema
from tests.batch.cohort_loops import failed, keep, summary_of

_UNITS = {"_px_s": "{pixels}/s", "_mm_s": "mm/s", "_mm": "mm", "_mm2": "mm2", "_s": "s"}
_UNITS |= {"_deg": "deg", "_px": "{pixels}", "_mg": "mg", "_gycm2": "Gy.cm2", "_mgy": "mGy"}
ROOT = Path(__file__).resolve().parents[2]
FILES = ("results.csv", "results.parquet", "measures.csv", "measures.parquet")
DICTIONARY = ("data_dictionary.csv", "data_dictionary.json")


MEASURED = [
    {"id": "levels", "of": None, "value": 1.5, "sigma": 0.2, "unit": "{levels}"}
    | {"view": "AP", "reason": None},
    {"id": "tip_to_line", "of": "midline", "value": None, "sigma": None, "unit": "mm"}
    | {"view": None, "reason": "the line was not marked"},
]


def told(out):
    return json.loads((out / "data_dictionary.json").read_text())["columns"]


def types_of(out, name):
    return {one["name"]: one["pandas"] for one in told(out) if one["table"] == name}


def from_csv(out, name):
    return pd.read_csv(
        out / f"{name}.csv", dtype=types_of(out, name), keep_default_na=False, na_values=[""]
    )


def batch(out):
    """Three loops: one with all that can be known, one with little, one that failed."""
    bare = {"needle": None, "needle_reason": "none was seen", "level": "NA", "target": None}
    bare |= {"source__mm_per_px": None, "source__times_s": None, "contrast_onset_frame": None}
    ended = [
        keep(out, summary_of("1.1", level="L4-L5", measured=MEASURED)),
        keep(out, summary_of("1.2", **bare)),
        failed("1.3"),
    ]
    write_tables(out, records(ended, out))
    return ended


@pytest.mark.parametrize("name", TABLES)
def test_pandas_reads_the_same_frame_from_both_files(tmp_path, name):
    batch(tmp_path)
    parquet, text = pd.read_parquet(tmp_path / f"{name}.parquet"), from_csv(tmp_path, name)
    pd.testing.assert_frame_equal(parquet, text, check_categorical=False)
    types = types_of(tmp_path, name)
    assert list(parquet) == list(types)
    assert {column: str(kind) for column, kind in parquet.dtypes.items()} == types


def test_the_example_of_the_guide_works_as_it_stands(tmp_path, monkeypatch):
    guide = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", guide, flags=re.MULTILINE | re.DOTALL)
    batch(tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code, "batch.md", "exec"), names)
    pd.testing.assert_frame_equal(names["frame"], names["same"], check_categorical=False)
    assert names["judged"].sum() == len(names["lumbar"])


def test_every_loop_is_a_row_and_what_is_unknown_is_empty(tmp_path):
    batch(tmp_path)
    frame = pd.read_parquet(tmp_path / "results.parquet").set_index("loop")
    assert frame["state"].tolist() == ["done", "done", "failed"]
    assert frame["level"].dropna().tolist() == ["L4-L5", "NA"]
    assert frame["failure_reason"]["1.3"] == "seen nothing; expected a loop"
    assert frame["needle_found"].tolist()[:2] == [True, False]
    for column in ("tip_row_px", "mm_per_px", "duration_s", "contrast_onset_frame"):
        assert frame[column].isna()["1.2"], column
        assert frame[column].isna()["1.3"], column
        assert frame[column].notna()["1.1"], column


def test_only_who_it_is_and_why_is_told_of_a_loop_without_results(tmp_path):
    batch(tmp_path)
    frame = pd.read_parquet(tmp_path / "results.parquet").set_index("loop")
    known = set(frame.columns[frame.loc["1.3"].notna()])
    assert known == {"state", "failure_reason", "fault", "study_instance_uid", "sop_instance_uid"}


def test_numbers_and_measures_are_those_of_the_summary(tmp_path):
    batch(tmp_path)
    row = pd.read_parquet(tmp_path / "results.parquet").iloc[0]
    summary = summary_of("1.1", measured=MEASURED)
    assert row["area_mm2"] == summary["spread"]["area_mm2"]
    assert (row["tip_row_px"], row["tip_column_px"]) == tuple(summary["needle"]["tip_px"])
    assert row["warnings_raised"] == len(summary["warnings"])
    measured = pd.read_parquet(tmp_path / "measures.parquet")
    assert measured["loop"].tolist() == ["1.1", "1.1"]
    assert measured["measure"].tolist() == ["levels", "tip_to_line"]
    assert measured["value"].dropna().tolist() == [1.5]
    assert measured["reason"].dropna().tolist() == ["the line was not marked"]


def test_the_same_loops_give_the_same_bytes_in_blocks_of_any_size(tmp_path, monkeypatch):
    ended = batch(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in (*FILES, *DICTIONARY)}
    write_tables(tmp_path, records(ended, tmp_path))
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    monkeypatch.setattr(table, "BLOCK_ROWS", 2)
    write_tables(tmp_path, records(ended, tmp_path))
    assert (tmp_path / "results.csv").read_bytes() == before["results.csv"]
    assert pq.ParquetFile(tmp_path / "results.parquet").num_row_groups == 2
    assert len(pd.read_parquet(tmp_path / "results.parquet")) == 3


def test_parquet_tells_the_unit_and_the_meaning_of_every_column(tmp_path):
    batch(tmp_path)
    schema = pq.read_schema(tmp_path / "results.parquet")
    for column in (one for _, group in TABLES["results"] for one in group):
        field = schema.field(column.name)
        assert field.metadata[b"unit"].decode() == column.unit
        assert field.metadata[b"meaning"].decode() == column.meaning
        assert (column.kind == "category") == str(field.type).startswith("dictionary")
    assert b"no warning is not a clearance" in schema.metadata[b"fluoroinject"]


def test_an_empty_batch_leaves_tables_without_rows(tmp_path):
    assert write_tables(tmp_path, iter(())) == 0
    assert from_csv(tmp_path, "results").empty
    assert pd.read_parquet(tmp_path / "results.parquet").empty


def test_results_that_are_gone_are_told_and_no_numbers_are_made_up(tmp_path):
    ended = [keep(tmp_path, summary_of("1.1")), keep(tmp_path, summary_of("1.2"))]
    (tmp_path / "1.1" / "summary.json").unlink()
    (tmp_path / "1.2" / "summary.json").write_text('{"procedure": "gener')
    write_tables(tmp_path, records(ended, tmp_path))
    frame = from_csv(tmp_path, "results")
    assert frame["failure_reason"].tolist() == [LOST, LOST]
    assert frame["frames"].isna().all()


def test_an_error_among_the_loops_leaves_the_tables_as_they_were(tmp_path):
    ended = batch(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}

    def broken():
        yield from records(ended[:1], tmp_path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tables(tmp_path, broken())
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        write_tables(tmp_path / "none", iter(()))


def test_without_pyarrow_it_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FluoroinjectError, match=r'pip install "napari-fluoroinject\[batch\]"'):
        write_tables(tmp_path, iter(()))


@given(st.text())
def test_no_text_starts_a_formula_or_breaks_a_line(text):
    cell = _cell(text)
    assert cell is None or cell[0] not in "=+-@\t\r\n "
    assert cell is None or (cell.isprintable() and cell.splitlines() == [cell])
    if text.isalnum():
        assert cell == text


def test_formulas_in_texts_stay_texts_in_both_files(tmp_path):
    write_tables(tmp_path, records([failed("1.1", '=cmd|"/c calc"!A1\r\n,x')], tmp_path))
    harmless = '\'=cmd|"/c calc"!A1 ,x'
    with (tmp_path / "results.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["failure_reason"] == harmless
    assert pd.read_parquet(tmp_path / "results.parquet")["failure_reason"][0] == harmless
    assert (tmp_path / "results.csv").read_bytes().endswith(b"\r\n")


def test_a_million_rows_wait_nowhere(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "BLOCK_ROWS", 50)
    most = 0
    made = [failed(f"1.{k}") for k in range(500)]

    def counted():
        nonlocal most
        for k, one in enumerate(records(made, tmp_path)):
            parts = list(tmp_path.glob(".results.csv.partial"))
            written = parts[0].read_bytes().count(b"\r\n") if parts else 0
            most = max(most, k - max(written - 1, 0))
            yield one

    write_tables(tmp_path, counted())
    assert most < 500  # what was read went to disk before the last was read


def test_every_column_says_what_it_means_and_names_its_unit():
    every = [one for groups in TABLES.values() for _, group in groups for one in group]
    for one in every:
        assert one.meaning
        assert one.origin
        assert one.kind in PANDAS
        ending = next(
            (e for e in _UNITS if one.name.endswith(e) and "_per_" not in one.name), None
        )
        if ending is not None:
            assert one.unit == _UNITS[ending], one.name
    names = [one["name"] for one in columns.dictionary() if one["table"] == "results"]
    assert len(set(names)) == len(names)


def test_a_category_lists_every_value_that_the_summary_may_hold():
    properties = summary_schema()["properties"]
    for groups in TABLES.values():
        for one in (column for _, group in groups for column in group):
            way = one.origin.removeprefix("summary.json: ").split(".")
            schema = properties
            for key in way:
                inner = schema.get(key, {}) if isinstance(schema, dict) else {}
                schema = inner.get("properties", inner.get("items", inner))
                schema = schema.get("properties", schema)
            allowed = set(schema.get("enum", ())) - {None}
            if allowed and one.values:
                assert {value for value, _ in one.values} == allowed, one.name


def test_no_column_of_the_tables_can_hold_who_the_patient_is():
    said = " ".join(one["name"] + one["origin"] for one in columns.dictionary()).lower()
    assert not any(word in said for word in ("patient", "birth", "operator", "path", "file_name"))


def test_the_page_of_the_data_dictionary_is_current():
    path = ROOT / "docs" / "data-dictionary.md"
    todo = "write it anew: `python -m napari_fluoroinject.batch.columns docs/data-dictionary.md`"
    assert path.read_text(encoding="utf-8") == columns.markdown(), todo
