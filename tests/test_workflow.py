"""The whole product on small synthetic loops: files in, picture, summary and DICOM objects out."""

from __future__ import annotations

import json
import resource
import shutil
import sys
from dataclasses import replace
from importlib.metadata import version

import pydicom
import pytest
from dose_reports import dose_report, plane
from jsonschema import Draft202012Validator, ValidationError

from napari_fluoroinject import workflow
from napari_fluoroinject.errors import (
    AnnotationError,
    BackendUnavailableError,
    IdentityMismatchError,
    ProcedureError,
    StorageError,
)
from napari_fluoroinject.model.annotation import (
    Annotation,
    ContrastAgent,
    NeedleTrajectory,
    parse_annotation,
)
from napari_fluoroinject.model.study import DoseReference
from napari_fluoroinject.model.summary import summary_schema
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import AnalysisRequest

SMALL = PhantomSettings(seed=4, size=160, frames=24)
REQUEST = AnalysisRequest(procedure="esi_il_lumbar")


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    return workflow.make_phantom_files("esi_il_lumbar", SMALL, out=folder)


@pytest.fixture(scope="module")
def result(phantom, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    outcome = workflow.analyze_sources([str(phantom[0])], REQUEST, out=out)
    assert outcome.failures == ()
    return outcome.results[0]


def test_a_phantom_stands_beside_its_truth(phantom):
    loop, truth, arrays, annotation = phantom
    told = json.loads(truth.read_text())
    assert loop.exists()
    assert arrays.exists()
    assert {"tip_px", "shift_px", "onset_frame", "warnings_expected"} <= set(told)
    marked = parse_annotation(annotation.read_text(), name="annotation.json")
    assert marked.target_px == pytest.approx(told["target_px"], abs=1e-3)
    assert (marked.level, marked.side) == (told["level"], told["side"])


def test_what_a_phantom_marks_can_be_given_to_its_analysis(phantom, tmp_path):
    request = replace(REQUEST, annotation_file=phantom[3])
    outcome = workflow.analyze_sources([str(phantom[0])], request, out=tmp_path)
    assert outcome.failures == ()
    measured = {one["id"]: one["value"] for one in outcome.results[0].summary["measured"]}
    assert measured["tip_to_target"] is not None


def test_results_stand_in_a_folder_named_by_the_loop(result):
    assert result.folder.name == result.summary["source"]["sop_instance_uid"]
    names = {path.name for path in result.folder.iterdir()}
    assert {"summary.json", "overview.png", "report.dcm"} <= names
    assert names == {"summary.json", "overview.png", *(f.name for f in result.files)}


def test_the_summary_on_disk_is_the_one_returned_and_satisfies_the_schema(result):
    told = json.loads((result.folder / "summary.json").read_text())
    assert told == result.summary
    Draft202012Validator(summary_schema()).validate(told)
    assert [o["file"] for o in told["outputs"]] == [f.name for f in result.files]


def test_a_second_run_takes_the_place_of_the_whole_first_one(phantom, result, tmp_path):
    folder = tmp_path / result.folder.name
    shutil.copytree(result.folder, folder)
    # as if the first run had been another one, or killed
    (folder / "overview.png").unlink()
    (folder / "segmentation.dcm").write_bytes(b"of the first run")
    for name in (".abc.part", ".summary.json.partial", "notes.txt"):
        (folder / name).write_text("left")
    request = AnalysisRequest()
    (again,) = workflow.analyze_sources([str(phantom[0])], request, out=tmp_path).results
    assert result.replaced is None
    assert again.replaced == "esi_il_lumbar"
    names = {path.name for path in folder.iterdir()}
    assert names == {"summary.json", "overview.png", "notes.txt", *(f.name for f in again.files)}
    assert b"of the first run" not in {path.read_bytes() for path in folder.iterdir()}
    for told in json.loads((folder / "summary.json").read_text())["outputs"]:
        assert pydicom.dcmread(folder / told["file"]).SOPInstanceUID == told["sop_instance_uid"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_disk_that_is_full_leaves_the_earlier_results_and_no_pieces(phantom, result, tmp_path):
    folder = tmp_path / result.folder.name
    shutil.copytree(result.folder, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        outcome = workflow.analyze_sources([str(phantom[0])], AnalysisRequest(), out=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert outcome.results == ()
    ((_, told),) = outcome.failures
    assert "could not be written" in told
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert list(tmp_path.iterdir()) == [folder]


def test_the_schema_refuses_a_missing_and_a_foreign_field(result):
    validator = Draft202012Validator(summary_schema())
    for spoiled in (
        {k: v for k, v in result.summary.items() if k != "needle"},
        result.summary | {"extra": 1},
        result.summary | {"contrast_onset_frame": -1},
    ):
        with pytest.raises(ValidationError):
            validator.validate(spoiled)


def test_the_same_input_gives_the_same_bytes(phantom, result, tmp_path):
    again = workflow.analyze_sources([str(phantom[0])], REQUEST, out=tmp_path).results[0]
    assert sorted(p.name for p in again.folder.iterdir()) == sorted(
        p.name for p in result.folder.iterdir()
    )
    for path in again.folder.iterdir():
        assert path.read_bytes() == (result.folder / path.name).read_bytes(), path.name


def test_what_cannot_be_read_is_named_and_the_rest_is_done(phantom, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "whole.dcm").write_bytes(phantom[0].read_bytes())
    (folder / "cut.dcm").write_bytes(phantom[0].read_bytes()[:5000])
    outcome = workflow.analyze_sources(
        [str(folder), str(tmp_path / "ghost")], REQUEST, out=tmp_path / "out"
    )
    assert len(outcome.results) == 1
    assert sorted(name for name, _ in outcome.failures) == sorted(
        ["cut.dcm", str(tmp_path / "ghost")]
    )


def test_a_wrong_request_ends_before_any_work(phantom, tmp_path):
    for request, error in (
        (AnalysisRequest(procedure="no_such"), ProcedureError),
        (AnalysisRequest(on="cuda"), BackendUnavailableError),
    ):
        with pytest.raises(error):
            workflow.analyze_sources([str(phantom[0])], request, out=tmp_path)


def test_a_decoder_that_is_not_there_ends_the_run_before_any_work(phantom, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nvidia.nvimgcodec", None)
    request = AnalysisRequest(decoder="nvimgcodec")
    with pytest.raises(BackendUnavailableError, match="nvImageCodec is not installed"):
        workflow.analyze_sources([str(phantom[0])], request, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_result_tells_what_decoded_the_frames_where_they_were_coded(result, tmp_path):
    path, *_ = workflow.make_phantom_files("esi_il_lumbar", SMALL, out=tmp_path, packing="jpeg_ls")
    (coded,) = workflow.analyze_sources([str(path)], REQUEST, out=tmp_path / "out").results
    told = coded.summary["parameters"]
    assert told.pop("decoder") == f"imagecodecs {version('imagecodecs')}"
    assert told == result.summary["parameters"]


def test_a_folder_that_cannot_be_written_ends_the_run_before_any_work(phantom, tmp_path):
    (tmp_path / "file").write_text("no folder")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match="results cannot be written there"):
            workflow.analyze_sources([str(phantom[0])], REQUEST, out=out)


def test_a_fault_of_the_disk_is_told_in_its_own_words(phantom, tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device", "overview.png")

    monkeypatch.setattr(workflow, "read_loop", full)
    outcome = workflow.analyze_sources([str(phantom[0])], REQUEST, out=tmp_path)
    assert outcome.failures == ((phantom[0].name, "No space left on device: overview.png"),)


def test_a_single_frame_whose_times_are_not_told_has_none_in_the_summary(tmp_path):
    settings = PhantomSettings(seed=4, size=160, frames=24)
    loop = workflow.make_phantom_files("esi_il_lumbar", settings, out=tmp_path)[0]
    dataset = pydicom.dcmread(loop)
    dataset.NumberOfFrames = 1
    for keyword in ("FrameTime", "FrameTimeVector", "FrameIncrementPointer", "CineRate"):
        if keyword in dataset:
            delattr(dataset, keyword)
    dataset.save_as(loop)
    (done,) = workflow.analyze_sources([str(loop)], REQUEST, out=tmp_path / "out").results
    assert done.summary["source"]["times_s"] is None


def test_an_annotation_file_is_overridden_by_what_stands_beside_it(tmp_path):
    path = tmp_path / "marks.json"
    path.write_text('{"level": "L3", "side": "left", "gauge": 22}')
    request = AnalysisRequest(annotation_file=path, level="L4", target_px=(3.0, 4.0))
    assert request.annotation() == Annotation(
        level="L4", side="left", gauge=22, target_px=(3.0, 4.0)
    )


def test_an_annotation_file_may_begin_as_windows_begins_it_and_must_be_text(tmp_path):
    path = tmp_path / "marks.json"
    path.write_bytes(b'\xef\xbb\xbf{"level": "L3"}')
    assert AnalysisRequest(annotation_file=path).annotation().level == "L3"
    for wrong in (b"\xff\xfe\x00", '{"level": "Ü"}'.encode("latin-1")):
        path.write_bytes(wrong)
        with pytest.raises(AnnotationError, match=r"marks\.json cannot be read.*UTF-8"):
            AnalysisRequest(annotation_file=path).annotation()


MARKS = """{"target_px": [80.1, 84.3], "level": "L4-L5", "view": "AP",
"events": [{"kind": "contrast", "time_s": 0.1}],
"marks": [{"landmark": "midline", "points_px": [[1.1, 70.7], [150, 71.3]]}]}"""


def test_the_marks_in_a_report_lead_to_the_same_results_as_the_marks_themselves(phantom, tmp_path):
    (tmp_path / "marks.json").write_text(MARKS)
    made = []
    for k, marks in enumerate(("marks.json", "0/report.dcm")):
        request = replace(REQUEST, annotation_file=tmp_path / marks)
        outcome = workflow.analyze_sources([str(phantom[0])], request, out=tmp_path / f"out{k}")
        assert outcome.failures == ()
        outcome.results[0].folder.rename(tmp_path / str(k))
        made.append((tmp_path / str(k) / "report.dcm").read_bytes())
    assert made[0] == made[1]


def test_the_marks_in_a_report_are_not_used_on_another_loop(phantom, result, tmp_path):
    other, *_ = workflow.make_phantom_files(
        "esi_il_lumbar", replace(SMALL, seed=5), out=tmp_path / "other"
    )
    request = replace(REQUEST, annotation_file=result.folder / "report.dcm")
    for sources in ([str(other)], [str(phantom[0]), str(other)]):
        with pytest.raises(AnnotationError, match=r"report\.dcm: seen a report on the loop"):
            workflow.analyze_sources(sources, request, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(AnnotationError, match="not used on another"):
        workflow.analyze_files([other], request, out=tmp_path / "out")


def test_marks_belong_to_one_loop(phantom, tmp_path):
    other, *_ = workflow.make_phantom_files(
        "esi_il_lumbar", replace(SMALL, seed=5), out=tmp_path / "other"
    )
    (tmp_path / "marks.json").write_text(
        '{"marks": [{"landmark": "midline", "points_px": [[1, 7], [50, 7]]}]}'
    )
    request = replace(REQUEST, annotation_file=tmp_path / "marks.json")
    with pytest.raises(AnnotationError, match="one needle, target or mark for 2 loops"):
        workflow.analyze_sources([str(phantom[0]), str(other)], request, out=tmp_path / "out")


def test_a_needle_that_a_person_marked_is_taken_as_marked(phantom, tmp_path):
    marked = NeedleTrajectory(hub_px=(120.0, 30.0), tip_px=(80.0, 80.0))
    request = AnalysisRequest(needle=marked, target_px=(80.0, 84.0))
    (done,) = workflow.analyze_sources([str(phantom[0])], request, out=tmp_path).results
    assert done.summary["needle"]["source"] == "given"
    assert done.summary["needle"]["tip_px"] == [80.0, 80.0]
    assert done.summary["target"]["tip_distance_mm"] is not None


def test_results_never_go_beside_a_source_that_changed(phantom, tmp_path):
    from napari_fluoroinject import analyze, read_loop

    source = tmp_path / "loop.dcm"
    source.write_bytes(phantom[0].read_bytes())
    report = analyze(read_loop(source))
    changed = bytearray(source.read_bytes())
    changed[-1] ^= 1
    source.write_bytes(bytes(changed))
    with pytest.raises(IdentityMismatchError):
        workflow.save(report, [source], out=tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.dcm"))


def test_progress_rises_to_the_end_and_names_the_loop(phantom, tmp_path):
    told = []
    workflow.analyze_sources(
        [str(phantom[0])], REQUEST, out=tmp_path, progress=lambda *step: told.append(step)
    )
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert all(phantom[0].name in step for step, _ in told)


def test_one_failing_loop_never_ends_the_run(phantom, tmp_path, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(workflow, "read_loop", broken)
    outcome = workflow.analyze_sources([str(phantom[0])], REQUEST, out=tmp_path)
    assert outcome.failures == ((phantom[0].name, "unexpected RuntimeError: no such luck"),)


def study_of_two(phantom, folder):
    """The phantom's loop, and a lateral one of the same study, with a dose report."""
    whole = pydicom.dcmread(phantom[0])
    whole.Allergies = "iodine"
    whole.save_as(folder / "first.dcm")
    whole.SOPInstanceUID = whole.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    whole.PositionerPrimaryAngle = 90
    whole.save_as(folder / "second.dcm")
    dose_report(folder, whole.StudyInstanceUID, plane(3.2e-4, 0.02, 40.0))
    return folder


def test_every_loop_of_a_study_knows_the_views_and_the_dose_of_all(phantom, tmp_path):
    (tmp_path / "in").mkdir()
    request = AnalysisRequest(
        procedure="esi_il_lumbar",
        dose_reference=DoseReference(kap_p75_gycm2=2.5, time_p75_s=60.0),
        side="left",
    )
    study = study_of_two(phantom, tmp_path / "in")
    outcome = workflow.analyze_sources([str(study)], request, out=tmp_path / "out")
    assert outcome.failures == ()
    assert len(outcome.results) == 2
    for result in outcome.results:
        told = {one["id"]: one["text"] for one in result.summary["warnings"]}
        assert "(2) none shows CLO" in told["missing_view"]
        assert "kerma-area product 3.2 Gy.cm2" in told["dose_alert"]
        assert "fluoroscopy time" not in told["dose_alert"]
        assert result.summary["dose"]["basis"] == "report"
        assert result.summary["dose"]["fluoroscopy_s"] == 40.0
        assert result.summary["dose"]["site_p75"]["fluoroscopy_s"] == 60.0
        assert any("record allergies" in one for one in result.summary["reminders"])
        assert not any("iodine" in one for one in result.summary["reminders"])


def test_one_loop_by_itself_is_not_judged_by_its_study(phantom):
    from napari_fluoroinject import analyze, read_loop

    agent = ContrastAgent(kind="gadolinium")
    report = analyze(read_loop(phantom[0]), "esi_il_lumbar", Annotation(agent=agent))
    assert not {"missing_view", "dose_alert"} & {one.id for one in report.findings}
    assert any(text.startswith("missing view: not judged") for text in report.assessable.reasons)
    assert len(report.reminders) == 1
    assert "encephalopathy" in report.reminders[0]


def test_a_view_that_a_person_named_is_never_put_on_two_loops(phantom, tmp_path):
    study = study_of_two(phantom, tmp_path)
    marks = tmp_path / "marks.json"
    marks.write_text('{"view": "CLO"}')
    request = AnalysisRequest(procedure="esi_il_lumbar", annotation_file=marks)
    with pytest.raises(AnnotationError, match="one view or C-arm angle for 2 loops"):
        workflow.analyze_sources([str(study)], request, out=tmp_path / "out")


def test_a_sites_checklist_that_is_not_valid_ends_the_run_before_any_work(phantom, tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "checklist.toml").write_text("reminders = 3")
    request = AnalysisRequest(site_procedures=tmp_path)
    with pytest.raises(ProcedureError, match="checklist"):
        workflow.analyze_sources([str(phantom[0])], request, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
