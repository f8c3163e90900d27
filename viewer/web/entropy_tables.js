/**
 * Static entropy tables: symbol frequencies in clusters, and which cluster codes each context. The counterpart of
 * stream/bitstream/tables.py; docs/wire.md has the layout.
 */

import { BLOCK, GROUP, VALUE, contextCounts } from './contexts.js';
import { PRECISION, TOTAL } from './rans.js';

/** Names of the rates; the position is the rate index on the wire. */
export const RATES = ['lossless', 'high', 'default', 'low'];

const MAGIC = [0x46, 0x43, 0x45, 0x54, 1];
const HEAD = 10;

/**
 * @typedef {{symbol: Uint8Array, frequency: Uint16Array, bias: Uint16Array}} Slots
 *   of all clusters, 4096 each: the slot's symbol, its frequency and the slot's distance from its first slot
 */

/** Entropy tables of one core network, in the form that decoding uses. */
export class EntropyTables {
  /**
   * Throws RangeError when the bytes are not entropy tables.
   *
   * @param {Uint8Array} stored
   * @param {string} id as the server names them
   */
  constructor(stored, id) {
    this.id = id;
    if (stored.length < HEAD || MAGIC.some((byte, index) => stored[index] !== byte)) fail('not a file of this version');
    const [channels, symbolMax] = stored.subarray(5, 7);
    if (!channels || !symbolMax || symbolMax > 127) fail('channels or range out of bounds');
    this.channels = channels;
    this.symbolMax = symbolMax;

    const clusters = [BLOCK, GROUP, VALUE].map((kind) => stored[7 + kind] + 1);
    const alphabets = [16, 16, 2 * symbolMax];
    const total = clusters[BLOCK] + clusters[GROUP] + clusters[VALUE];
    /** @type {Slots} */
    this.slots = {
      symbol: new Uint8Array(total * TOTAL),
      frequency: new Uint16Array(total * TOTAL),
      bias: new Uint16Array(total * TOTAL),
    };
    let at = HEAD;
    let slot = 0;
    for (const kind of [BLOCK, GROUP, VALUE]) {
      for (let cluster = 0; cluster < clusters[kind]; cluster++) {
        const end = slot + TOTAL;
        for (let symbol = 0; symbol < alphabets[kind]; symbol++, at += 2) {
          const frequency = stored[at] | (stored[at + 1] << 8);
          if (!frequency || slot + frequency > end) fail('frequencies that do not sum to 4096');
          this.slots.symbol.fill(symbol, slot, slot + frequency);
          this.slots.frequency.fill(frequency, slot, slot + frequency);
          for (let bias = 0; bias < frequency; bias++) this.slots.bias[slot++] = bias;
        }
        if (slot !== end) fail('frequencies that do not sum to 4096');
      }
    }

    const first = [0, clusters[BLOCK], clusters[BLOCK] + clusters[GROUP]];
    /** @param {boolean} key */
    const bases = (key) =>
      contextCounts(channels, key).map((contexts, kind) => {
        const of = stored.subarray(at, at + contexts);
        if (of.length < contexts || of.some((cluster) => cluster >= clusters[kind])) fail('cut off or damaged');
        at += contexts;
        return Uint32Array.from(of, (cluster) => (first[kind] + cluster) << PRECISION);
      });
    /** Where the slot table of each context of each kind begins. */
    this.keyBases = bases(true);
    this.deltaBases = bases(false);
    if (at !== stored.length) fail(`expected ${at} bytes, got ${stored.length}`);
  }
}

/**
 * @param {string} reason
 * @returns {never}
 */
function fail(reason) {
  throw new RangeError(`entropy tables: ${reason}`);
}
