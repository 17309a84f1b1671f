"""The measurement report says what was measured, on which frame, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import highdicom as hd
import numpy as np
import pydicom
import pytest
import sources
from example_report import (
    ONSET,
    display_processed,
    encoded,
    example_report,
    uncalibrated,
    vascular_finding,
    written_source,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fluoroinject.dicom.graphic import graphic_data, points_from_graphic
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.items import plain
from napari_fluoroinject.dicom.sr import encode_report
from napari_fluoroinject.dicom.sr_groups import LARGEST_OUTLINES, measurement_groups
from napari_fluoroinject.dicom.sr_writer import MOST_POINTS, thinned
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.cine import IntensityScale
from napari_fluoroinject.model.geometry import Calibration
from napari_fluoroinject.model.needle import NoNeedle
from napari_fluoroinject.model.report import Assessable, Finding
from napari_fluoroinject.model.spread import RUN_OFF_MISSED, RunOff

LENGTH = "Cornerstone3DTools@^0.1.0:Length"
PROBE = "Cornerstone3DTools@^0.1.0:Probe"
OUTLINE = "Cornerstone3DTools@^0.1.0:PlanarFreehandROI"


def made(kind, tmp_path, change=lambda report: report):
    paths = written_source(kind, tmp_path)
    report = change(example_report(paths))
    return report, encoded(report, paths)["report"]


def walk(item):
    for child in item.get("ContentSequence", ()):
        yield child
        yield from walk(child)


def name_of(item):
    return item.ConceptNameCodeSequence[0].CodeMeaning


def said(document):
    """All texts of the evaluations, by heading; a coded answer is its meaning."""
    container = document.ContentSequence[-1]
    assert name_of(container) == "Qualitative Evaluations"
    texts: dict[str, str] = {}
    for item in container.ContentSequence:
        text = item.get("TextValue") or item.ConceptCodeSequence[0].CodeMeaning
        heading = name_of(item)
        texts[heading] = f"{texts[heading]} | {text}" if heading in texts else text
    return texts


def groups(document):
    return [item for item in walk(document) if name_of(item) == "Measurement Group"]


def group(document, finding, shown=None):
    """The one group about that finding, shown by that tool."""
    (found,) = [
        g
        for g in groups(document)
        if any(
            name_of(i) == "Finding" and i.ConceptCodeSequence[0].CodeMeaning == finding
            for i in g.ContentSequence
        )
        and (shown is None or g.ContentSequence[0].TextValue == shown)
    ]
    return found


def numbers(item):
    return {
        name_of(i): (
            float(i.MeasuredValueSequence[0].NumericValue),
            i.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue,
        )
        for i in walk(item)
        if i.ValueType == "NUM"
    }


def shape(item):
    """(points, frame number, instance UID) of the first shape in a group."""
    (scoord, *_) = [i for i in walk(item) if i.ValueType == "SCOORD"]
    image = scoord.ContentSequence[0].ReferencedSOPSequence[0]
    points = points_from_graphic(scoord.GraphicData)
    return points, image.get("ReferencedFrameNumber"), image.ReferencedSOPInstanceUID


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_highdicom_reads_every_group_of_every_kind_of_source(kind, tmp_path):
    report, document = made(kind, tmp_path)
    path = tmp_path / "report.dcm"
    path.write_bytes(encoded_bytes(document))
    read = hd.sr.srread(path).content.get_image_measurement_groups()
    shown = [g.tracking_identifier for g in read]
    assert shown[0] == "assessment"
    assert {LENGTH, PROBE, "contrast spread", "contrast kinetics"} <= set(shown)
    (trajectory,) = [g for g in read if g.tracking_identifier == LENGTH]
    (length,) = trajectory.get_measurements(hd.sr.CodedConcept("410668003", "SCT", "Length"))
    expected = np.hypot(*np.subtract(report.needle.tip_px, report.needle.hub_px))
    assert length.value == pytest.approx(expected * report.loop.mm_per_px, rel=5e-4)


def test_needle_and_tip_lie_on_their_frame_half_a_pixel_and_order_turned(tmp_path):
    report, document = made("xa", tmp_path)
    points, frame, uid = shape(group(document, "Needle", LENGTH))
    np.testing.assert_allclose(points, [report.needle.hub_px, report.needle.tip_px], atol=1e-5)
    assert frame == report.needle.frame + 1
    assert uid == report.loop.reference.sop_instance_uid
    points, frame, _ = shape(group(document, "Needle", PROBE))
    np.testing.assert_allclose(points, [report.needle.tip_px], atol=1e-5)
    assert frame == report.needle.frame + 1


@given(st.lists(st.tuples(st.floats(-10, 2000), st.floats(-10, 2000)), min_size=1, max_size=9))
def test_turning_points_into_graphic_data_and_back_changes_nothing(points):
    np.testing.assert_allclose(points_from_graphic(graphic_data(points)), points, atol=1e-9)


def test_the_centre_of_the_first_pixel_is_half_a_pixel_from_the_corner():
    assert graphic_data([(0, 0), (2, 7)]).tolist() == [[0.5, 0.5], [7.5, 2.5]]


def test_the_target_stands_on_a_mask_frame_in_that_frames_own_geometry(tmp_path):
    report, document = made("xa", tmp_path)
    points, frame, _ = shape(group(document, "Target"))
    last_mask = report.injection.mask_frames[-1]
    expected = np.array(report.annotation.target_px) + report.motion.shift_px[last_mask]
    np.testing.assert_allclose(points, [expected], atol=1e-5)
    assert frame == last_mask + 1
    value, unit = numbers(group(document, "Target"))["Distance"]
    assert unit == "mm"
    assert value == pytest.approx(report.tip_target_mm, rel=5e-4)


def test_a_target_is_still_shown_without_mask_frames_or_needle(tmp_path):
    def no_masks(report):
        return replace(report, injection=replace(report.injection, mask_frames=()))

    _, document = made("xa", tmp_path, no_masks)
    assert shape(group(document, "Target"))[1] == 1
    _, document = made("xa", tmp_path, lambda r: replace(r, needle=NoNeedle(reason="none")))
    assert "no distance" in said(document)["Target"]
    assert "Distance" not in numbers(group(document, "Target"))


def test_the_outline_encloses_the_contrast_of_the_last_frame(tmp_path):
    report, document = made("xa", tmp_path)
    last = report.loop.shape[0] - 1
    outline = group(document, "Contrast outline, holes filled", OUTLINE)
    points, frame, _ = shape(outline)
    assert frame == last + 1
    assert tuple(points[0]) == tuple(points[-1])
    value, unit = numbers(outline)["Area"]
    pixels = int(report.maps.region_by_frame[last].sum())
    assert (unit, value) == ("mm2", pytest.approx(pixels * report.loop.mm_per_px**2, rel=5e-4))


def test_the_outline_falls_back_to_the_last_frame_that_shows_contrast(tmp_path):
    def lost_at_the_end(report):
        region = report.maps.region_by_frame.copy()
        region[-2:] = False
        return replace(report, maps=replace(report.maps, region_by_frame=region))

    report, document = made("xa", tmp_path, lost_at_the_end)
    outline = group(document, "Contrast outline, holes filled", OUTLINE)
    assert shape(outline)[1] == report.loop.shape[0] - 2


def test_a_region_in_many_parts_has_its_largest_parts_outlined_and_no_crumb(tmp_path):
    def scattered(report):
        region = report.maps.region_by_frame.copy()
        region[-1] = False
        for k in range(LARGEST_OUTLINES + 3):
            region[-1, 2 : 14 + k, 2 + 6 * k : 5 + 6 * k] = True
        region[-1, 30, 2] = True
        return replace(report, maps=replace(report.maps, region_by_frame=region))

    _, document = made("xa", tmp_path, scattered)
    outlined = [g for g in groups(document) if g.ContentSequence[0].TextValue == OUTLINE]
    assert len(outlined) == LARGEST_OUTLINES
    areas = [numbers(g)["Area"][0] for g in outlined]
    assert areas == sorted(areas, reverse=True)
    assert "the 5 largest of 8 parts" in said(document)["Contrast"]


def test_contrast_of_nothing_but_crumbs_is_not_outlined(tmp_path):
    def crumbs(report):
        region = np.zeros_like(report.maps.region_by_frame)
        region[-1, 2:4, 2:4] = True
        return replace(report, maps=replace(report.maps, region_by_frame=region))

    _, document = made("xa", tmp_path, crumbs)
    assert "Nothing is outlined" in said(document)["Contrast"]
    assert not [g for g in groups(document) if g.ContentSequence[0].TextValue == OUTLINE]


@given(st.integers(3, 3 * MOST_POINTS))
@settings(max_examples=20, deadline=None)
def test_an_outline_too_long_for_its_attribute_is_thinned_evenly_and_stays_closed(count):
    ring = np.stack([np.arange(count, dtype=float), np.zeros(count)], axis=1)
    kept = thinned(np.concatenate([ring, ring[:1]]))
    assert len(kept) <= MOST_POINTS
    assert len(kept) == count + 1 or len(kept) > MOST_POINTS / 2
    assert tuple(kept[0]) == tuple(kept[-1]) == (0, 0)
    assert len(set(np.diff(kept[:-1, 0]))) == 1


def test_a_text_too_long_for_its_attribute_says_that_it_goes_on():
    assert plain("x" * 64, limit=64) == "x" * 64
    assert plain("x" * 65, limit=64) == "x" * 61 + "..."


def test_a_loop_of_single_frames_is_referred_to_by_the_instance_of_the_frame(tmp_path):
    report, document = made(
        "series", tmp_path, lambda r: replace(r, findings=(vascular_finding(),))
    )
    uids = report.loop.reference.frame_instance_uids
    assert shape(group(document, "Needle", LENGTH))[1:] == (None, uids[report.needle.frame])
    warning = group(document, "Possible vascular uptake")
    images = [i for i in walk(warning) if i.ValueType == "IMAGE"]
    referred = [i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in images]
    assert referred == list(uids[5:8])
    assessed = [
        i for i in walk(group(document, "Assessment of the loop")) if i.ValueType == "IMAGE"
    ]
    assert len(assessed) == len(uids)


def test_every_image_that_is_referred_to_is_evidence_and_so_are_the_other_results(tmp_path):
    paths = written_source("xa", tmp_path)
    results = encoded(example_report(paths), paths)
    (study,) = results["report"].CurrentRequestedProcedureEvidenceSequence
    listed = {
        instance.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    others = {made.SOPInstanceUID for name, made in results.items() if name != "report"}
    source = pydicom.dcmread(paths[0]).SOPInstanceUID
    assert listed == others | {source}
    assert study.StudyInstanceUID == results["report"].StudyInstanceUID


def test_spread_and_kinetics_carry_every_number_with_its_unit(tmp_path):
    report, document = made("xa", tmp_path)
    spread = numbers(group(document, "Contrast spread"))
    measured = report.measurements
    assert spread == {
        "Area": (pytest.approx(measured.area_mm2, rel=1e-3), "mm2"),
        "Extent along the spine": (pytest.approx(measured.along_mm, rel=1e-3), "mm"),
        "Extent across the spine": (pytest.approx(measured.across_mm, rel=1e-3), "mm"),
        "Extent cranial of the tip": (pytest.approx(measured.cranial_mm, rel=1e-3), "mm"),
        "Extent caudal of the tip": (pytest.approx(measured.caudal_mm, rel=1e-3), "mm"),
        "Direction from tip to centroid": (pytest.approx(243.4), "deg"),
        "Front speed away from the tip": (
            pytest.approx(measured.front_speed_mm_s, rel=1e-3),
            "mm/s",
        ),
    }
    kinetics = numbers(group(document, "Contrast media", "contrast kinetics"))
    assert kinetics == {
        "Bolus Arrival Time": (0.267, "s"),
        "Time To Peak": (0.533, "s"),
        "Peak opacity": (1.02, "1"),
        "Mass of iodine in the region": (187.0, "mg"),
        "Peak areal density of iodine": (41.0, "mg/cm2"),
        "Iodine uncertainty (1 sigma)": (0.14, "{ratio}"),
        "Faintest patch that could be seen": (0.031, "1"),
    }
    scale = numbers(group(document, "Contrast media", "opacity scale"))
    assert scale["Opacity scale"] == (1.35, "{ratio}")
    assert scale["Opacity scale uncertainty (1 sigma)"] == (0.12, "{ratio}")


def test_an_extent_that_is_a_lower_bound_has_another_name(tmp_path):
    def leaving(report):
        bounds = ("area", "along", "cranial")
        return replace(report, measurements=replace(report.measurements, lower_bounds=bounds))

    report, document = made("xa", tmp_path, leaving)
    spread = numbers(group(document, "Contrast spread"))
    for name, mm in (
        ("Area, at least", report.measurements.area_mm2),
        ("Extent along the spine, at least", report.measurements.along_mm),
        ("Extent cranial of the tip, at least", report.measurements.cranial_mm),
        ("Extent caudal of the tip", report.measurements.caudal_mm),
    ):
        assert spread[name][0] == pytest.approx(mm, rel=1e-3)
    assert not {"Area", "Extent along the spine", "Extent cranial of the tip"} & set(spread)
    assert "edge of the open field" in said(document)["Limits of the measurement"]


def test_without_calibration_there_is_no_millimetre_in_the_whole_document(tmp_path):
    _, document = made("xa", tmp_path, uncalibrated)
    units = {unit for _, unit in numbers(document).values()}
    assert not [unit for unit in units if unit.startswith("mm")]
    assert {"{pixels}", "{pixels}/s"} <= units
    assert numbers(group(document, "Contrast spread"))["Area"] == (441, "{pixels}")
    assert said(document)["Calibration"] == (
        "Not calibrated: lengths are in pixels, there are no mm."
    )


def test_a_display_processed_loop_gives_relative_opacity_and_says_so(tmp_path):
    _, document = made("xa_display", tmp_path, display_processed)
    kinetics = numbers(group(document, "Contrast media", "contrast kinetics"))
    assert kinetics["Peak opacity, relative"][1] == "[arb'U]"
    assert "Peak opacity" not in kinetics
    texts = said(document)
    assert "display-processed" in texts["Grey values"]
    assert "relative, not quantitative" in texts["Grey values"]
    assert texts["Opacity scale"].startswith("Unknown")
    assert "Opacity scale" not in numbers(document)
    assert "fainter than about relative opacity 0.08" in texts["Search for vascular uptake"]
    assert "fainter than relative opacity 0.031" in texts["Contrast"]


def test_a_linear_loop_of_unknown_scale_says_that_its_scale_is_unknown(tmp_path):
    def unscaled(report):
        report = display_processed(report)
        intensity = IntensityScale(
            relationship="log", ln_beam=report.loop.intensity.ln_beam, scale_known=False
        )
        return replace(report, loop=replace(report.loop, intensity=intensity, lossy=True))

    _, document = made("xa", tmp_path, unscaled)
    assert "a scale that is not known" in said(document)["Grey values"]
    assert "compressed with loss" in said(document)["Grey values"]


def test_what_is_unknown_is_said(tmp_path):
    def bare(report):
        return replace(
            report,
            loop=replace(report.loop, times_s=None),
            annotation=Annotation(),
            needle=NoNeedle(reason="No straight shaft was seen in 12 frames."),
            maps=None,
            measurements=None,
            noise=None,
        )

    _, document = made("xa", tmp_path, bare)
    texts = said(document)
    assert texts["Time axis"].startswith("Unknown")
    assert texts["Target"].startswith("Unknown")
    assert texts["Level as stated"].startswith("Unknown")
    assert texts["Side as stated"].startswith("Unknown")
    assert texts["Needle"].startswith("No needle is reported: No straight shaft")
    assert texts["Contrast"].startswith("Not measured")
    assert "Segmentation: no contrast region" in texts["Result not written"]
    assert "Map of arrival" in texts["Result not written"]
    assert "Bolus Arrival Time" not in numbers(document)


def test_without_times_no_time_is_reported_even_where_one_is_given(tmp_path):
    _, document = made("xa", tmp_path, lambda r: replace(r, loop=replace(r.loop, times_s=None)))
    assert not {"Bolus Arrival Time", "Time To Peak"} & set(numbers(document))


def test_a_side_in_the_header_is_said_where_nobody_stated_one(tmp_path):
    def lateral(report):
        return replace(
            report, annotation=Annotation(), loop=replace(report.loop, laterality="right")
        )

    _, document = made("xa", tmp_path, lateral)
    assert said(document)["Side as stated"] == "right"


def test_uncertainties_that_nobody_knows_are_called_unknown(tmp_path):
    def unsure(report):
        calibration = Calibration(mm_per_px=0.5, basis="needle_gauge")
        return replace(
            report,
            loop=replace(report.loop, calibration=calibration),
            opacity=replace(report.opacity, relative_uncertainty=None, basis=()),
            procedure=replace(report.procedure, clinician_signed_off=True),
            needle=replace(report.needle, source="given", tip_end_by="given"),
        )

    _, document = made("xa", tmp_path, unsure)
    texts = said(document)
    assert "uncertainty unknown" in texts["Calibration"]
    assert "from its gauge" in texts["Calibration"]
    assert "uncertainty unknown; from: not stated" in texts["Opacity scale"]
    assert texts["Rules of the procedure"] == "They have been reviewed by a clinician."
    assert texts["Needle"].startswith("Marked by a person")


def test_no_warning_is_never_worded_or_coded_as_absence(tmp_path):
    _, document = made("xa", tmp_path)
    texts = said(document)
    assert texts["Warnings"] == (
        "None raised in 11 assessable of 12 frames. This does not rule anything out."
    )
    assert texts["Search for vascular uptake"].startswith(
        "Undetermined: nothing detected in 11 assessable of 12 frames."
    )
    assert (
        f"fainter than about opacity 0.08 is missed; {RUN_OFF_MISSED}"
        in (texts["Search for vascular uptake"])
    )
    assert "272519000" not in str(document)  # Absent
    answers = {
        i.ConceptCodeSequence[0].CodeMeaning
        for i in walk(document)
        if i.ValueType == "CODE" and name_of(i) == "Possible vascular uptake"
    }
    assert answers == {"Undetermined"}
    assert OUTLINE not in [
        g.ContentSequence[0].TextValue for g in groups(document) if "Tubular" in str(g)
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r,
        lambda r: replace(r, findings=(vascular_finding(),)),
        uncalibrated,
        display_processed,
        lambda r: replace(r, assessable=Assessable(frames=0, of=12, reasons=("no mask frames",))),
    ],
)
def test_the_report_promises_nothing_and_names_no_vessel(change, tmp_path):
    _, document = made("xa", tmp_path, change)
    text = " ".join(said(document).values()).lower()
    for word in ("safe", "clear", "excluded", "arterial", "venous", "negative", "absent"):
        assert word not in text
    assert said(document)["Intended use"].startswith(
        "Research software; not for clinical decisions."
    )


def test_a_raised_warning_stands_in_words_numbers_and_on_its_frames(tmp_path):
    report, document = made("xa", tmp_path, lambda r: replace(r, findings=(vascular_finding(),)))
    texts = said(document)
    assert texts["Warnings"].startswith("1 raised in 11 assessable of 12 frames")
    assert "CRITICAL" in texts["Possible vascular uptake"]
    assert "(frames 6 to 8)" in texts["Possible vascular uptake"]
    assert "reached the alarm threshold" in texts["Search for vascular uptake"]
    warning = group(document, "Possible vascular uptake")
    assert numbers(warning) == {"Warning score (1 = threshold)": (1.8, "{ratio}")}
    (image,) = [i for i in walk(warning) if i.ValueType == "IMAGE"]
    assert image.ReferencedSOPSequence[0].ReferencedFrameNumber == [6, 7, 8]
    points, frame, _ = shape(group(document, "Tubular run-off", OUTLINE))
    assert frame == report.run_off.frames[1] + 1
    moved = report.run_off.path_px + report.motion.shift_px[report.run_off.frames[1]]
    np.testing.assert_allclose(points, moved, atol=1e-5)


def test_a_raised_warning_without_a_path_draws_none(tmp_path):
    def pathless(report):
        run_off = replace(report.run_off, path_px=np.empty((0, 2)))
        return replace(report, findings=(vascular_finding(),), run_off=run_off)

    _, document = made("xa", tmp_path, pathless)
    assert "Length of the run-off path" not in numbers(document)


def test_a_search_that_could_not_be_made_is_undetermined_and_gives_no_score(tmp_path):
    def unsearched(report):
        run_off = RunOff(
            score=None,
            kind=None,
            path_px=np.empty((0, 2)),
            frames=None,
            smallest_seen_od=None,
            reason="too few frames before contrast",
        )
        return replace(report, run_off=run_off)

    _, document = made("xa", tmp_path, unsearched)
    assert said(document)["Search for vascular uptake"] == (
        "Undetermined: the search could not be made (too few frames before contrast)."
    )
    assert said(document)["Warnings"].endswith("Vascular uptake: not assessed.")
    assert "Run-off score (1 = alarm threshold)" not in numbers(document)


def test_a_search_that_was_made_in_part_says_so_and_keeps_its_score(tmp_path):
    reason = "the loop ends too early to see whether contrast washes out"

    def partly(report):
        return replace(report, run_off=replace(report.run_off, reason=reason))

    _, document = made("xa", tmp_path, partly)
    assert said(document)["Warnings"].endswith("Vascular uptake: assessed in part only.")
    assert f"Searched in part only: {reason}." in said(document)["Search for vascular uptake"]
    assert numbers(document)["Run-off score (1 = alarm threshold)"] == (0.4, "{ratio}")


def test_a_loop_in_which_no_frame_could_be_judged_reassures_nobody(tmp_path):
    def blind(report):
        return replace(report, assessable=Assessable(frames=0, of=12, reasons=("lost",)))

    _, document = made("xa", tmp_path, blind)
    texts = said(document)
    assert texts["Search for vascular uptake"] == (
        "Undetermined: no frame of the loop could be judged."
    )
    assert texts["Warnings"].startswith("None raised; none of 12 frames could be judged.")
    assert texts["Assessable frames"] == "0 of 12 frames could be judged. Lost."


def test_a_run_off_whose_limit_is_unknown_states_no_limit(tmp_path):
    def limitless(report):
        return replace(report, run_off=replace(report.run_off, smallest_seen_od=None))

    _, document = made("xa", tmp_path, limitless)
    assert "fainter" not in said(document)["Search for vascular uptake"]


def test_an_empty_spread_has_no_group_and_unseen_contrast_is_said(tmp_path):
    def unseen(report):
        return replace(
            report,
            injection=replace(report.injection, onset_frame=None),
            measurements=replace(report.measurements, area_px=None),
            maps=replace(report.maps, region_by_frame=np.zeros_like(report.maps.region_by_frame)),
        )

    _, document = made("xa", tmp_path, unseen)
    assert said(document)["Contrast"].startswith("No contrast was seen.")
    assert "Extent along the spine" not in numbers(document)


def test_beside_a_suspected_vessel_no_report_says_that_no_contrast_was_seen(tmp_path):
    def lone(report):
        return replace(
            report,
            injection=replace(report.injection, onset_frame=None),
            run_off=replace(report.run_off, score=1.8),
            findings=(vascular_finding(),),
        )

    _, document = made("xa", tmp_path, lone)
    assert said(document)["Contrast"].startswith(
        "No spread outside the suspected vessel was seen."
    )


def test_a_single_frame_has_no_time_axis(tmp_path):
    def still(report):
        one = replace(report.loop, frames=report.loop.frames, times_s=np.zeros(1))
        return replace(report, loop=one)

    _, document = made("xa_single", tmp_path, still)
    assert said(document)["Time axis"] == "Unknown: a single frame has no time axis."


def test_a_number_that_is_not_finite_is_left_out(tmp_path):
    def broken(report):
        return replace(report, measurements=replace(report.measurements, peak_od=float("nan")))

    _, document = made("xa", tmp_path, broken)
    assert "Peak opacity" not in numbers(document)


def test_words_from_outside_become_ascii_because_the_sources_character_set_stays(tmp_path):
    def foreign(report):
        finding = Finding(
            id="image_unfit",
            severity="info",
            text="Unschärfe ±3 px \N{EN DASH} nicht beurteilbar ≥ 2°",
            score=1.0,
            frames=None,
        )
        return replace(report, annotation=Annotation(level="L4\\5 é 脊椎"), findings=(finding,))

    _, document = made("xa", tmp_path, foreign)
    texts = said(document)
    assert texts["Level as stated"] == "L4/5 e ??"
    assert (
        "Unscharfe +/-3 px - nicht beurteilbar >= 2 degrees"
        in (texts["Image unfit for a full assessment"])
    )


def test_algorithm_version_parameters_and_backend_are_stated(tmp_path):
    _, document = made("xa", tmp_path)
    assert said(document)["Computed by"] == (
        "napari-fluoroinject 0.1.0; backend=reference 2.0 (any processor); needle_gauge=22; "
        "smoothing_px=1.5"
    )
    first = [i.TextValue for i in groups(document)[0].ContentSequence if i.ValueType == "TEXT"]
    assert {"needle_gauge=22", "smoothing_px=1.5"} <= set(first)
    for g in groups(document):
        named = {name_of(i) for i in g.ContentSequence}
        assert {"Algorithm Name", "Algorithm Version"} <= named


def test_the_finding_site_is_the_sources_then_the_procedures_then_left_out(tmp_path):
    (source,) = sources.SOURCES["xa"]()
    del source.AnatomicRegionSequence
    paths = sources.write_source([source], tmp_path / "nowhere")
    report = example_report(paths)
    assert "Lumbar spine" in str(encoded(report, paths)["report"].ContentSequence[-2])
    nowhere = replace(report, procedure=replace(report.procedure, anatomic_region=None))
    assert "Finding Site" not in str(encoded(nowhere, paths)["report"].ContentSequence[-2])


def test_both_classes_of_report_say_the_same_as_two_objects_of_one_series(tmp_path):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    identity = identify(report, paths)
    older, newer = (
        encode_report(report, identity, sr_class=one)
        for one in ("comprehensive", "comprehensive3d")
    )
    assert older == encode_report(report, identity)
    assert (older.SOPClassUID.name, newer.SOPClassUID.name) == (
        "Comprehensive SR Storage",
        "Comprehensive 3D SR Storage",
    )
    assert older.SOPInstanceUID != newer.SOPInstanceUID
    assert older.SeriesInstanceUID == newer.SeriesInstanceUID
    for document in (older, newer):
        del document.SOPClassUID, document.SOPInstanceUID
    assert older == newer


def test_a_report_is_preliminary_and_unverified(tmp_path):
    _, document = made("xa", tmp_path)
    assert document.VerificationFlag == "UNVERIFIED"
    assert document.PreliminaryFlag == "PRELIMINARY"
    assert document.CompletionFlag == "PARTIAL"
    assert document.ContentTemplateSequence[0].TemplateIdentifier == "1500"


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    paths = written_source("xa", tmp_path_factory.mktemp("sr"))
    report = example_report(paths)
    return report, identify(report, paths)


points = st.tuples(st.floats(0, 47), st.floats(0, 63))


@given(hub=points, tip=points, frame=st.integers(0, 11), mm=st.none() | st.floats(0.05, 2))
@settings(max_examples=25, deadline=None)
def test_whatever_the_needle_its_points_frame_and_length_come_back(example, hub, tip, frame, mm):
    report, identity = example
    calibration = None if mm is None else Calibration(mm_per_px=mm, basis="iso_ermf")
    report = replace(
        report,
        loop=replace(report.loop, calibration=calibration),
        needle=replace(report.needle, hub_px=hub, tip_px=tip, frame=frame),
    )
    trajectory = group(encode_report(report, identity), "Needle", LENGTH)
    points_px, number, _ = shape(trajectory)
    np.testing.assert_allclose(points_px, [hub, tip], atol=1e-4)
    assert number == frame + 1
    value, unit = numbers(trajectory)["Length"]
    length = np.hypot(tip[0] - hub[0], tip[1] - hub[1]) * (mm or 1)
    assert unit == ("{pixels}" if mm is None else "mm")
    # Four significant digits, three below 1.
    assert value == pytest.approx(length, rel=1e-3 if length >= 1 else 6e-3, abs=1e-9)


def test_there_is_always_a_group_for_the_assessment(example):
    report, identity = example
    bare = replace(
        report,
        annotation=Annotation(),
        needle=NoNeedle(reason="none"),
        maps=None,
        measurements=None,
        opacity=replace(
            report.opacity, scale=None, relative_uncertainty=None, scatter_to_primary=None
        ),
        run_off=replace(report.run_off, reason="not searched"),
    )
    assert len(measurement_groups(bare, identity)) == 2


def test_why_a_number_is_missing_or_what_it_assumes_is_said(tmp_path):
    report, document = made("xa", tmp_path)
    assert said(document)["Limits of the measurement"] == report.measurements.reasons[0]


def test_contrast_is_first_seen_on_the_onset_frame_counted_from_one(tmp_path):
    _, document = made("xa", tmp_path)
    contrast = said(document)["Contrast"]
    assert contrast.startswith(f"Onset, told from many pixels together: frame {ONSET + 1}.")
    assert "its fitted opacity rises above 0.060; the two may differ." in contrast
