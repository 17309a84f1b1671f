#!/usr/bin/env bash
# The viewer's tests on a screen that nobody sees: all with one Qt binding, widgets and windows with the other.
# Options go to pytest. With the newest pre-release of napari: pip install --pre "napari<0.11", then this.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

on_screen() { xvfb-run -a -s "-screen 0 1920x1080x24" "$@"; }
QT_API=pyqt6 on_screen pytest tests/viewer "$@"
QT_API=pyside6 on_screen pytest -m "qt or screen" tests/viewer "$@"
