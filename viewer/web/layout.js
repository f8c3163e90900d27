/** Where pictures lie: in the core's input, in the video's box, and on the canvas. Pure arithmetic. */

/** @typedef {{left: number, top: number, width: number, height: number}} Rectangle */

/**
 * The centred view of a source picture inside the core's input, as heads receive it: float32[6] with
 * x0, y0, width, height (0..1 of the input), source width and height (px). Edges fall on whole input
 * pixels, so that it equals the encoder's (core_network/prepare.py, View.letterbox).
 *
 * @param {number} sourceWidth
 * @param {number} sourceHeight
 * @param {number} inputWidth
 * @param {number} inputHeight
 * @returns {Float32Array}
 */
export function letterbox(sourceWidth, sourceHeight, inputWidth, inputHeight) {
  let width = inputWidth;
  let height = inputHeight;
  if (sourceWidth * inputHeight >= sourceHeight * inputWidth) {
    height = Math.max(1, Math.floor((sourceHeight * inputWidth * 2 + sourceWidth) / (2 * sourceWidth)));
  } else {
    width = Math.max(1, Math.floor((sourceWidth * inputHeight * 2 + sourceHeight) / (2 * sourceHeight)));
  }
  const left = Math.floor((inputWidth - width) / 2);
  const top = Math.floor((inputHeight - height) / 2);
  return Float32Array.of(
    left / inputWidth, top / inputHeight, width / inputWidth, height / inputHeight, sourceWidth, sourceHeight,
  );
}

/**
 * Where a video element draws its picture, relative to the element's own box (CSS px). With `cover` the
 * rectangle reaches beyond the box on one axis.
 *
 * @param {{width: number, height: number}} box
 * @param {{width: number, height: number}} picture
 * @param {'contain' | 'cover'} fit
 * @returns {Rectangle}
 */
export function pictureRectangle(box, picture, fit) {
  if (picture.width < 1 || picture.height < 1) return { left: 0, top: 0, width: box.width, height: box.height };
  const across = box.width / picture.width;
  const down = box.height / picture.height;
  const scale = fit === 'cover' ? Math.max(across, down) : Math.min(across, down);
  const width = picture.width * scale;
  const height = picture.height * scale;
  return { left: (box.width - width) / 2, top: (box.height - height) / 2, width, height };
}

/** Canvases beyond this many device pixels on a side cost memory and show nothing more. */
const CANVAS_LIMIT = 4096;

/**
 * The size of a canvas in device pixels for a rectangle in CSS px.
 *
 * @param {{width: number, height: number}} rectangle
 * @param {number} pixelRatio
 * @returns {{width: number, height: number}}
 */
export function canvasSize(rectangle, pixelRatio) {
  const longest = Math.max(rectangle.width, rectangle.height) * pixelRatio;
  const scale = pixelRatio * Math.min(1, CANVAS_LIMIT / Math.max(1, longest));
  return {
    width: Math.max(1, Math.round(rectangle.width * scale)),
    height: Math.max(1, Math.round(rectangle.height * scale)),
  };
}
