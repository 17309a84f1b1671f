"""Frames of a live feed on disk, as they came: appended, never changed, readable after a crash."""

from napari_fluoroinject.recording.reader import Recording
from napari_fluoroinject.recording.recorder import Recorder, new_folder
from napari_fluoroinject.recording.remarks import Remark, RemarkLog, read_remarks
from napari_fluoroinject.recording.scale import unknown_scale

__all__ = [
    "Recorder",
    "Recording",
    "Remark",
    "RemarkLog",
    "new_folder",
    "read_remarks",
    "unknown_scale",
]
