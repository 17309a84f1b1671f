"""The archives that clinics run, Orthanc and DCMTK's: stored there, found, brought back."""

from __future__ import annotations

import json
import queue
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from certificates import Authority
from network_loops import SERIES, STUDY, make_loop, write
from peers import CALLING, Peer, dcmqrscp, free_ports, orthanc
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.cli.analyze import _source
from napari_fluoroinject.endpoints import connect
from napari_fluoroinject.endpoints.base import NotSent, Query
from napari_fluoroinject.endpoints.commitment import Report, ask, support_commitment
from napari_fluoroinject.endpoints.move import Inbound
from napari_fluoroinject.endpoints.pacs import Pacs, parse_pacs
from napari_fluoroinject.endpoints.receive import Receiver
from napari_fluoroinject.endpoints.storage_scp import Station, dataset_sha256
from napari_fluoroinject.endpoints.worklist import WorklistQuery
from napari_fluoroinject.errors import EndpointError, RefusedError
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.settings import parse_settings
from napari_fluoroinject.spool.store import Spool
from napari_fluoroinject.workflow import AnalysisRequest, analyze_sources, make_phantom_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.network,
    pytest.mark.validator,
    pytest.mark.filterwarnings("ignore:Invalid value for VR UI"),
]
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
IN_STUDY = Query(level="IMAGE", keys={"StudyInstanceUID": STUDY})


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def worklists(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("worklists")
    item = Dataset()
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item.file_meta.MediaStorageSOPClassUID = "1.2.276.0.7230010.3.1.0.1"
    item.file_meta.MediaStorageSOPInstanceUID = item.StudyInstanceUID = "1.2.3.44"
    item.SpecificCharacterSet = "ISO_IR 192"
    item.PatientID, item.PatientName, item.AccessionNumber = "P-7", "Mustermann^Jürgen", "ACC-7"
    item.RequestedProcedureID, item.RequestedProcedureDescription = "R7", "Epidural L4-L5 links"
    item.RequestedProcedureCodeSequence = [code("231249005", "SCT", "Epidural injection")]
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle = "XA", "CARM"
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = "20260102", "0800"
    step.ScheduledProcedureStepDescription, step.ScheduledProcedureStepID = "ESI", "S7"
    protocol = code("ESI-IL", "99SITE", "Interlaminar")
    side = Dataset()
    side.ValueType = "CODE"
    side.ConceptNameCodeSequence = [code("272741003", "SCT", "Laterality")]
    side.ConceptCodeSequence = [code("7771000", "SCT", "Left")]
    protocol.ProtocolContextSequence = [side]
    step.ScheduledProtocolCodeSequence = [protocol]
    item.ScheduledProcedureStepSequence = [step]
    dcmwrite(folder / "one.wl", item, enforce_file_format=True)
    return folder


def code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


@pytest.fixture(scope="module")
def big_archive(tmp_path_factory, port: int, worklists: Path) -> Iterator[Peer]:
    with orthanc(tmp_path_factory.mktemp("orthanc") / "o", worklists=worklists) as peer:
        peer.introduce(CALLING, port)
        yield peer


@pytest.fixture(scope="module")
def strict_archive(tmp_path_factory, port: int) -> Iterator[Peer]:
    with dcmqrscp(tmp_path_factory.mktemp("dcmqrscp") / "q", move_to={CALLING: port}) as peer:
        yield peer


@pytest.fixture(params=["big_archive", "strict_archive"])
def peer(request) -> Peer:
    return request.getfixturevalue(request.param)


@pytest.fixture
def pacs(peer: Peer, port: int) -> Pacs:
    return replace(parse_pacs(peer.url), inbound=Inbound(port=port))


@pytest.fixture(scope="module")
def loop(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    settings = PhantomSettings(seed=4, size=160, frames=24)
    return make_phantom_files("esi_il_lumbar", settings, out=folder)[0]


@pytest.fixture(scope="module")
def results(loop: Path, tmp_path_factory) -> tuple[Path, ...]:
    """Every kind of result that there is."""
    every = frozenset(
        (
            *("segmentation_fractional", "segmentation_labelmap", "parametric_maps"),
            *("key_objects", "document"),
        )
    )
    request = AnalysisRequest(procedure="esi_il_lumbar", also=every)
    (result,) = analyze_sources([str(loop)], request, out=tmp_path_factory.mktemp("out")).results
    return result.files


def test_an_archive_answers(pacs: Pacs):
    pacs.echo()


def test_an_archive_with_another_title_refuses_us(big_archive: Peer):
    with pytest.raises(RefusedError, match="AE titles"):
        replace(parse_pacs(big_archive.url), called="SOMEBODY").echo()


@pytest.mark.parametrize("by", ["get", "move"])
def test_loops_come_back_as_they_were_stored(pacs: Pacs, tmp_path: Path, by):
    study = f"{STUDY}.7"
    loops = [make_loop(seed=70 + number) for number in range(3)]
    for one in loops:
        one.StudyInstanceUID, one.SeriesInstanceUID, one.PatientID = study, f"{study}.1", "SYNTH-7"
    receipts = pacs.store(
        write(one, tmp_path / f"{number}.dcm") for number, one in enumerate(loops)
    )
    assert [receipt.status for receipt in receipts] == [0, 0, 0]
    found = pacs.query(Query(keys={"PatientID": "SYNTH-7", "PatientName": ""}))
    assert [(one["StudyInstanceUID"], one["PatientName"]) for one in found] == [
        (study, "Phantom^Lumbar")
    ]
    asked = {"Modality": "XA", "StudyInstanceUID": study}
    (series,) = pacs.query(Query(level="SERIES", keys=asked | {"SeriesInstanceUID": ""}))
    assert series["SeriesInstanceUID"] == f"{study}.1"
    in_study = Query(level="IMAGE", keys={"StudyInstanceUID": study})
    uids = {one.SOPInstanceUID for one in loops}
    assert {one.sop_instance_uid for one in pacs.find(in_study)} == uids
    out = tmp_path / "out"
    got = list(replace(pacs, retrieve_by=by).retrieve(in_study, out))
    assert {one.stem for one in got} == uids
    for one in loops:
        assert dcmread(out / f"{one.SOPInstanceUID}.dcm") == one
    assert sorted(out.iterdir()) == sorted(got)


def test_one_object_is_found_and_brought_by_its_uid_alone(pacs: Pacs, tmp_path: Path):
    one = make_loop(seed=7)
    pacs.store([write(one, tmp_path / "loop.dcm")])
    (path,) = pacs.retrieve(Query(keys={"SOPInstanceUID": one.SOPInstanceUID}), tmp_path / "out")
    assert dcmread(path) == one
    assert pacs.holds([one.SOPInstanceUID, "1.2.3"], study=STUDY) == {one.SOPInstanceUID}
    assert pacs.holds([one.SOPInstanceUID]) == {one.SOPInstanceUID}


def test_what_is_not_there_is_an_empty_answer(pacs: Pacs):
    for level in ("STUDY", "SERIES", "IMAGE"):
        assert pacs.query(Query(level=level, keys={"StudyInstanceUID": "1.2.3.4.5"})) == ()


def test_an_archive_that_does_not_know_us_says_what_to_set_up(peer: Peer, tmp_path: Path):
    pacs = replace(
        parse_pacs(peer.url), calling="STRANGER", retrieve_by="move", inbound=Inbound(port=0)
    )
    pacs.store([write(make_loop(), tmp_path / "loop.dcm")])
    with pytest.raises(RefusedError, match="AE title STRANGER to be set up there"):
        list(pacs.retrieve(IN_STUDY, tmp_path / "out"))


def test_every_kind_of_result_is_found_again_in_the_study_of_its_loop(
    pacs: Pacs, peer: Peer, loop: Path, results: tuple[Path, ...]
):
    told = list(pacs.send([loop, *results]))
    refused = [one.item for one in told if isinstance(one, NotSent)]
    # DCMTK 3.6.7 is older than label maps
    label_maps = [one for one in results if dcmread(one).SOPClassUID == LABEL_MAP]
    assert len(label_maps) == 1
    assert refused == (label_maps if peer.ae_title == "DCMQRSCP" else [])
    header = dcmread(loop, stop_before_pixels=True)
    study = Query(level="IMAGE", keys={"StudyInstanceUID": header.StudyInstanceUID})
    found = {one.sop_instance_uid for one in pacs.find(study)}
    sent = {str(dcmread(one, stop_before_pixels=True).SOPInstanceUID) for one in [loop, *results]}
    assert sent - found == {str(dcmread(one).SOPInstanceUID) for one in refused}


def test_results_come_back_with_the_same_content(
    big_archive: Peer, port: int, loop: Path, results: tuple[Path, ...], tmp_path: Path
):
    pacs = replace(parse_pacs(big_archive.url), inbound=Inbound(port=port))
    pacs.store([loop, *results])
    header = dcmread(loop, stop_before_pixels=True)
    study = Query(level="IMAGE", keys={"StudyInstanceUID": header.StudyInstanceUID})
    got = {one.stem: one for one in pacs.retrieve(study, tmp_path)}
    for sent in (loop, *results):
        original = dcmread(sent)
        back = dcmread(got[str(original.SOPInstanceUID)])
        assert back == original
        if "PixelData" in original and "NumberOfFrames" in original and sent == loop:
            assert np.array_equal(back.pixel_array, original.pixel_array)


def test_orthanc_answers_for_what_it_keeps(big_archive: Peer, tmp_path: Path, port: int):
    one = make_loop(seed=9)
    pacs = parse_pacs(big_archive.url)
    pacs.store([write(one, tmp_path / "loop.dcm")])
    reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
    with Spool(tmp_path / "spool", digest=dataset_sha256) as spool:
        receiver = Receiver(spool, Station(ae_title=CALLING, port=port))
        support_commitment(receiver, reports.put)
        with receiver:
            objects = {str(one.SOPInstanceUID): str(one.SOPClassUID)}
            ask(pacs, objects | {"1.2.3.4": one.SOPClassUID}, transaction_uid="1.9.1")
            report = reports.get(timeout=30)
    assert report.transaction_uid == "1.9.1"
    assert report.committed == {one.SOPInstanceUID}
    assert set(report.failed) == {"1.2.3.4"}
    assert report.caller == "ORTHANC"


def test_dcmqrscp_has_no_commitment(strict_archive: Peer):
    with pytest.raises(RefusedError, match="accepted none"):
        ask(parse_pacs(strict_archive.url), {"1.2": "1.3"}, transaction_uid="1.9.2")


def test_the_worklist_says_procedure_side_and_study(big_archive: Peer):
    pacs = parse_pacs(big_archive.url)
    (item,) = pacs.worklist(WorklistQuery(accession="ACC-7"))
    assert (item.patient_id, item.study_instance_uid, item.modality) == ("P-7", "1.2.3.44", "XA")
    assert item.codes == ("231249005^SCT", "ESI-IL^99SITE")
    assert item.side == "left"
    assert item.descriptions == ("ESI", "Epidural L4-L5 links")
    assert pacs.worklist(WorklistQuery(accession="ACC-8")) == ()


def test_a_peer_without_worklist_is_an_error_and_not_an_empty_list(strict_archive: Peer):
    with pytest.raises(RefusedError):
        parse_pacs(strict_archive.url).worklist()


def test_tls_lets_only_those_in_who_are_vouched_for(tmp_path: Path):
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs", name="other")
    with orthanc(tmp_path / "o", tls=ours.tls("localhost")) as peer:
        plain = parse_pacs(peer.url)
        secure = replace(plain, tls=replace(ours.tls("carm"), name="localhost"))
        secure.echo()
        secure.store([write(make_loop(), tmp_path / "loop.dcm")])
        assert len(list(secure.find(IN_STUDY))) == 1
        (path,) = secure.retrieve(IN_STUDY, tmp_path / "out")
        assert dcmread(path) == make_loop()
        for refused in (
            plain,
            replace(plain, tls=replace(ours.tls("carm"), name="elsewhere")),
            replace(plain, tls=replace(ours.tls("carm", trusts=theirs), name="localhost")),
            replace(plain, tls=replace(theirs.tls("carm", trusts=ours), name="localhost")),
        ):
            with pytest.raises(EndpointError):
                refused.echo()


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_the_command_line_stores_finds_and_fetches(peer: Peer, tmp_path: Path):
    one = make_loop(seed=11)
    folder = tmp_path / "loops"
    folder.mkdir()
    write(one, folder / "loop.dcm")
    (folder / "note.txt").write_text("no DICOM")
    assert "answers" in run("echo", peer.url)
    told = run("store", peer.url, folder)
    assert "1 of 1 objects kept" in told
    assert "left out, no DICOM: 1 .txt" in told
    listed = json.loads(run("find", peer.url, "--json", "PatientID=SYNTH-1"))
    assert one.SOPInstanceUID in {entry["SOPInstanceUID"] for entry in listed}
    assert "1 study" in run("find", peer.url, "PatientID=SYNTH-1")
    assert SERIES in run("find", peer.url, "--level", "series", f"StudyInstanceUID={STUDY}")
    out = tmp_path / "out"
    for _ in range(2):
        run("fetch", peer.url, one.SOPInstanceUID, "--out", out)
        assert [path.name for path in out.iterdir()] == [f"{one.SOPInstanceUID}.dcm"]
    assert dcmread(out / f"{one.SOPInstanceUID}.dcm") == one


def test_the_command_line_names_what_failed(peer: Peer, tmp_path: Path):
    told = run("fetch", peer.url, "1.2.3.4", "--out", tmp_path / "out", code=1)
    assert "1.2.3.4" in told
    nothing = tmp_path / "nothing.dcm"
    nothing.write_bytes(b"no DICOM")
    told = run("store", peer.url, nothing, tmp_path / "absent", code=1)
    assert "nothing.dcm" in told
    assert "absent" in told
    run("find", peer.url, "NoKeyword=1", code=2)


def test_nobody_there_is_told(tmp_path: Path):
    url = f"pacs://ME:NOBODY@127.0.0.1:{free_ports(1)[0]}"
    assert "nobody answers" in run("fetch", url, "1.2", "--out", tmp_path, code=1)


def test_a_study_of_an_archive_is_analysed_and_leaves_nothing_but_results(
    peer: Peer, loop: Path, tmp_path: Path
):
    parse_pacs(peer.url).store([loop])
    header = dcmread(loop, stop_before_pixels=True)
    settings = parse_settings(
        f'[endpoints.pacs]\nurl = "{peer.url}"\n', path=tmp_path / "fluoroinject.toml"
    )
    sources = [
        f"pacs?StudyInstanceUID={header.StudyInstanceUID}",
        f"pacs://A:B@127.0.0.1:{free_ports(1)[0]}",
        "pacs?StudyInstanceUID=1.2.3",
        "pax",
    ]
    out = tmp_path / "out"
    outcome = analyze_sources(sources, AnalysisRequest(), out=out, settings=settings)
    assert [one.folder.name for one in outcome.results] == [header.SOPInstanceUID]
    assert [_source(one) for one in outcome.results] == [f"pacs, {header.SOPInstanceUID}"]
    for (_, message), told in zip(
        outcome.failures,
        ("nobody answers", "no study 1.2.3 at", "'pax' is no endpoint"),
        strict=True,
    ):
        assert told in message
    assert [one.name for one in out.iterdir()] == [header.SOPInstanceUID]


def test_an_endpoint_says_how_it_is_asked_for_objects(tmp_path: Path):
    settings = parse_settings(
        '[endpoints.pacs]\nurl = "pacs://A:B@h:104"\nretrieve = "move"\n[listen]\nport = 11999\n',
        path=tmp_path / "fluoroinject.toml",
    )
    pacs, _ = connect("pacs", settings)
    assert isinstance(pacs, Pacs)
    assert (pacs.retrieve_by, pacs.inbound.port) == ("move", 11999)
