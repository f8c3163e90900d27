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
 * A table (number - first) -> bin: how many edges are at or below the number.
 *
 * @param {number[]} edges
 * @param {number} first
 * @param {number} last
 */
function bins(edges, first, last) {
  return Uint8Array.from({ length: last - first + 1 }, (_, at) => edges.filter((edge) => first + at >= edge).length);
}

// Counts: coded cells around a block, non-zero symbols of a block, non-zero channels so far, non-zero neighbours,
// misses of the reference. A pair is for the two halves.
const NEAR = bins([1, 2, 3, 5, 7], 0, 8);
const STRENGTH = bins([3, 8, 18], 0, 4 * 255);
const SEEN = bins([1, 3], 0, 255);
const FULLNESS = bins([2, 5, 9], 0, 255);
const AROUND = [bins([1, 3, 6], 0, 16), bins([1, 3, 6, 11], 0, 32)];
const MISSES = [bins([1, 2, 4], 0, 1100).map((bin) => bin + 6), bins([1, 2, 4, 7, 11], 0, 1100)];
const WRONG = bins([1, 3, 6], 0, 255);
// Sums of neighbouring values, each clipped to +-2.
const LEAN = bins([-5, -2, -1, 0, 1, 2, 3, 6], -8, 8);
const LEAN_BOTH = [bins([-1, 0, 1, 2], -8, 8), bins([-3, 0, 1, 4], -16, 16)];

/**
 * How many contexts each kind has in key frames or deltas of this many channels.
 *
 * @param {number} channels
 * @param {boolean} key
 */
export function contextCounts(channels, key) {
  const groups = Math.ceil(channels / CHANNELS_OF_GROUP);
  return key ? [10, groups * 16 * 51, channels * 40] : [64 * 7, groups * 16 * 50, channels * 7 * 20];
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

/** What a key frame offers to its deltas. */
export class Reference {
  /**
   * @param {Grid} grid
   * @param {Int8Array} values [C, cells]
   */
  constructor(grid, values) {
    const { cells, channels, groups, pitch } = grid;
    this.values = values;
    this.patterns = new Uint8Array(groups * cells);
    const slight = new Int8Array(values.length);
    for (let channel = 0; channel < channels; channel++) {
      const of = (channel >> 2) * cells;
      const bit = 1 << (channel & 3);
      for (let cell = 0, at = channel * cells; cell < cells; cell++, at++) {
        const value = values[at];
        if (!value) continue;
        this.patterns[of + cell] |= bit;
        slight[at] = clip(value, 2);
      }
    }
    const end = cells - pitch;
    const total = new Uint8Array(cells);
    /** Non-zero channels of each cell's four neighbours in each group. */
    this.around = new Uint8Array(groups * cells);
    for (let group = 0; group < groups; group++) {
      for (let cell = pitch, at = group * cells + pitch; cell < end; cell++, at++) {
        total[cell] += POPULATION[this.patterns[at]];
        this.around[at] = populationAround(this.patterns, at, pitch);
      }
    }
    /** Sum of each symbol's four neighbours, each clipped to +-2. */
    this.lean = new Int8Array(values.length);
    for (let channel = 0; channel < channels; channel++) {
      for (let at = channel * cells + pitch, last = channel * cells + end; at < last; at++) {
        this.lean[at] = slight[at - pitch] + slight[at + pitch] + slight[at - 1] + slight[at + 1];
      }
    }
    /** The coarse context of each block, for each half. */
    this.blocks = grid.blocks.map((origins) =>
      Uint16Array.from(origins, (origin) => {
        let pattern = 0;
        let strength = 0;
        for (let bit = 0; bit < 4; bit++) {
          const population = total[origin + grid.blockCells[bit]];
          if (population) pattern |= 1 << bit;
          strength += population;
        }
        return (pattern * 4 + STRENGTH[strength]) * 7;
      }),
    );
  }
}

/**
 * @callback ReadPass
 * @param {number} kind
 * @param {Uint32Array} contexts of the symbols
 * @param {number} count
 * @param {Uint8Array} symbols to fill in
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
  const coded = walkBlocks(grid, reference, read);
  const halves = codedCells(grid, coded);
  const patterns = walkGroups(grid, reference, read, halves);
  return walkValues(grid, symbolMax, reference, read, halves, patterns);
}

/**
 * @param {Grid} grid
 * @param {Reference | null} reference
 * @param {ReadPass} read
 */
function walkBlocks(grid, reference, read) {
  const coded = new Uint8Array(grid.cells);
  for (let half = 0; half < 2; half++) {
    const origins = grid.blocks[half];
    const contexts = new Uint32Array(origins.length);
    for (let index = 0; index < origins.length; index++) {
      const near = half ? sumAt(coded, origins[index], grid.touching) : 0;
      if (reference) contexts[index] = reference.blocks[half][index] + (half ? 1 + NEAR[near] : 0);
      else contexts[index] = half ? 1 + near : 0;
    }
    const symbols = new Uint8Array(origins.length);
    read(BLOCK, contexts, origins.length, symbols);
    for (let index = 0; index < origins.length; index++) {
      for (let bit = 0; bit < 4; bit++) coded[origins[index] + grid.blockCells[bit]] = (symbols[index] >> bit) & 1;
    }
  }
  return coded;
}

/**
 * The coded cells of either colour of the chessboard, in order.
 *
 * @param {Grid} grid
 * @param {Uint8Array} coded
 * @returns {[Int32Array, Int32Array]}
 */
function codedCells(grid, coded) {
  /** @type {[number[], number[]]} */
  const halves = [[], []];
  for (let row = 0; row < grid.rows + 2; row++) {
    for (let column = 0; column < grid.pitch; column++) {
      const cell = row * grid.pitch + column;
      if (!coded[cell]) continue;
      if (row > grid.height || column > grid.width) throw new Malformed('cells outside the grid');
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
  const { cells, groups } = grid;
  const patterns = reference ? reference.patterns.slice() : new Uint8Array(groups * cells);
  for (let half = 0; half < 2; half++) {
    const here = halves[half];
    const symbols = new Uint8Array(here.length);
    const contexts = new Uint32Array(here.length);
    const contextsOf = reference
      ? deltaGroups(grid, reference, patterns, here, half)
      : keyGroups(grid, patterns, here, half);
    for (let group = 0; group < groups; group++) {
      contextsOf(group, contexts);
      read(GROUP, contexts, here.length, symbols);
      for (let index = 0; index < here.length; index++) patterns[group * cells + here[index]] = symbols[index];
    }
  }
  return patterns;
}

/**
 * Contexts of a half's groups in a key frame: the group before, how much there is in all groups before, what most
 * neighbours have. The function that is returned is to be called for each group in turn.
 *
 * @param {Grid} grid
 * @param {Uint8Array} patterns
 * @param {Int32Array} here
 * @param {number} half
 */
function keyGroups({ cells, pitch }, patterns, here, half) {
  const seen = new Uint8Array(here.length);
  /** @type {(group: number, contexts: Uint32Array) => void} */
  return (group, contexts) => {
    for (let index = 0; index < here.length; index++) {
      const at = group * cells + here[index];
      const before = group ? patterns[at - cells] : 0;
      seen[index] += POPULATION[before];
      let most = 0;
      if (half) {
        const [a, b, c, d] = [patterns[at - pitch], patterns[at + pitch], patterns[at - 1], patterns[at + 1]];
        most = 1 + ((a & b) | (c & d) | ((a | b) & (c | d)));
      }
      contexts[index] = ((group * 16 + before) * 3 + SEEN[seen[index]]) * 17 + most;
    }
  };
}

/**
 * Contexts of a half's groups in a delta: the reference's group, how much is around it, how many channels the
 * reference has missed. The function that is returned is to be called for each group in turn.
 *
 * @param {Grid} grid
 * @param {Reference} reference
 * @param {Uint8Array} patterns
 * @param {Int32Array} here
 * @param {number} half
 */
function deltaGroups({ cells, groups, pitch, neighbours }, reference, patterns, here, half) {
  const weight = 1 + half;
  const misses = Uint16Array.from(here, (cell) => {
    let wrong = 0;
    for (let group = 0; half && group < groups; group++) {
      for (const offset of neighbours) {
        const at = group * cells + cell + offset;
        wrong += POPULATION[patterns[at] ^ reference.patterns[at]];
      }
    }
    return wrong >> 1;
  });
  /** @type {(group: number, contexts: Uint32Array) => void} */
  return (group, contexts) => {
    for (let index = 0; index < here.length; index++) {
      const at = group * cells + here[index];
      if (group) misses[index] += weight * POPULATION[patterns[at - cells] ^ reference.patterns[at - cells]];
      const around = reference.around[at] + (half ? populationAround(patterns, at, pitch) : 0);
      const coarse = group * 16 + reference.patterns[at];
      contexts[index] = (coarse * 5 + AROUND[half][around]) * 10 + MISSES[half][misses[index]];
    }
  };
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
  const values = reference ? reference.values.slice() : new Int8Array(channels * cells);
  const most = Math.max(halves[0].length, halves[1].length) * groups * CHANNELS_OF_GROUP;
  const places = new Int32Array(most);
  const contexts = new Uint32Array(most);
  const symbols = new Uint8Array(most);
  // Of each cell: how full it is, or how many channels the reference has missed.
  const bin = new Uint8Array(cells);
  for (const here of halves) {
    for (const cell of here) {
      let population = 0;
      for (let at = cell; at < groups * cells; at += cells) {
        population += POPULATION[patterns[at] ^ (reference ? reference.patterns[at] : 0)];
      }
      bin[cell] = reference ? WRONG[population] : FULLNESS[population];
      if (reference) for (let at = cell; at < channels * cells; at += cells) values[at] = 0;
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
        const lean = half
          ? clip(values[at - pitch], 2) + clip(values[at + pitch], 2) + clip(values[at - 1], 2) + clip(values[at + 1], 2)
          : 0;
        places[count] = at;
        if (reference) {
          const both = LEAN_BOTH[half][lean + reference.lean[at] + 8 * (1 + half)];
          contexts[count] = ((channel * 7 + 3 + clip(reference.values[at], 3)) * 4 + bin[cell]) * 5 + both;
        } else {
          contexts[count] = (channel * 4 + bin[cell]) * 10 + (half ? 1 + LEAN[lean + 8] : 0);
        }
        count += 1;
      }
    }
    read(VALUE, contexts, count, symbols);
    for (let index = 0; index < count; index++) {
      const symbol = symbols[index];
      values[places[index]] = symbol < symbolMax ? symbol - symbolMax : symbol - symbolMax + 1;
    }
  }
  return values;
}

/**
 * @param {number} value
 * @param {number} most
 */
function clip(value, most) {
  return value > most ? most : value < -most ? -most : value;
}

/**
 * Non-zero channels of a group's four neighbours.
 *
 * @param {Uint8Array} patterns
 * @param {number} at
 * @param {number} pitch
 */
function populationAround(patterns, at, pitch) {
  return (
    POPULATION[patterns[at - pitch]] + POPULATION[patterns[at + pitch]] +
    POPULATION[patterns[at - 1]] + POPULATION[patterns[at + 1]]
  );
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
