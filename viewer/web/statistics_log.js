/** The statistics of the running heads, frame after frame, for export as CSV and JSON. */

/** @import {Manifest, Statistic} from './types.js' */

/** Two hours at 30 frames per second of each head; then the oldest go. */
const KEPT_FRAMES = 216_000;
const BLOCK_FRAMES = 1000;
const COLUMNS = /** @type {const} */ (['number', 'pts_s', 'head', 'statistic', 'value', 'unit']);

/**
 * @typedef {{number: number, pts_s: number, head: string, statistic: string, value: number, unit: string}} Row
 * @typedef {{numbers: Float64Array, pts: Float64Array, values: Float32Array, frames: number}} Block NaN: no value
 * @typedef {{head: string, statistics: Statistic[], blocks: Block[]}} HeadRecord
 */

/** Keeps every value that a head gave since the page was opened, or since another programme began. */
export class StatisticsLog {
  /** @type {Map<string, HeadRecord>} */
  #records = new Map();
  #session = -1;

  get empty() {
    return this.#records.size === 0;
  }

  /**
   * @param {Manifest} manifest
   * @param {{session: number, number: number, pts: number}} frame
   * @param {{[statistic: string]: number}} values of those that have one
   */
  add({ name, statistics = [] }, { session, number, pts }, values) {
    if (!statistics.length) return;
    if (session !== this.#session) {
      this.#session = session;
      // The numbers of one programme go on through a lost connection; those of another begin again.
      if (number < this.#lastNumber()) this.#records.clear();
    }
    let record = this.#records.get(name);
    if (record?.statistics.map((item) => item.name).join() !== statistics.map((item) => item.name).join()) {
      record = { head: name, statistics, blocks: [] };
      this.#records.set(name, record);
    }
    const block = roomIn(record);
    block.numbers[block.frames] = number;
    block.pts[block.frames] = pts;
    statistics.forEach((statistic, index) => {
      block.values[block.frames * statistics.length + index] = values[statistic.name] ?? NaN;
    });
    block.frames += 1;
  }

  #lastNumber() {
    const last = [...this.#records.values()].map(({ blocks }) => blocks.at(-1)?.numbers[(blocks.at(-1)?.frames ?? 1) - 1] ?? 0);
    return Math.max(0, ...last);
  }

  /**
   * One row per frame, head and statistic that had a value: by frame, then by head, then as the manifest lists them.
   *
   * @param {readonly string[]} order of the heads
   * @returns {Generator<Row>}
   */
  * rows(order) {
    const records = [...this.#records.values()].sort((a, b) => order.indexOf(a.head) - order.indexOf(b.head));
    const open = records.map((record) => ({ record, frames: framesOf(record) }));
    const next = open.map(({ frames }) => frames.next());
    for (;;) {
      const number = Math.min(...next.map((frame) => (frame.done ? Infinity : frame.value.number)));
      if (number === Infinity) return;
      for (const [index, { record, frames }] of open.entries()) {
        const frame = next[index];
        if (frame.done || frame.value.number !== number) continue;
        for (const [place, { name, unit }] of record.statistics.entries()) {
          const value = frame.value.values[place];
          if (Number.isNaN(value)) continue;
          yield {
            number, pts_s: rounded(frame.value.pts / 90000, 3), head: record.head, statistic: name, value: rounded(value, 4), unit,
          };
        }
        next[index] = frames.next();
      }
    }
  }
}

/** @param {HeadRecord} record @returns {Block} the last, with room for a frame */
function roomIn({ statistics, blocks }) {
  const last = blocks.at(-1);
  if (last && last.frames < BLOCK_FRAMES) return last;
  const made = {
    numbers: new Float64Array(BLOCK_FRAMES), pts: new Float64Array(BLOCK_FRAMES),
    values: new Float32Array(BLOCK_FRAMES * statistics.length), frames: 0,
  };
  blocks.push(made);
  if (blocks.length * BLOCK_FRAMES > KEPT_FRAMES) blocks.shift();
  return made;
}

/** @param {HeadRecord} record @returns {Generator<{number: number, pts: number, values: Float32Array}>} */
function* framesOf({ statistics, blocks }) {
  for (const { numbers, pts, values, frames } of blocks) {
    for (let frame = 0; frame < frames; frame++) {
      const own = values.subarray(frame * statistics.length, (frame + 1) * statistics.length);
      yield { number: numbers[frame], pts: pts[frame], values: own };
    }
  }
}

/** @param {number} value @param {number} decimals */
function rounded(value, decimals) {
  return Number(value.toFixed(decimals));
}

/** Text is handed on in pieces of so many rows: a long match is more than one string should hold. */
const PIECE_ROWS = 5000;

/**
 * As CSV (RFC 4180, LF), in pieces.
 *
 * @param {Iterable<Row>} rows
 * @returns {string[]}
 */
export function csv(rows) {
  return pieces(`${COLUMNS.join()}\n`, rows, (row) => {
    const fields = COLUMNS.map((column) => field(column === 'pts_s' ? row.pts_s.toFixed(3) : row[column]));
    return `${fields.join()}\n`;
  }, '');
}

/**
 * As a JSON array with a row per line, in pieces.
 *
 * @param {Iterable<Row>} rows
 * @returns {string[]}
 */
export function json(rows) {
  let first = true;
  return pieces('[\n', rows, (row) => {
    const separator = first ? '' : ',\n';
    first = false;
    return separator + JSON.stringify(row);
  }, '\n]\n');
}

/**
 * @param {string} head
 * @param {Iterable<Row>} rows
 * @param {(row: Row) => string} print
 * @param {string} tail
 */
function pieces(head, rows, print, tail) {
  const done = [];
  let piece = head;
  let count = 0;
  for (const row of rows) {
    piece += print(row);
    count += 1;
    if (count % PIECE_ROWS) continue;
    done.push(piece);
    piece = '';
  }
  return [...done, piece + tail];
}

/** @param {string | number} value */
function field(value) {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
