#!/usr/bin/env bash
# Pictures of docs/viewers.md: a synthetic loop, its results, and Cornerstone3D in headless Chromium over both.
# Needs fluoroinject, Node.js 22.13 or newer with npm, and Chromium (Debian: apt-get install chromium).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

SCRATCH=$(mktemp -d)
export SCRATCH
trap 'rm -rf "$SCRATCH"' EXIT
npm ci --prefix tests/viewers --ignore-scripts --no-audit --no-fund --loglevel=error

procedure=esi_tf_lumbar_subpedicular
fluoroinject phantom "$procedure" --size 384 --frames 60 --out "$SCRATCH/loop"
fluoroinject analyze "$SCRATCH"/loop/*.dcm --procedure "$procedure" --annotation "$SCRATCH/loop/annotation.json" \
  --seg-profile viewer --out "$SCRATCH/results"

mkdir "$SCRATCH/shown"
cp "$SCRATCH"/loop/*.dcm "$SCRATCH/shown/cine.dcm"
cp "$SCRATCH"/results/*/{report,segmentation}.dcm "$SCRATCH/shown"
mkdir -p "${1:-docs/viewers}"
node tests/viewers/screenshot.mjs "$SCRATCH/shown" "${1:-docs/viewers}" most last
