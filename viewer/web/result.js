/** From a head's output tables to the result in pixels of the source, by the manifest alone (docs/heads.md). */

/** @import {Box, BoxesDraw, Layer, Manifest, Output, Point, PointsDraw, Result, Statistic, Tables, TrailDraw} from './types.js' */

/** Looked up for every frame, so each output's columns are numbered once. @type {WeakMap<Output, Map<string, number>>} */
const numbered = new WeakMap();

/** @param {Output} output @returns {Map<string, number>} */
function positionsOf(output) {
  let positions = numbered.get(output);
  if (!positions) {
    positions = new Map(output.columns.map((column, index) => [column, index]));
    numbered.set(output, positions);
  }
  return positions;
}

/** Reads one output table by column name. */
class Table {
  /**
   * @param {Output} output
   * @param {Float32Array} values
   */
  constructor(output, values) {
    this.values = values;
    this.rows = output.shape[0];
    this.width = output.columns.length;
    this.positions = positionsOf(output);
  }

  /**
   * @param {string} column
   * @returns {boolean}
   */
  has(column) {
    return this.positions.has(column);
  }

  /**
   * @param {number} row
   * @param {string} column
   * @returns {number}
   */
  at(row, column) {
    return this.values[row * this.width + (this.positions.get(column) ?? NaN)];
  }

  /** Indices of the rows that count. */
  valid() {
    const rows = [];
    for (let row = 0; row < this.rows; row++) if (this.at(row, 'valid') >= 0.5) rows.push(row);
    return rows;
  }
}

/**
 * @param {Manifest} manifest
 * @param {Tables} tables
 * @param {string} name
 * @returns {Table}
 */
function tableOf(manifest, tables, name) {
  const output = manifest.outputs.find((item) => item.name === name);
  if (!output || !tables[name]) throw new Error(`head ${manifest.name}: expected an output ${name}, the graph gave none`);
  return new Table(output, tables[name]);
}

/**
 * @param {Manifest} manifest
 * @param {Table} table
 * @param {number} row
 * @returns {string}
 */
function labelOf(manifest, table, row) {
  const labels = manifest.labels ?? [];
  if (!labels.length) return manifest.name;
  const index = table.has('label') ? Math.round(table.at(row, 'label')) : 0;
  return labels[Math.min(Math.max(index, 0), labels.length - 1)];
}

/**
 * @param {Table} table
 * @param {number} row
 * @returns {{id?: number, team?: number}}
 */
function identityOf(table, row) {
  /** @type {{id?: number, team?: number}} */
  const identity = {};
  if (table.has('id') && Math.round(table.at(row, 'id')) !== 0) identity.id = Math.round(table.at(row, 'id'));
  if (table.has('team') && table.at(row, 'team') >= 0) identity.team = Math.round(table.at(row, 'team'));
  return identity;
}

/** Whether a row was not seen in this frame. @param {Table} table @param {number} row */
function isGuess(table, row) {
  return table.has('guess') && table.at(row, 'guess') >= 0.5;
}

/**
 * The statistics that have a value on this frame.
 *
 * @param {Manifest} manifest
 * @param {Tables} tables
 * @returns {Record<string, number>}
 */
export function statisticsOf(manifest, tables) {
  /** @type {Record<string, number>} */
  const stats = {};
  for (const statistic of manifest.statistics ?? []) {
    const table = tableOf(manifest, tables, statistic.output);
    if (statistic.valid && table.at(0, statistic.valid) < 0.5) continue;
    stats[statistic.name] = table.at(0, statistic.column);
  }
  return stats;
}

/**
 * A statistic as people read it: its digits, then its unit.
 *
 * @param {Statistic} statistic
 * @param {number} value
 * @returns {string}
 */
export function printed(statistic, value) {
  const digits = value.toFixed(statistic.decimals ?? 0);
  return statistic.unit ? `${digits} ${statistic.unit}` : digits;
}

/**
 * A text template with its statistics filled in; null while one of them is missing.
 *
 * @param {Manifest} manifest
 * @param {string} template
 * @param {Record<string, number>} stats
 * @returns {string | null}
 */
export function filledTemplate(manifest, template, stats) {
  let complete = true;
  const text = template.replace(/\{([a-z0-9_]+)\}/g, (_, name) => {
    const statistic = manifest.statistics?.find((item) => item.name === name);
    if (!statistic || stats[name] === undefined) {
      complete = false;
      return '';
    }
    return printed(statistic, stats[name]);
  });
  return complete ? text : null;
}

/**
 * What a viewer shows (the confirmed view) of one head on one frame.
 *
 * @param {Manifest} manifest
 * @param {Tables} tables
 * @param {{sourceWidth: number, sourceHeight: number}} source in pixels
 * @returns {Result}
 */
export function resultOf(manifest, tables, source) {
  const stats = statisticsOf(manifest, tables);
  /** @type {Result} */
  const result = { head: manifest.name, boxes: [], points: [], trails: [], stats, layers: [] };
  for (const draw of manifest.draw ?? []) {
    if ('when' in draw && draw.when === 'all') continue;
    const layer = layerOf(manifest, tables, source, stats, draw);
    if (!layer) continue;
    result.layers.push(layer);
    if ('boxes' in layer) result.boxes.push(...layer.boxes);
    if ('points' in layer) result.points.push(...layer.points);
    if ('trail' in layer) result.trails.push(layer.trail);
  }
  return result;
}

/**
 * @param {Manifest} manifest
 * @param {Tables} tables
 * @param {{sourceWidth: number, sourceHeight: number}} source
 * @param {Record<string, number>} stats
 * @param {import('./types.js').Draw} draw
 * @returns {Layer | null}
 */
function layerOf(manifest, tables, source, stats, draw) {
  switch (draw.kind) {
    case 'boxes':
      return { draw, boxes: boxesOf(manifest, tableOf(manifest, tables, draw.output), source) };
    case 'points':
      return { draw, points: pointsOf(manifest, tableOf(manifest, tables, draw.output), source) };
    case 'trail':
      return { draw, trail: trailOf(manifest, tableOf(manifest, tables, draw.output), source) };
    case 'text': {
      const text = filledTemplate(manifest, draw.template, stats);
      return text === null ? null : { draw, text };
    }
    default:
      return null;
  }
}

/**
 * @param {Manifest} manifest
 * @param {Table} table
 * @param {{sourceWidth: number, sourceHeight: number}} source
 * @returns {Box[]}
 */
function boxesOf(manifest, table, { sourceWidth, sourceHeight }) {
  return table.valid().map((row) => ({
    xyxy: [
      table.at(row, 'x0') * sourceWidth, table.at(row, 'y0') * sourceHeight,
      table.at(row, 'x1') * sourceWidth, table.at(row, 'y1') * sourceHeight,
    ],
    score: table.at(row, 'score'),
    label: labelOf(manifest, table, row),
    ...identityOf(table, row),
  }));
}

/**
 * @param {Manifest} manifest
 * @param {Table} table
 * @param {{sourceWidth: number, sourceHeight: number}} source
 * @returns {Point[]}
 */
function pointsOf(manifest, table, { sourceWidth, sourceHeight }) {
  return table.valid().map((row) => {
    const { id } = identityOf(table, row);
    return {
      xy: [table.at(row, 'x') * sourceWidth, table.at(row, 'y') * sourceHeight],
      score: table.at(row, 'score'),
      label: labelOf(manifest, table, row),
      ...(id === undefined ? {} : { id }),
      ...(isGuess(table, row) ? { guess: /** @type {const} */ (true) } : {}),
    };
  });
}

/**
 * @param {Manifest} manifest
 * @param {Table} table
 * @param {{sourceWidth: number, sourceHeight: number}} source
 * @returns {import('./types.js').Trail}
 */
function trailOf(manifest, table, { sourceWidth, sourceHeight }) {
  const rows = table.valid();
  const guess = rows.map((row) => Number(isGuess(table, row)));
  return {
    label: rows.length ? labelOf(manifest, table, rows[0]) : (manifest.labels?.[0] ?? manifest.name),
    xy: rows.map((row) => [table.at(row, 'x') * sourceWidth, table.at(row, 'y') * sourceHeight]),
    ...(guess.includes(1) ? { guess } : {}),
  };
}
