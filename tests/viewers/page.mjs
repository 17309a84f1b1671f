// A minimal Cornerstone3D viewer: the frames of a cine named in ?frames= (see `frameOf`), with segmentation and measurements over them.
import dcmjs from "dcmjs";
import { adaptersSEG, adaptersSR } from "@cornerstonejs/adapters";
import { Enums, RenderingEngine, imageLoader, init as initCore, metaData } from "@cornerstonejs/core";
import * as tools from "@cornerstonejs/tools";
import dicomImageLoader from "@cornerstonejs/dicom-image-loader";
import { measurementsOf, naturalized, nominal, stackOf } from "./stack.mjs";

const ENGINE = "engine";
const TOOLS = [tools.LengthTool, tools.ProbeTool, tools.PlanarFreehandROITool];
const { Labelmap } = tools.Enums.SegmentationRepresentations;
const settled = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
const fetched = async name => (await fetch(name)).arrayBuffer();

async function openCine() {
  const header = naturalized(dcmjs, await fetched("/cine.dcm"));
  const stack = stackOf([header], () => `${location.origin}/cine.dcm`);
  metaData.addProvider(nominal(stack), 10000);
  await imageLoader.loadAndCacheImage(stack[0].id);
  return stack;
}

// The label images that the adapters make: a layer each, because overlapping segments cannot share an image.
async function openSegmentation(stack) {
  const ids = stack.map(image => image.id);
  const buffer = await fetched("/segmentation.dcm");
  const restored = await adaptersSEG.Cornerstone3D.Segmentation.createFromDICOMSegBuffer(ids, buffer, {
    metadataProvider: metaData,
    tolerance: 1e-3,
  });
  const colors = restored.segMetadata.data.map(one => {
    const lab = one?.RecommendedDisplayCIELabValue;
    return lab ? dcmjs.data.Colors.dicomlab2RGB(lab).map(part => Math.round(255 * part)) : null;
  });
  const layers = restored.labelMapImages.map((images, k) => ({ segmentationId: `layer ${k + 1}`, images }));
  tools.segmentation.addSegmentations(
    layers.map(({ segmentationId, images }) => ({
      segmentationId,
      representation: { type: Labelmap, data: { imageIds: images.map(image => image.imageId) } },
    })),
  );
  return { layers, colors };
}

async function openReport(stack) {
  const document = naturalized(dcmjs, await fetched("/report.dcm"));
  return measurementsOf(adaptersSR, document, stack, metaData).map(measurement => {
    const { annotationUID, metadata, data } = measurement.annotation;
    const { FrameOfReferenceUID } = metadata;
    const annotation = {
      annotationUID,
      highlighted: false,
      invalidated: false,
      isLocked: true,
      isVisible: true,
      metadata: { ...metadata, viewPlaneNormal: [0, 0, -1], viewUp: [0, -1, 0] },
      data: { ...data, label: measurement.finding?.CodeMeaning ?? "" },
    };
    tools.annotation.state.addAnnotation(annotation, FrameOfReferenceUID);
    return { place: stack.findIndex(image => image.id === metadata.referencedImageId), annotation };
  });
}

function toolGroup() {
  const group = tools.ToolGroupManager.createToolGroup("tools");
  for (const tool of TOOLS) {
    tools.addTool(tool);
    group.addTool(tool.toolName, { getTextLines });
    group.setToolEnabled(tool.toolName);
  }
  return group;
}

// The finding, and the number that the report gave with the shape (a tool of its own would measure again).
function getTextLines(data) {
  const { length, area, unit } = Object.values(data.cachedStats ?? {})[0] ?? {};
  if (length !== undefined) return [`${data.label}: ${length} ${unit}`];
  return [area === undefined ? data.label : `${data.label}: ${area}`];
}

async function show(engine, group, place, stack, { layers, colors }) {
  const viewportId = `frame ${place + 1}`;
  const figure = document.createElement("figure");
  const element = document.createElement("div");
  const caption = document.createElement("figcaption");
  figure.append(element, caption);
  document.body.append(figure);
  engine.enableElement({ viewportId, element, type: Enums.ViewportType.STACK });
  const viewport = engine.getViewport(viewportId);
  await viewport.setStack(stack.map(image => image.id), place);
  group.addViewport(viewportId, ENGINE);
  for (const { segmentationId } of layers) {
    tools.segmentation.addLabelmapRepresentationToViewport(viewportId, [{ segmentationId, type: Labelmap }]);
    colors.forEach((color, index) => {
      if (color) tools.segmentation.config.color.setSegmentIndexColor(viewportId, segmentationId, index, [...color, 255]);
    });
  }
  viewport.render();
  return { viewport, caption };
}

// A number from 1; the frame with the most measurements; the last one that has any.
function frameOf(asked, measurements) {
  const count = new Map();
  for (const { place } of measurements) count.set(place, (count.get(place) ?? 0) + 1);
  if (asked === "last") return Math.max(...count.keys()) + 1;
  if (asked === "most") return [...count].sort((a, b) => b[1] - a[1])[0][0] + 1;
  return Number(asked);
}

// Magenta for the report; the segmentation has the colours that it brings.
function style() {
  const color = "rgb(255, 150, 255)";
  const styles = tools.annotation.config.style;
  const usual = styles.getDefaultToolStyles();
  styles.setDefaultToolStyles({
    ...usual,
    global: { ...usual.global, color, textBoxColor: color, textBoxLinkLineColor: color, textBoxFontSize: "12px" },
  });
}

async function main() {
  const log = [];
  const fault = event => log.push({ error: String((event.error ?? event.reason)?.stack ?? event.message) });
  for (const kind of ["error", "unhandledrejection"]) addEventListener(kind, fault);
  try {
    initCore();
    tools.init();
    dicomImageLoader.init({ maxWebWorkers: 1 });
    const stack = await openCine();
    const segmentation = await openSegmentation(stack);
    const measurements = await openReport(stack);
    const engine = new RenderingEngine(ENGINE);
    const group = toolGroup();
    style();
    const asked = new URLSearchParams(location.search).get("frames").split(",");
    const frames = asked.map(one => frameOf(one, measurements));
    for (const frame of frames) {
      const { viewport, caption } = await show(engine, group, frame - 1, stack, segmentation);
      const here = measurements.filter(one => one.place === frame - 1).map(one => one.annotation);
      const pixels = segmentation.layers.map(({ images }) => images[frame - 1].getPixelData().filter(Boolean).length);
      const names = here.map(one => `${one.metadata.toolName}: ${one.data.label}`);
      caption.textContent = `Frame ${frame} of ${stack.length}; measurements on it: ${here.length}`;
      log.push({ asked: frame, shown: viewport.getCurrentImageIdIndex() + 1, pixels, measurements: names });
    }
    await settled(4000);
    tools.utilities.triggerAnnotationRenderForViewportIds(frames.map(frame => `frame ${frame}`));
    await settled(2000);
  } catch (error) {
    log.push({ error: String(error?.stack ?? error) });
  }
  // The page counts as loaded only now: the server answers the picture that it waits for.
  await fetch("/done", { method: "POST", body: JSON.stringify(log) });
}

main();
