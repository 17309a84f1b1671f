// The frames of a loop as a viewer's stack, in a nominal plane: a projection image has none, the adapters insist on one.

// One image id per frame; `urlOf` names the file of an instance, frames count from 1 within their instance.
export function stackOf(headers, urlOf) {
  const inOrder = [...headers].sort((a, b) => (a.InstanceNumber ?? 0) - (b.InstanceNumber ?? 0));
  return inOrder.flatMap(header => {
    const { PixelData, ...instance } = header;
    return Array.from({ length: Number(header.NumberOfFrames ?? 1) }, (_, k) => ({
      id: `wadouri:${urlOf(header)}?frame=${k + 1}`,
      uid: String(header.SOPInstanceUID),
      frame: k + 1,
      instance,
    }));
  });
}

// What the adapters ask about an image. Pixels are of unit size: world (x, y) is (column, row), centres at whole numbers.
export function nominal(stack) {
  const byId = new Map(stack.map(image => [image.id, image]));
  return (type, id) => {
    const image = byId.get(id);
    if (!image) return undefined;
    const { uid, frame, instance } = image;
    const { Rows: rows, Columns: columns } = instance;
    return {
      imagePlaneModule: {
        frameOfReferenceUID: "1.2.3", rows, columns,
        rowCosines: [1, 0, 0], columnCosines: [0, 1, 0], imageOrientationPatient: [1, 0, 0, 0, 1, 0],
        imagePositionPatient: [0, 0, 0], rowPixelSpacing: 1, columnPixelSpacing: 1,
      },
      generalSeriesModule: { seriesInstanceUID: instance.SeriesInstanceUID, modality: instance.Modality },
      sopCommonModule: { sopInstanceUID: uid, sopClassUID: instance.SOPClassUID },
      // Without it every label image "loads", and is empty.
      generalImageModule: { sopInstanceUID: uid },
      instance: { ...instance, frameNumber: frame },
      frameNumber: frame,
    }[type];
  };
}

export function naturalized(dcmjs, buffer) {
  const message = dcmjs.data.DicomMessage.readFile(buffer);
  const natural = dcmjs.data.DicomMetaDictionary.naturalizeDataset(message.dict);
  natural._meta = dcmjs.data.DicomMetaDictionary.namifyDataset(message.meta);
  return natural;
}

// Measurements by tool, as the adapters restore them.
export function measurementsOf(adaptersSR, document, stack, provider) {
  const ids = Object.fromEntries(stack.map(image => [`${image.uid}:${image.frame}`, image.id]));
  const state = adaptersSR.Cornerstone3D.MeasurementReport.generateToolState(document, ids, provider);
  return Object.values(state).flat();
}
