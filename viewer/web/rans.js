/**
 * Interleaved range asymmetric numeral systems, the reading side: 12-bit probabilities, 32-bit lane states, 16-bit
 * words. The counterpart of stream/bitstream/rans.py; docs/wire.md has the layout.
 */

import { Malformed } from './bitstream_errors.js';

/** Lane counts; the position is what the header records. */
export const LANES = [2, 4, 8, 16, 32, 64, 128, 256];
export const PRECISION = 12;
export const TOTAL = 1 << PRECISION;

/** Most steps of one frame: no bytes can make a decoder work longer than this. */
const MAX_STEPS = 2048;
const LOW = 0x10000;

/** Lane states and words of one frame, read pass by pass. */
export class RansReader {
  #lanes;
  #few;
  #beforeTail;
  #state;
  #words;
  /** Words in `#words`, and how many of them came in the payload. */
  #count;
  #sent;
  #at = 0;
  #inTail = false;
  #stepsLeft = MAX_STEPS;

  /**
   * @param {Uint8Array} coded
   * @param {number} lanes
   * @param {number} split how many symbols come before the tail
   */
  constructor(coded, lanes, split) {
    this.#lanes = lanes;
    this.#few = Math.max(1, lanes >> 2);
    this.#beforeTail = split;
    this.#state = new Uint32Array(lanes);
    const used = readStates(coded, this.#state);
    if ((coded.length - used) % 2) throw new Malformed('half a word at the end');
    this.#sent = this.#count = (coded.length - used) / 2;
    // Room for the words that ride in the lanes, and for one more read of every lane past the end.
    this.#words = new Uint16Array(this.#count + 2 * lanes);
    for (let word = 0; word < this.#count; word++) {
      this.#words[word] = coded[used + 2 * word] | (coded[used + 2 * word + 1] << 8);
    }
  }

  /**
   * Read a pass of `count` symbols, symbol i with the cluster `of[contexts[i]]`.
   *
   * @param {Uint16Array} of
   * @param {Uint32Array} contexts
   * @param {number} count
   * @param {import('./entropy_tables.js').Clusters} clusters
   * @param {Uint8Array} symbols
   */
  read(of, contexts, count, clusters, symbols) {
    const whole = Math.min(count, this.#beforeTail);
    this.#beforeTail -= whole;
    this.#pop(of, contexts, 0, whole, clusters, symbols, this.#lanes);
    if (whole === count) return;
    this.#beginTail();
    this.#pop(of, contexts, whole, count, clusters, symbols, this.#few);
  }

  /** Throws Malformed unless every lane and word ends as the encoder began. */
  finish() {
    this.#beginTail();
    let clean = this.#at >= this.#sent && !this.#beforeTail;
    for (let lane = 0; lane < this.#few; lane++) clean &&= this.#state[lane] === LOW;
    for (let word = this.#at; word < this.#count; word++) clean &&= this.#words[word] === 0;
    if (!clean) throw new Malformed('the lanes do not end where they began');
  }

  /** The other lanes' final states are the words that the tail reads last. */
  #beginTail() {
    if (this.#inTail) return;
    this.#inTail = true;
    for (let lane = this.#few; lane < this.#lanes; lane++) {
      const seed = this.#state[lane] - LOW;
      if (seed >= LOW) throw new Malformed('a lane ends beyond its range');
      this.#words[this.#count++] = seed;
    }
  }

  /**
   * @param {Uint16Array} of
   * @param {Uint32Array} contexts
   * @param {number} from
   * @param {number} to
   * @param {import('./entropy_tables.js').Clusters} clusters
   * @param {Uint8Array} symbols
   * @param {number} lanes
   */
  #pop(of, contexts, from, to, clusters, symbols, lanes) {
    this.#stepsLeft -= Math.ceil((to - from) / lanes);
    if (this.#stepsLeft < 0) throw new Malformed(`more than ${MAX_STEPS} steps`);
    const { symbol, frequency, start, shift } = clusters;
    const state = this.#state;
    const words = this.#words;
    const count = this.#count;
    let at = this.#at;
    let lane = 0;
    for (let index = from; index < to; index++) {
      const x = state[lane];
      const cluster = of[contexts[index]];
      const slot = x & (TOTAL - 1);
      const read = symbol[(cluster << PRECISION) + slot];
      const entry = (cluster << shift) + read;
      symbols[index] = read;
      let next = Math.imul(frequency[entry], x >>> PRECISION) + slot - start[entry];
      if (next >>> 0 < LOW) next = (next << 16) | words[at++];
      state[lane] = next;
      if (++lane === lanes) {
        lane = 0;
        if (at > count) break;
      }
    }
    if (at > count) throw new Malformed('more words than were sent');
    this.#at = at;
  }
}

/**
 * Read the final states (four bits of length per lane, then the bits below the highest of each) and return how many
 * bytes they took.
 *
 * @param {Uint8Array} coded
 * @param {Uint32Array} state
 */
function readStates(coded, state) {
  const half = state.length / 2;
  let at = half;
  let held = 0;
  let bits = 0;
  for (let lane = 0; lane < state.length; lane++) {
    const length = 16 + ((coded[lane >> 1] >> (lane & 1 ? 4 : 0)) & 15);
    // At most 7 + 31 bits are held at a time: more than a bitwise operator takes, less than 2^53.
    while (bits < length) {
      if (at >= coded.length) throw new Malformed('the lane states are cut off');
      held += coded[at++] * 2 ** bits;
      bits += 8;
    }
    const value = held % 2 ** length;
    state[lane] = 2 ** length + value;
    held = (held - value) / 2 ** length;
    bits -= length;
  }
  if (held) throw new Malformed('bits beyond the lane states');
  return at;
}
