/** Which drawn thing is under the viewer's finger. Pure arithmetic. */

/** @import {Result} from './types.js' */

/**
 * The id of the drawn box or point at a place; null when there is none with an id. Where boxes overlap the smallest
 * wins; a finger may miss by `slack`.
 *
 * @param {Result} result
 * @param {number} x source pixels
 * @param {number} y
 * @param {number} slack source pixels
 * @returns {number | null}
 */
export function objectAt(result, x, y, slack) {
  let best = Infinity;
  let found = null;
  /** @param {number | undefined} id @param {number} outside @param {number} size */
  const consider = (id, outside, size) => {
    // Inside counts before near; then the smaller or nearer.
    const rank = outside > 0 ? 1e12 + outside : size;
    if (id === undefined || outside > slack || rank >= best) return;
    best = rank;
    found = id;
  };
  for (const { id, xyxy: [left, top, right, bottom] } of result.boxes) {
    const outside = Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
    consider(id, outside, (right - left) * (bottom - top));
  }
  for (const { id, xy } of result.points) consider(id, Math.hypot(xy[0] - x, xy[1] - y) <= slack ? 0 : Infinity, 0);
  return found;
}

/**
 * What of a head can be picked: ids in order, each with its label.
 *
 * @param {Result} result
 * @returns {{id: number, label: string}[]}
 */
export function pickable(result) {
  /** @type {Map<number, string>} */
  const found = new Map();
  for (const { id, label } of [...result.boxes, ...result.points]) if (id !== undefined) found.set(id, label);
  return [...found].map(([id, label]) => ({ id, label })).sort((a, b) => a.id - b.id);
}
