/**
 * Static entropy tables: symbol frequencies in clusters, and which cluster codes each context. The counterpart of
 * stream/bitstream/tables.py; docs/wire.md has the layout.
 */

import { BLOCK, GROUP, VALUE, contextCounts } from './contexts.js';
import { TOTAL } from './rans.js';

/** Names of the rates; the position is the rate index on the wire. */
export const RATES = ['lossless', 'high', 'default', 'low'];

const MAGIC = [0x46, 0x43, 0x45, 0x54, 1];
const HEAD = 10;

/**
 * Flat arrays over all clusters of all kinds. Slot t of cluster k is `symbol[k * 4096 + t]`; symbol s of cluster k is
 * entry `(k << shift) + s` of `frequency` and `start`, its first slot.
 *
 * @typedef {{symbol: Uint8Array, frequency: Uint16Array, start: Uint16Array, shift: number}} Clusters
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

    const counts = [BLOCK, GROUP, VALUE].map((kind) => stored[7 + kind] + 1);
    const alphabets = [16, 16, 2 * symbolMax];
    const total = counts[BLOCK] + counts[GROUP] + counts[VALUE];
    const shift = Math.ceil(Math.log2(Math.max(...alphabets)));
    // A page reads them while somebody waits for the first overlay: nothing here is done slot by slot but `fill`.
    const symbols = new Uint8Array(total * TOTAL);
    const frequencies = new Uint16Array(total << shift);
    const starts = new Uint16Array(total << shift);
    /** @type {Clusters} */
    this.clusters = { symbol: symbols, frequency: frequencies, start: starts, shift };
    let at = HEAD;
    let cluster = 0;
    for (const kind of [BLOCK, GROUP, VALUE]) {
      for (const end = cluster + counts[kind]; cluster < end; cluster++) {
        let start = 0;
        for (let symbol = 0; symbol < alphabets[kind]; symbol++, at += 2) {
          const frequency = stored[at] | (stored[at + 1] << 8);
          if (!frequency || start + frequency > TOTAL) fail('frequencies that do not sum to 4096');
          symbols.fill(symbol, cluster * TOTAL + start, cluster * TOTAL + start + frequency);
          frequencies[(cluster << shift) + symbol] = frequency;
          starts[(cluster << shift) + symbol] = start;
          start += frequency;
        }
        if (start !== TOTAL) fail('frequencies that do not sum to 4096');
      }
    }

    const first = [0, counts[BLOCK], counts[BLOCK] + counts[GROUP]];
    /** @param {boolean} key */
    const clustersOf = (key) =>
      contextCounts(channels, key).map((contexts, kind) => {
        const named = stored.subarray(at, at + contexts);
        if (named.length < contexts) fail('cut off');
        const of = new Uint16Array(contexts);
        for (let context = 0; context < contexts; context++) {
          if (named[context] >= counts[kind]) fail('a context names a cluster that is not there');
          of[context] = first[kind] + named[context];
        }
        at += contexts;
        return of;
      });
    /** The cluster, counted over all kinds, of each context of each kind. */
    this.keyClusters = clustersOf(true);
    this.deltaClusters = clustersOf(false);
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
