/** From a head's output tables to the result in pixels of the source, by the manifest alone (docs/heads.md). */

/** @import {Box, BoxesDraw, Layer, Manifest, Output, Point, PointsDraw, Result, Statistic, Tables, TrailDraw} from './types.js' */

/** Reads one output table by column name. */
class Table {
  /**
   * @param {Output} output
   * @param {Float32Array} values
   */
  constructor(output, values) {
    this.columns = output.columns;
    this.values = values;
    this.rows = output.shape[0];
  }

  /**
   * @param {string} column
   * @returns {boolean}
   */
  has(column) {
    return this.columns.includes(column);
  }

  /**
   * @param {number} row
   * @param {string} column
   * @returns {number}
   */
  at(row, column) {
    return this.values[row * this.columns.length + this.columns.indexOf(column)];
  }

  /** Indices of the rows that count. */
  valid() {
    return Array.from({ length: this.rows }, (_, row) => row).filter((row) => this.at(row, 'valid') >= 0.5);
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
  return {
    label: rows.length ? labelOf(manifest, table, rows[0]) : (manifest.labels?.[0] ?? manifest.name),
    xy: rows.map((row) => [table.at(row, 'x') * sourceWidth, table.at(row, 'y') * sourceHeight]),
  };
}
