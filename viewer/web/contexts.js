/**
 * Which table codes which symbol: contexts of a frame's three kinds of symbols, in integers only. The counterpart of
 * stream/bitstream/contexts.py, pass by pass; docs/wire.md has the definitions.
 */

import { Malformed } from './bitstream_errors.js';

export const BLOCK = 0;
export const GROUP = 1;
export const VALUE = 2;

const CHANNELS_OF_GROUP = 4;
const POPULATION = Uint8Array.from({ length: 16 }, (_, i) => (i & 1) + ((i >> 1) & 1) + ((i >> 2) & 1) + (i >> 3));

/**
 * A table number -> bin: the count of edges at or below the number.
 *
 * @param {number[]} edges
 * @param {number} upto
 */
function bins(edges, upto) {
  return Uint8Array.from({ length: upto + 1 }, (_, number) => edges.filter((edge) => number >= edge).length);
}

const RING = bins([1, 4, 8], 12);
const NEAR = bins([1, 3, 6], 8);
const SEEN_KEY = bins([1, 2, 3, 5], 255);
const SEEN_DELTA = bins([1, 3], 255);
const AROUND = bins([1, 3, 6], 16);
const CELL = bins([3, 6], 255);
const ACTIVITY = bins([1, 3, 6], 12);
const LEAN = [0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 4, 4, 4, 4, 4, 4];

/**
 * How many contexts each kind has in key frames or deltas of this many channels.
 *
 * @param {number} channels
 * @param {boolean} key
 */
export function contextCounts(channels, key) {
  const groups = Math.ceil(channels / CHANNELS_OF_GROUP);
  return key ? [10, groups * 25, channels * 18] : [16 * 4 * 5, groups * 16 * 4 * 3, channels * 7 * 4];
}

/** Positions of a [C, H, W] feature, laid out [C, cells] with a border of one dead cell on each side. */
class Grid {
  /** @param {[number, number, number]} shape */
  constructor([channels, height, width]) {
    this.channels = channels;
    this.height = height;
    this.width = width;
    this.groups = Math.ceil(channels / CHANNELS_OF_GROUP);
    this.rows = height + (height % 2);
    this.columns = width + (width % 2);
    const pitch = this.columns + 2;
    this.pitch = pitch;
    this.cells = (this.rows + 2) * pitch;
    this.blockCells = [0, 1, pitch, pitch + 1];
    this.touching = [-pitch, 1 - pitch, 2 * pitch, 2 * pitch + 1, -1, pitch - 1, 2, pitch + 2];
    this.ring = [...this.touching, -pitch - 1, 2 - pitch, 2 * pitch - 1, 2 * pitch + 2];
    this.neighbours = [-pitch, pitch, -1, 1];
    /** @type {[Int32Array, Int32Array]} */
    this.blocks = [this.#blocks(0), this.#blocks(1)];
  }

  /** @param {number} half */
  #blocks(half) {
    const origins = [];
    for (let row = 0; row < this.rows / 2; row++) {
      for (let column = (row + half) % 2; column < this.columns / 2; column += 2) {
        origins.push((2 * row + 1) * this.pitch + 2 * column + 1);
      }
    }
    return Int32Array.from(origins);
  }

  /**
   * [C, cells] as a new array [C, H, W].
   *
   * @param {Int8Array} laid
   */
  gather(laid) {
    const symbols = new Int8Array(this.channels * this.height * this.width);
    for (let channel = 0, at = 0; channel < this.channels; channel++) {
      for (let row = 0; row < this.height; row++, at += this.width) {
        const start = channel * this.cells + (row + 1) * this.pitch + 1;
        symbols.set(laid.subarray(start, start + this.width), at);
      }
    }
    return symbols;
  }
}

/** @type {Map<string, Grid>} */
const grids = new Map();

/**
 * The grid of a shape; computed once.
 *
 * @param {[number, number, number]} shape
 */
export function gridOf(shape) {
  const name = shape.join('x');
  const grid = grids.get(name) ?? new Grid(shape);
  grids.set(name, grid);
  return grid;
}

/** The contexts that a key frame offers to its deltas. */
export class Reference {
  /**
   * @param {Grid} grid
   * @param {Int8Array} values [C, cells]
   */
  constructor(grid, values) {
    const { cells, channels, groups, pitch } = grid;
    const patterns = new Uint8Array(groups * cells);
    const live = new Uint8Array(cells);
    for (let channel = 0; channel < channels; channel++) {
      const of = (channel >> 2) * cells;
      const bit = 1 << (channel & 3);
      for (let cell = 0, at = channel * cells; cell < cells; cell++, at++) {
        if (!values[at]) continue;
        patterns[of + cell] |= bit;
        live[cell] = 1;
      }
    }
    /** For each half, for each block: its pattern and how much lives around it. */
    this.blocks = grid.blocks.map((origins) =>
      Uint16Array.from(origins, (origin) => blockPattern(grid, live, origin) * 4 + RING[sumAt(live, origin, grid.ring)]),
    );
    this.groups = new Uint8Array(groups * cells);
    this.values = new Uint8Array(channels * cells);
    const last = cells - pitch - 1;
    for (let group = 0; group < groups; group++) {
      for (let cell = pitch + 1; cell < last; cell++) {
        const at = group * cells + cell;
        const around =
          POPULATION[patterns[at - pitch]] + POPULATION[patterns[at + pitch]] +
          POPULATION[patterns[at - 1]] + POPULATION[patterns[at + 1]];
        this.groups[at] = patterns[at] * 4 + AROUND[around];
      }
    }
    const size = new Uint8Array(values.length);
    for (let at = 0; at < size.length; at++) size[at] = Math.min(Math.abs(values[at]), 3);
    for (let channel = 0; channel < channels; channel++) {
      for (let cell = pitch + 1; cell < last; cell++) {
        const at = channel * cells + cell;
        const activity = size[at - pitch] + size[at + pitch] + size[at - 1] + size[at + 1];
        this.values[at] = (Math.max(-3, Math.min(3, values[at])) + 3) * 4 + ACTIVITY[activity];
      }
    }
  }
}

/**
 * @callback ReadPass
 * @param {number} kind
 * @param {Uint32Array} contexts of the symbols; may be overwritten
 * @param {number} count
 * @param {Uint8Array} symbols to fill in
 * @param {boolean} last
 * @returns {void}
 */

/**
 * Read a frame pass by pass and return its values [C, cells]. A key frame has no reference. Throws Malformed when what
 * is read cannot have been written.
 *
 * @param {Grid} grid
 * @param {number} symbolMax
 * @param {Reference | null} reference
 * @param {ReadPass} read
 * @returns {Int8Array}
 */
export function walk(grid, symbolMax, reference, read) {
  const live = walkBlocks(grid, reference, read);
  const halves = liveCells(grid, live);
  const patterns = walkGroups(grid, reference, read, halves);
  return walkValues(grid, symbolMax, reference, read, halves, patterns);
}

/**
 * @param {Grid} grid
 * @param {Reference | null} reference
 * @param {ReadPass} read
 */
function walkBlocks(grid, reference, read) {
  const live = new Uint8Array(grid.cells);
  for (let half = 0; half < 2; half++) {
    const origins = grid.blocks[half];
    const contexts = new Uint32Array(origins.length);
    for (let index = 0; index < origins.length; index++) {
      const near = half ? sumAt(live, origins[index], grid.touching) : 0;
      if (reference) contexts[index] = reference.blocks[half][index] * 5 + (half ? 1 + NEAR[near] : 0);
      else contexts[index] = half ? 1 + near : 0;
    }
    const symbols = new Uint8Array(origins.length);
    read(BLOCK, contexts, origins.length, symbols, false);
    for (let index = 0; index < origins.length; index++) {
      for (let bit = 0; bit < 4; bit++) live[origins[index] + grid.blockCells[bit]] = (symbols[index] >> bit) & 1;
    }
  }
  return live;
}

/**
 * The live cells of either colour of the chessboard, in order.
 *
 * @param {Grid} grid
 * @param {Uint8Array} live
 * @returns {[Int32Array, Int32Array]}
 */
function liveCells(grid, live) {
  /** @type {[number[], number[]]} */
  const halves = [[], []];
  for (let row = 0; row < grid.rows + 2; row++) {
    for (let column = 0; column < grid.pitch; column++) {
      const cell = row * grid.pitch + column;
      if (!live[cell]) continue;
      if (row > grid.height || column > grid.width) throw new Malformed('live cells outside the grid');
      halves[(row + column) % 2].push(cell);
    }
  }
  return [Int32Array.from(halves[0]), Int32Array.from(halves[1])];
}

/**
 * @param {Grid} grid
 * @param {Reference | null} reference
 * @param {ReadPass} read
 * @param {[Int32Array, Int32Array]} halves
 */
function walkGroups(grid, reference, read, halves) {
  const { cells, groups, pitch } = grid;
  const patterns = new Uint8Array(groups * cells);
  for (let half = 0; half < 2; half++) {
    const here = halves[half];
    const count = here.length;
    const seen = new Uint8Array(count);
    const contexts = new Uint32Array(count);
    const symbols = new Uint8Array(count);
    for (let group = 0; group < groups; group++) {
      for (let index = 0; index < count; index++) {
        const at = group * cells + here[index];
        if (reference) {
          contexts[index] = (group * 64 + reference.groups[at]) * 3 + SEEN_DELTA[seen[index]];
          continue;
        }
        const around =
          POPULATION[patterns[at - pitch]] + POPULATION[patterns[at + pitch]] +
          POPULATION[patterns[at - 1]] + POPULATION[patterns[at + 1]];
        contexts[index] = (group * 5 + SEEN_KEY[seen[index]]) * 5 + (half ? 1 + AROUND[around] : 0);
      }
      read(GROUP, contexts, count, symbols, false);
      for (let index = 0; index < count; index++) {
        patterns[group * cells + here[index]] = symbols[index];
        seen[index] += POPULATION[symbols[index]];
      }
    }
    if (seen.includes(0)) throw new Malformed('a live cell without a value');
  }
  return patterns;
}

/**
 * @param {Grid} grid
 * @param {number} symbolMax
 * @param {Reference | null} reference
 * @param {ReadPass} read
 * @param {[Int32Array, Int32Array]} halves
 * @param {Uint8Array} patterns
 */
function walkValues(grid, symbolMax, reference, read, halves, patterns) {
  const { cells, channels, groups, pitch } = grid;
  const values = new Int8Array(channels * cells);
  const most = Math.max(halves[0].length, halves[1].length) * groups * CHANNELS_OF_GROUP;
  const places = new Int32Array(most);
  const contexts = new Uint32Array(most);
  const symbols = new Uint8Array(most);
  const fullness = new Uint8Array(cells);
  for (const here of halves) {
    for (const cell of here) {
      let population = 0;
      for (let group = 0; group < groups; group++) population += POPULATION[patterns[group * cells + cell]];
      fullness[cell] = CELL[population];
    }
  }
  for (let half = 0; half < 2; half++) {
    let count = 0;
    for (let channel = 0; channel < groups * CHANNELS_OF_GROUP; channel++) {
      const of = (channel >> 2) * cells;
      const bit = channel & 3;
      for (const cell of halves[half]) {
        if (!((patterns[of + cell] >> bit) & 1)) continue;
        if (channel >= channels) throw new Malformed('a value in a channel that is not there');
        const at = channel * cells + cell;
        places[count] = at;
        if (reference) {
          contexts[count++] = channel * 28 + reference.values[at];
          continue;
        }
        const lean = half
          ? 1 + LEAN[8 + slight(values[at - pitch]) + slight(values[at + pitch]) + slight(values[at - 1]) + slight(values[at + 1])]
          : 0;
        contexts[count++] = (channel * 3 + fullness[cell]) * 6 + lean;
      }
    }
    read(VALUE, contexts, count, symbols, half === 1);
    for (let index = 0; index < count; index++) {
      const symbol = symbols[index];
      values[places[index]] = symbol < symbolMax ? symbol - symbolMax : symbol - symbolMax + 1;
    }
  }
  return values;
}

/** @param {number} value */
function slight(value) {
  return Math.max(-2, Math.min(2, value));
}

/**
 * @param {Uint8Array} of
 * @param {number} origin
 * @param {number[]} offsets
 */
function sumAt(of, origin, offsets) {
  let sum = 0;
  for (const offset of offsets) sum += of[origin + offset];
  return sum;
}

/**
 * @param {Grid} grid
 * @param {Uint8Array} live
 * @param {number} origin
 */
function blockPattern(grid, live, origin) {
  let pattern = 0;
  for (let bit = 0; bit < 4; bit++) pattern |= live[origin + grid.blockCells[bit]] << bit;
  return pattern;
}
