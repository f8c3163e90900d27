/** Draws results on a canvas that covers exactly the picture. Knows the closed draw vocabulary and nothing of any head. */

/** @import {Box, BoxesDraw, Corner, Point, PointsDraw, Result, Trail, TrailDraw} from './types.js' */

/** Distinct on grass, clay and parquet; for labels by index and for the two teams. */
const LABEL_COLOURS = ['#4cc9f0', '#ffd166', '#f06fb8', '#9be564', '#ff9f6b', '#b79cff'];
const TEAM_COLOURS = ['#ff6b5e', '#5ea8ff'];
const NEUTRAL = '#e6ebf2';
const INK = 'rgba(6, 10, 16, 0.78)';

/**
 * @typedef {object} Pen
 * @property {CanvasRenderingContext2D} context
 * @property {number} scaleX canvas pixels per source pixel
 * @property {number} scaleY
 * @property {number} unit canvas pixels per unit of size, which is 1 CSS px on a picture of usual width
 */

/**
 * The colour of a box.
 *
 * @param {Box} box
 * @param {'label' | 'id' | 'team'} by
 * @param {readonly string[]} labels
 * @returns {string}
 */
export function boxColour(box, by, labels) {
  if (by === 'id') {
    // Steps of the golden angle keep neighbouring ids apart.
    return box.id === undefined ? NEUTRAL : `hsl(${Math.round((box.id * 137.508) % 360)} 85% 66%)`;
  }
  if (by === 'team' && box.team !== undefined) return TEAM_COLOURS[box.team % TEAM_COLOURS.length];
  if (by === 'team' && labels.indexOf(box.label) <= 0) return NEUTRAL;
  const index = labels.indexOf(box.label);
  return index < 0 ? NEUTRAL : LABEL_COLOURS[index % LABEL_COLOURS.length];
}

/** Marks are drawn for a picture of this width (CSS px), and smaller or larger with it. */
const USUAL_WIDTH = 880;

/**
 * How large marks are on a picture of some width: a phone's must not hide the players, a wall's must be seen.
 *
 * @param {number} width CSS px
 * @returns {number} factor
 */
export function markScale(width) {
  return Math.min(Math.max(width / USUAL_WIDTH, 0.62), 1.6);
}

/**
 * What one head has on a frame, and how to draw it.
 *
 * @typedef {object} ShownResult
 * @property {Result} result
 * @property {readonly string[]} labels
 * @property {number} [followed] id of the thing that the viewer follows; 0 or absent for none
 */

/**
 * Clear the canvas and draw the results of one frame on it.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {readonly ShownResult[]} shown in stacking order
 * @param {{sourceWidth: number, sourceHeight: number}} source the pixels that results are in
 * @param {number} unit canvas pixels per CSS px
 */
export function drawResults(context, shown, source, unit) {
  const { canvas } = context;
  context.clearRect(0, 0, canvas.width, canvas.height);
  /** @type {Pen} */
  const pen = {
    context, unit: unit * markScale(canvas.width / unit),
    scaleX: canvas.width / source.sourceWidth, scaleY: canvas.height / source.sourceHeight,
  };
  /** @type {Record<Corner, string[]>} */
  const corners = { top_left: [], top_right: [], bottom_left: [], bottom_right: [] };
  for (const { result, labels, followed } of shown) {
    for (const layer of result.layers) {
      if ('trail' in layer) drawTrail(pen, layer.draw, layer.trail);
      if ('boxes' in layer) drawBoxes(pen, layer.draw, layer.boxes, labels, followed);
      if ('points' in layer) drawPoints(pen, layer.draw, layer.points);
      if ('text' in layer) corners[layer.draw.corner].push(layer.text);
    }
  }
  for (const [corner, lines] of Object.entries(corners)) drawCorner(pen, /** @type {Corner} */ (corner), lines);
}

/** How much of the others is left while one is followed. */
const FADED = 0.4;

/**
 * Boxes and their tags. While a followed one is in view it is outlined strongly and the others are faded.
 *
 * @param {Pen} pen
 * @param {BoxesDraw} draw
 * @param {Box[]} boxes
 * @param {readonly string[]} labels
 * @param {number} [followed]
 */
function drawBoxes(pen, draw, boxes, labels, followed) {
  const { context } = pen;
  const chosen = followed ? boxes.find((box) => box.id === followed) : undefined;
  if (chosen) context.globalAlpha = FADED;
  drawGroup(pen, draw, chosen ? boxes.filter((box) => box !== chosen) : boxes, labels, 1);
  context.globalAlpha = 1;
  if (chosen) drawGroup(pen, draw, [chosen], labels, 2);
}

/**
 * Each colour is one path: a stroke of its own for every box costs several times as much.
 *
 * @param {Pen} pen
 * @param {BoxesDraw} draw
 * @param {Box[]} boxes
 * @param {readonly string[]} labels
 * @param {number} weight of the outline
 */
function drawGroup(pen, draw, boxes, labels, weight) {
  const { context, unit } = pen;
  const by = draw.colour_by ?? 'label';
  /** @type {Map<string, Box[]>} */
  const colours = new Map();
  for (const box of boxes) {
    const colour = boxColour(box, by, labels);
    const same = colours.get(colour);
    if (same) same.push(box);
    else colours.set(colour, [box]);
  }
  context.lineJoin = 'round';
  strokeBoxes(pen, boxes, INK, (1.5 + 1.5 * weight) * unit);
  for (const [colour, same] of colours) strokeBoxes(pen, same, colour, 1.5 * weight * unit);
  // Tags last, so that no neighbour's box crosses them.
  context.font = `600 ${10 * unit}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  context.textAlign = 'center';
  for (const [colour, same] of colours) drawTags(pen, same.flatMap((box) => tagOf(pen, box, labels)), colour);
}

/**
 * @param {Pen} pen
 * @param {Box[]} boxes
 * @param {string} style
 * @param {number} width canvas pixels
 */
function strokeBoxes({ context, unit, scaleX, scaleY }, boxes, style, width) {
  context.beginPath();
  for (const { xyxy } of boxes) {
    const [left, top, across, down] = [xyxy[0] * scaleX, xyxy[1] * scaleY, (xyxy[2] - xyxy[0]) * scaleX, (xyxy[3] - xyxy[1]) * scaleY];
    context.roundRect(left, top, across, down, Math.max(0, Math.min(3 * unit, across / 4, down / 4)));
  }
  context.strokeStyle = style;
  context.lineWidth = width;
  context.stroke();
}

/** @typedef {{text: string, left: number, top: number, width: number, height: number}} Tag */

/**
 * @param {Pen} pen
 * @param {Box} box
 * @param {readonly string[]} labels
 * @returns {Tag[]} none when there is nothing to say
 */
function tagOf({ context, unit, scaleX, scaleY }, box, labels) {
  const label = labels.indexOf(box.label) > 0 ? box.label : '';
  const text = [box.id === undefined ? '' : String(box.id), label].filter(Boolean).join(' ');
  if (!text) return [];
  const width = textWidth(context, text) + 6 * unit;
  const height = 12.5 * unit;
  const centre = ((box.xyxy[0] + box.xyxy[2]) / 2) * scaleX;
  const left = Math.min(Math.max(centre - width / 2, 0), context.canvas.width - width);
  return [{ text, left, top: Math.max(box.xyxy[1] * scaleY - height - 2 * unit, 0), width, height }];
}

/**
 * @param {Pen} pen
 * @param {Tag[]} tags
 * @param {string} colour
 */
function drawTags({ context, unit }, tags, colour) {
  if (!tags.length) return;
  context.beginPath();
  for (const { left, top, width, height } of tags) context.roundRect(left, top, width, height, 3 * unit);
  context.fillStyle = colour;
  context.fill();
  context.fillStyle = '#0a0e14';
  for (const { text, left, top, width, height } of tags) context.fillText(text, left + width / 2, top + height / 2 + 0.5 * unit);
}

/** Ids come again and again, and measuring lays the text out. @type {Map<string, number>} */
const widths = new Map();

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 */
function textWidth(context, text) {
  const key = `${context.font} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    if (widths.size > 1000) widths.clear();
    ({ width } = context.measureText(text));
    widths.set(key, width);
  }
  return width;
}

/**
 * Rings; a broken one where the thing is supposed to be but was not seen.
 *
 * @param {Pen} pen
 * @param {PointsDraw} draw
 * @param {Point[]} points
 */
function drawPoints({ context, unit, scaleX, scaleY }, draw, points) {
  const colour = draw.colour ?? '#ffd400';
  for (const { xy, guess } of points) {
    const [x, y] = [xy[0] * scaleX, xy[1] * scaleY];
    context.setLineDash(guess ? [4 * unit, 4 * unit] : []);
    context.beginPath();
    context.arc(x, y, 9 * unit, 0, 2 * Math.PI);
    context.strokeStyle = INK;
    context.lineWidth = 4 * unit;
    context.stroke();
    context.strokeStyle = colour;
    context.lineWidth = 2 * unit;
    context.stroke();
  }
  context.setLineDash([]);
}

/** A trail fades in so many steps. */
const TRAIL_STEPS = 8;

/**
 * A line that grows towards its end; broken and fainter where the thing was not seen.
 *
 * @param {Pen} pen
 * @param {TrailDraw} draw
 * @param {Trail} trail oldest first
 */
function drawTrail({ context, unit, scaleX, scaleY }, draw, { xy, guess }) {
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.strokeStyle = draw.colour ?? '#ffd400';
  const last = xy.length - 1;
  /** @param {number} i segment that ends in point i */
  const guessed = (i) => Boolean(guess?.[i] || guess?.[i - 1]);
  let from = 0;
  while (from < last) {
    const step = Math.ceil(((from + 1) / last) * TRAIL_STEPS);
    context.beginPath();
    context.moveTo(xy[from][0] * scaleX, xy[from][1] * scaleY);
    const unseen = guessed(from + 1);
    do {
      from += 1;
      context.lineTo(xy[from][0] * scaleX, xy[from][1] * scaleY);
    } while (from < last && Math.ceil(((from + 1) / last) * TRAIL_STEPS) === step && guessed(from + 1) === unseen);
    const age = step / TRAIL_STEPS;
    context.setLineDash(unseen ? [1, 6 * unit] : []);
    context.globalAlpha = (0.1 + 0.7 * age) * (unseen ? 0.7 : 1);
    context.lineWidth = (1 + 2.2 * age) * unit;
    context.stroke();
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
}

/**
 * @param {Pen} pen
 * @param {Corner} corner
 * @param {string[]} lines
 */
function drawCorner({ context, unit }, corner, lines) {
  const { width: canvasWidth, height: canvasHeight } = context.canvas;
  const height = 26 * unit;
  const margin = 12 * unit;
  context.font = `600 ${14 * unit}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  lines.forEach((line, row) => {
    const width = context.measureText(line).width + 20 * unit;
    const left = corner.endsWith('left') ? margin : canvasWidth - margin - width;
    const offset = margin + row * (height + 6 * unit);
    const top = corner.startsWith('top') ? offset : canvasHeight - offset - height;
    context.beginPath();
    context.roundRect(left, top, width, height, 6 * unit);
    context.fillStyle = INK;
    context.fill();
    context.fillStyle = '#f3f6fa';
    context.fillText(line, left + 10 * unit, top + height / 2 + 0.5 * unit);
  });
}
