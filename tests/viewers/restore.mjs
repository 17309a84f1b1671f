// What dcmjs and the adapters of Cornerstone3D, the readers of OHIF, restore from a report and a segmentation.
//
// node restore.mjs JOBS.json         JOBS: [{"sources": [...], "report": ..., "segmentation": ...}, ...], paths of files
//
// Prints one JSON object for each job: the measurements and label images that a viewer would show, in the viewer's own
// words. Nothing is judged here. The loop is laid into a plane with unit pixels, because the adapters insist on one:
// world (x, y) is then (column, row) with the centre of the first pixel at (0, 0), half a pixel from graphic data.
import fs from "fs";
import { measurementsOf, naturalized, nominal, stackOf } from "./stack.mjs";

// The libraries bind these when they load. What the adapters pass over they tell with the group and the error.
const skipped = [];
for (const level of ["log", "info", "debug", "error"]) console[level] = () => {};
console.warn = (...words) => {
  const group = words.find(word => word?.ContentSequence);
  if (group) skipped.push(group.ContentSequence[0].TextValue);
};
const { default: dcmjs } = await import("dcmjs");
const { adaptersSEG, adaptersSR } = await import("@cornerstonejs/adapters");
const { metaData } = await import("@cornerstonejs/core");

function bytes(file) {
  const read = fs.readFileSync(file);
  return read.buffer.slice(read.byteOffset, read.byteOffset + read.byteLength);
}

const dataset = file => naturalized(dcmjs, bytes(file));

// What the tool of a viewer would show beside the shape, before it measures anything itself.
function shown(measurement, stack) {
  const { data, metadata } = measurement.annotation;
  const at = stack.findIndex(image => image.id === metadata.referencedImageId);
  const points = data.contour ? data.contour.polyline : data.handles.points;
  return {
    tool: metadata.toolName,
    tracking_uid: measurement.TrackingUniqueIdentifier,
    place: at, // in the stack, from 0
    frame: data.frameNumber,
    points: points.map(([x, y]) => [y, x]), // (row, column)
    closed: data.contour ? data.contour.closed : null,
    stats: Object.values(data.cachedStats ?? {})[0] ?? null,
    finding: measurement.finding?.CodeMeaning ?? null,
  };
}

function measurements(file, stack, provider) {
  const document = dataset(file);
  return {
    sop_class: String(document.SOPClassUID),
    measurements: measurementsOf(adaptersSR, document, stack, provider).map(one => shown(one, stack)),
  };
}

// Runs of equal labels other than 0, as [first pixel, length, label].
function runs(labels) {
  const found = [];
  for (let k = 0; k < labels.length; k++) {
    if (!labels[k]) continue;
    const start = k;
    while (k + 1 < labels.length && labels[k + 1] === labels[start]) k++;
    found.push([start, k - start + 1, labels[start]]);
  }
  return found;
}

async function labels(file, stack, provider) {
  const ids = stack.map(image => image.id);
  const restored = await adaptersSEG.Cornerstone3D.Segmentation.createFromDICOMSegBuffer(ids, bytes(file), {
    metadataProvider: provider,
    tolerance: 1e-3,
  });
  const layers = restored.labelMapImages ?? [];
  return {
    segments: restored.segMetadata.data.slice(1).map(segment => segment.SegmentLabel),
    // Layers, because overlapping segments cannot share one label image; then frames.
    layers: layers.map(images => images.map(image => runs(image.getPixelData()))),
  };
}

const sizeOf = instance => instance && { rows: instance.Rows, columns: instance.Columns };

async function job({ sources, report, segmentation }) {
  const stack = stackOf(sources.map(dataset), header => header.SOPInstanceUID);
  const known = nominal(stack);
  // A loader that has read the pixels knows these; here nothing reads them.
  const get = (type, id) => (type === "imagePixelModule" ? sizeOf(known("instance", id)) : known(type, id));
  const provider = { get };
  metaData.addProvider(get, 10000);
  const found = {};
  skipped.length = 0;
  try {
    if (report) Object.assign(found, measurements(report, stack, provider));
    if (segmentation) Object.assign(found, await labels(segmentation, stack, provider));
  } catch (error) {
    found.error = String(error?.stack ?? error);
  }
  metaData.removeProvider(get);
  return { ...found, skipped: [...skipped] };
}

const print = text => fs.writeSync(1, `${text}\n`);
for (const one of JSON.parse(fs.readFileSync(process.argv[2], "utf-8"))) print(JSON.stringify(await job(one)));
process.exit(0);
