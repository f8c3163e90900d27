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
 * Clear the canvas and draw the results of one frame on it.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {{result: Result, labels: readonly string[]}[]} shown in stacking order
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
  for (const { result, labels } of shown) {
    for (const layer of result.layers) {
      if ('trail' in layer) drawTrail(pen, layer.draw, layer.trail);
      if ('boxes' in layer) drawBoxes(pen, layer.draw, layer.boxes, labels);
      if ('points' in layer) drawPoints(pen, layer.draw, layer.points);
      if ('text' in layer) corners[layer.draw.corner].push(layer.text);
    }
  }
  for (const [corner, lines] of Object.entries(corners)) drawCorner(pen, /** @type {Corner} */ (corner), lines);
}

/**
 * @param {Pen} pen
 * @param {BoxesDraw} draw
 * @param {Box[]} boxes
 * @param {readonly string[]} labels
 */
function drawBoxes(pen, draw, boxes, labels) {
  const { context, unit } = pen;
  context.lineJoin = 'round';
  for (const box of boxes) {
    const [left, top, right, bottom] = [
      box.xyxy[0] * pen.scaleX, box.xyxy[1] * pen.scaleY, box.xyxy[2] * pen.scaleX, box.xyxy[3] * pen.scaleY,
    ];
    const colour = boxColour(box, draw.colour_by ?? 'label', labels);
    const radius = Math.min(3 * unit, (right - left) / 4, (bottom - top) / 4);
    context.beginPath();
    context.roundRect(left, top, right - left, bottom - top, Math.max(0, radius));
    context.strokeStyle = INK;
    context.lineWidth = 3 * unit;
    context.stroke();
    context.strokeStyle = colour;
    context.lineWidth = 1.5 * unit;
    context.stroke();
  }
  // Tags last, so that no neighbour's box crosses them.
  context.font = `600 ${10 * unit}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  for (const box of boxes) {
    const colour = boxColour(box, draw.colour_by ?? 'label', labels);
    const label = labels.indexOf(box.label) > 0 ? box.label : '';
    const tag = [box.id === undefined ? '' : String(box.id), label].filter(Boolean).join(' ');
    if (tag) drawTag(pen, tag, ((box.xyxy[0] + box.xyxy[2]) / 2) * pen.scaleX, box.xyxy[1] * pen.scaleY, colour);
  }
}

/**
 * @param {Pen} pen
 * @param {string} text
 * @param {number} centre
 * @param {number} bottom
 * @param {string} colour
 */
function drawTag({ context, unit }, text, centre, bottom, colour) {
  const width = context.measureText(text).width + 6 * unit;
  const height = 12.5 * unit;
  const left = Math.min(Math.max(centre - width / 2, 0), context.canvas.width - width);
  const top = Math.max(bottom - height - 2 * unit, 0);
  context.beginPath();
  context.roundRect(left, top, width, height, 3 * unit);
  context.fillStyle = colour;
  context.fill();
  context.fillStyle = '#0a0e14';
  context.textAlign = 'center';
  context.fillText(text, left + width / 2, top + height / 2 + 0.5 * unit);
}

/**
 * @param {Pen} pen
 * @param {PointsDraw} draw
 * @param {Point[]} points
 */
function drawPoints({ context, unit, scaleX, scaleY }, draw, points) {
  const colour = draw.colour ?? '#ffd400';
  for (const { xy } of points) {
    const [x, y] = [xy[0] * scaleX, xy[1] * scaleY];
    context.beginPath();
    context.arc(x, y, 9 * unit, 0, 2 * Math.PI);
    context.strokeStyle = INK;
    context.lineWidth = 4 * unit;
    context.stroke();
    context.strokeStyle = colour;
    context.lineWidth = 2 * unit;
    context.stroke();
  }
}

/**
 * @param {Pen} pen
 * @param {TrailDraw} draw
 * @param {Trail} trail oldest first
 */
function drawTrail({ context, unit, scaleX, scaleY }, draw, trail) {
  context.lineCap = 'round';
  context.strokeStyle = draw.colour ?? '#ffd400';
  for (let i = 1; i < trail.xy.length; i++) {
    const age = i / (trail.xy.length - 1);
    context.globalAlpha = 0.1 + 0.7 * age;
    context.lineWidth = (1 + 2.2 * age) * unit;
    context.beginPath();
    context.moveTo(trail.xy[i - 1][0] * scaleX, trail.xy[i - 1][1] * scaleY);
    context.lineTo(trail.xy[i][0] * scaleX, trail.xy[i][1] * scaleY);
    context.stroke();
  }
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
