"""Opening loops as any napari user would: honest pictures, and only what is a loop."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManager

from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.viewer.reader import read_layers, reader_for, runs_held


@pytest.fixture
def shown(phantom_file):
    """A viewer into which the loop was opened."""
    viewer = ViewerModel()
    for data, options, kind in read_layers(str(phantom_file)):
        getattr(viewer, f"add_{kind}")(data, **options)
    return viewer


def test_a_loop_has_its_spacing_and_its_times_on_the_axes(shown, run):
    (layer,) = shown.layers
    spacing = run.loop.mm_per_px
    assert layer.scale == pytest.approx((1 / 8, spacing, spacing))
    assert [str(one) for one in layer.units] == ["second", "millimeter", "millimeter"]
    assert layer.axis_labels == ("time", "y", "x")


def test_a_loop_is_shown_as_stored_and_more_beam_is_brighter(shown, run):
    (layer,) = shown.layers
    assert layer.colormap.name == "gray"
    assert not layer.rgb
    np.testing.assert_array_equal(layer.data[3], run.loop.frames.frame(3))


def test_frames_are_decoded_when_they_are_shown_and_not_before(shown):
    (layer,) = shown.layers
    assert layer.data.decoded <= 3


def test_a_layer_knows_its_run_and_names_no_patient(shown, run):
    (held,) = runs_held(shown.layers)
    assert held.uid == run.uid
    assert shown.layers[0].name == "AP 1 · native"


def test_napari_opens_a_loop_and_a_folder_with_us(phantom_file):
    PluginManager.instance().discover()
    viewer = ViewerModel()
    (layer,) = viewer.open(str(phantom_file), plugin="napari-fluoroinject")
    assert layer.source.reader_plugin == "napari-fluoroinject"
    folder = viewer.open(str(phantom_file.parent), plugin="napari-fluoroinject")
    assert len(runs_held(folder)) == 1


def test_layers_of_others_hold_no_run(shown):
    shown.add_points([[1, 2, 3]], units=shown.layers[0].units, axis_labels=("time", "y", "x"))
    assert len(runs_held(shown.layers)) == 1


def test_a_folder_is_opened_whole(phantom_file, tmp_path):
    shutil.copy(phantom_file, tmp_path / "one.dcm")
    (tmp_path / "notes.txt").write_text("no loop")
    read = reader_for(str(tmp_path))
    assert read is not None
    assert len(read(str(tmp_path))) == 1


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\0" * 4096, b"\0" * 128 + b"DICM"])
@pytest.mark.parametrize("name", ["picture.dcm", "1.2.840.113619", "picture.tif"])
def test_what_is_no_loop_is_declined(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    assert reader_for(str(tmp_path / name)) is None
    assert reader_for(str(tmp_path)) is None


def test_what_is_not_there_is_declined(tmp_path):
    assert reader_for(str(tmp_path / "none.dcm")) is None
    assert reader_for([]) is None


def test_a_report_is_declined(run, tmp_path):
    from napari_fluoroinject import analyze, save

    saved = save(analyze(run.loop, "mbb_lumbar"), run.files, out=tmp_path)
    report = saved.folder / "report.dcm"
    assert report.is_file()
    assert reader_for(str(report)) is None


def test_of_a_large_folder_only_the_first_files_are_looked_at(tmp_path, phantom_file):
    for number in range(70):
        (tmp_path / f"{number:03}").write_bytes(b"nothing")
    shutil.copy(phantom_file, tmp_path / "zzz.dcm")
    assert reader_for(str(tmp_path)) is None


def test_a_broken_loop_is_answered_with_what_was_seen(phantom_file, tmp_path):
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(phantom_file.read_bytes()[:5000])
    with pytest.raises(UnreadableObjectError, match=r"cut\.dcm"):
        read_layers(str(cut))


def test_the_reader_loads_no_qt(phantom_file):
    code = (
        "import sys; from napari_fluoroinject.viewer.reader import reader_for; "
        f"path = {str(phantom_file)!r}; reader_for(path)(path); "
        "print([one for one in ('qtpy', 'PyQt6', 'PySide6') if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"
