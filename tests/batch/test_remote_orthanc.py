"""Studies of a real archive over DIMSE and over DICOMweb: found by date, brought here whole."""

from __future__ import annotations

import json

import peers
import pytest
from batch_studies import as_loop, dose_of_study, opened, phantom_loop, plan, study_uid

from napari_fluoroinject.batch import fetch
from napari_fluoroinject.confined.asked import request_from
from napari_fluoroinject.endpoints.pacs import parse_pacs
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.settings.network import Endpoint
from napari_fluoroinject.workflow import AnalysisRequest, analyze_received, analyze_sources

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def loops(tmp_path_factory):
    """Two studies of 2019 and 2020."""
    folder = tmp_path_factory.mktemp("loops")
    loop = phantom_loop(folder)
    paths = [
        as_loop(
            loop,
            folder / f"{study}-{number}.dcm",
            study=study,
            number=number,
            StudyDate=f"{2018 + study}0301",
        )
        for study, number in ((1, 1), (1, 2), (2, 1))
    ]
    return [*paths, dose_of_study(folder / "dose", 1)]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory, loops):
    with peers.orthanc(tmp_path_factory.mktemp("orthanc") / "o", dicomweb=True) as peer:
        parse_pacs(peer.url).store(loops)
        yield peer


@pytest.mark.parametrize("way", ["url", "dicomweb"])
def test_a_query_by_date_and_modality_is_a_source(orthanc, tmp_path, way):
    endpoint = Endpoint(url=getattr(orthanc, way))
    settings = Settings(endpoints={"archive": endpoint})
    query = "archive?StudyDate=20190101-20191231&ModalitiesInStudy=XA"
    orders, unplanned, _ = plan(tmp_path / "out", query, settings=settings)
    assert not unplanned
    assert [one.key for one in orders] == [f"{study_uid(1)}.1.1", f"{study_uid(1)}.1.2"]
    assert [len(one.beside) for one in orders] == [2, 2]
    assert orders[0].source == f"archive, {orders[0].key}"
    every, unplanned, _ = plan(tmp_path / "out", "archive", settings=settings)
    assert not unplanned
    assert {one.study_uid for one in every} == {study_uid(1), study_uid(2)}


def test_results_of_what_was_fetched_are_those_of_analyze_at_the_archive(orthanc, tmp_path):
    source = f"{orthanc.url}?StudyInstanceUID={study_uid(1)}"
    outcome = analyze_sources([source], AnalysisRequest(), out=tmp_path / "analyze")
    assert not outcome.failures
    with opened(tmp_path / "batch", source) as told:
        order = next(told)
        made = analyze_received(
            order.paths,
            request_from(json.loads(json.dumps(order.asked))),
            out=tmp_path / "batch",
            beside=order.beside,
        )
    there = tmp_path / "analyze" / order.key
    assert {one.name: one.read_bytes() for one in made.folder.iterdir()} == {
        one.name: one.read_bytes() for one in there.iterdir()
    }


def test_an_archive_that_nobody_answers_for_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "_FIRST_WAIT_S", 1e6)
    (port,) = peers.free_ports(1)
    source = f"pacs://ME:ARCHIVE@127.0.0.1:{port}?StudyDate=20190101-"
    orders, unplanned, _ = plan(tmp_path / "out", source)
    assert orders == []
    assert unplanned[0].source == source
    assert "127.0.0.1" in unplanned[0].reason
