#!/usr/bin/env bash
# Everything that CI checks, on a bare Debian machine with Python 3.11 or newer: installs what it needs, then runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# Outside validators: dciodvfy (dicom3tools), dsrdump and friends (dcmtk), PixelMed's SR validator (Java).
# A C++ compiler runs the CUDA kernels on the host; Chromium opens the status page.
# strace lets calls fail and records them for the proofs of durability. Orthanc is an archive to talk to.
if ! { command -v dciodvfy && command -v dsrdump && command -v java && [ -e /usr/share/java/pixelmed.jar ] &&
  command -v g++ && command -v chromium && command -v strace && command -v openssl &&
  [ -x /usr/sbin/Orthanc ] && [ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ]; } >/dev/null; then
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
    dcmtk dicom3tools libpixelmed-java default-jre-headless g++ chromium strace openssl \
    orthanc orthanc-dicomweb
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
pytest -n 2 --cov --cov-report= "$@"
coverage report --skip-covered | tail -n 40
coverage report --include='*/model/*,*/analysis/*,*/dicom/*' --fail-under=90 >/dev/null ||
  { echo "branch coverage of model, analysis and dicom is below 90 %"; exit 1; }
