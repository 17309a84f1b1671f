#!/usr/bin/env bash
# Everything that CI checks, on a bare Debian machine with Python 3.11 or newer: installs what it needs, then runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

has_libraries() { for one; do /sbin/ldconfig -p | grep "lib$one\.so" || return 1; done; }
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# Outside validators: dciodvfy (dicom3tools), dsrdump and friends (dcmtk), PixelMed's SR validator (Java).
# A C++ compiler runs the CUDA kernels on the host; Chromium opens the status page.
# strace lets calls fail and records them for the proofs of durability. Orthanc is an archive to talk to.
# OpenIGTLink's C++ library and its example programs, FFmpeg and GStreamer's RTSP server are peers of live feeds.
# Xvfb is the screen of the viewer's tests; the libraries are what Qt's xcb plugin loads beside it.
if ! { command -v dciodvfy && command -v dsrdump && command -v java && [ -e /usr/share/java/pixelmed.jar ] &&
  command -v g++ && command -v chromium && command -v strace && command -v openssl &&
  [ -d /usr/include/openigtlink ] && [ -d /usr/share/doc/openigtlink-examples/examples ] &&
  command -v ffmpeg && /usr/bin/python3 -c "import gi; gi.require_version('GstRtspServer', '1.0')" &&
  [ -x /usr/sbin/Orthanc ] && [ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ] &&
  command -v xvfb-run && command -v xauth &&
  has_libraries EGL fontconfig dbus-1 xkbcommon-x11 xcb-cursor xcb-icccm xcb-keysyms xcb-shape; } >/dev/null; then
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
    dcmtk dicom3tools libpixelmed-java default-jre-headless g++ chromium strace openssl \
    orthanc orthanc-dicomweb libopenigtlink-dev openigtlink-examples \
    ffmpeg python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
    xvfb xauth libegl1 libglib2.0-0 libfontconfig1 libdbus-1-3 \
    libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0
fi

[ -x .venv-test/bin/python ] || python3 -m venv .venv-test
.venv-test/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
export PATH="$PWD/.venv-test/bin:$PATH" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

# Libraries of other people's viewers (dcmjs, Cornerstone3D), as the lock file names them; Node.js came with pip.
npm ci --prefix tests/viewers --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error

ruff check .
ruff format --check .
mypy
lint-imports
npe2 validate napari.yaml
rm -f .coverage .coverage.*
# Two workers: the suite is made for a machine with two cores.
pytest -n 2 --cov --cov-report= --ignore=tests/viewer "$@"
bash tests/run_viewer.sh -n 2 --cov --cov-append --cov-report=
coverage report --skip-covered | tail -n 40
coverage report --include='*/model/*,*/analysis/*,*/dicom/*' --fail-under=90 >/dev/null ||
  { echo "branch coverage of model, analysis and dicom is below 90 %"; exit 1; }
