/**
 * From payloads back to features: the decoder of the bitstream, symbol for symbol the same as stream/bitstream.
 * docs/wire.md has the layout.
 */

import { MissingReference, Malformed, UnknownSpec, UnknownTables } from './bitstream_errors.js';
import { Reference, gridOf, walk } from './contexts.js';
import { EntropyTables, RATES } from './entropy_tables.js';
import { LANES, RansReader } from './rans.js';

export { BitstreamError, Malformed, MissingReference, UnknownSpec, UnknownTables } from './bitstream_errors.js';
export { EntropyTables } from './entropy_tables.js';

/**
 * @typedef {{name: string, input: [number, number], shape: [number, number, number], stride: number,
 *   symbol_max: number, steps: Record<string, number[]>, weights_sha256: string}} SpecDocument
 * @typedef {SpecDocument & {fingerprint: string}} FeatureSpec the spec as it is served, with its fingerprint
 * @typedef {{spec: FeatureSpec, tables: EntropyTables}} Known
 * @typedef {{spec: SpecDocument, fingerprint: string, tables: {id: string, base64: string}[]}} SpecAnswer
 *
 * @typedef {object} FeatureFrame
 * @property {number} number decode order of the programme, from 0
 * @property {number} pts 90 kHz ticks
 * @property {number} sourceWidth pixels
 * @property {number} sourceHeight pixels
 * @property {string} rate
 * @property {boolean} key
 * @property {number | null} reference number of the frame that a delta refers to: the anchor before it
 * @property {Int8Array} symbols [C, H, W]
 * @property {string} fingerprint
 *
 * @typedef {{rate: number, lanes: number, split: number, coded: Uint8Array}} Common
 * @typedef {Common & {fingerprint: string, tables: string, number: number, pts: number, sourceWidth: number,
 *   sourceHeight: number}} KeyHeader
 * @typedef {Common & {anchor: boolean, reference: number, numberAfter: number, ptsAfter: number}} DeltaHeader
 * @typedef {Known & {key: KeyHeader, number: number, pts: number, checksum: number, reference: Reference}} Anchor
 *   the frame that deltas refer to: a key, or a delta since then that said so
 */

const MAGIC = 0xf1;
const CRC_END = 5;
const MAX_SIZE = 65535;
const SHORT = 8;

/** Decodes payloads of the specs and tables that it was given; holds the last anchor. */
export class BitstreamDecoder {
  #known;
  /** @type {Anchor | null} */
  #anchor = null;

  /** @param {readonly Known[]} known is looked at again for every key frame, so that it may grow */
  constructor(known) {
    this.#known = known;
  }

  /** Forget the anchor, as at the start of another stream. */
  reset() {
    this.#anchor = null;
  }

  /**
   * The frame that was encoded; throws a BitstreamError, whatever the bytes.
   *
   * @param {Uint8Array} payload
   * @returns {FeatureFrame}
   */
  decode(payload) {
    const fields = parse(payload);
    return 'tables' in fields ? this.#decodeKey(payload, fields) : this.#decodeDelta(payload, fields);
  }

  /**
   * @param {Uint8Array} payload
   * @param {KeyHeader} fields
   * @returns {FeatureFrame}
   */
  #decodeKey(payload, fields) {
    const checksum = verified(payload, 0);
    const ofSpec = this.#known.filter(({ spec }) => spec.fingerprint.startsWith(fields.fingerprint));
    if (!ofSpec.length) throw new UnknownSpec(fields.fingerprint);
    const known = ofSpec.find(({ tables }) => tables.id === fields.tables);
    if (!known) throw new UnknownTables(fields.tables);
    const { spec, tables } = known;
    const values = decodeValues(spec, tables, fields, null);
    const grid = gridOf(spec.shape);
    const { number, pts, sourceWidth, sourceHeight } = fields;
    this.#anchor = { spec, tables, key: fields, number, pts, checksum, reference: new Reference(grid, values) };
    return {
      number, pts, sourceWidth, sourceHeight, rate: RATES[fields.rate], key: true, reference: null,
      symbols: grid.gather(values), fingerprint: spec.fingerprint,
    };
  }

  /**
   * @param {Uint8Array} payload
   * @param {DeltaHeader} fields
   * @returns {FeatureFrame}
   */
  #decodeDelta(payload, fields) {
    const last = this.#anchor;
    if (!last) throw new MissingReference('a delta before any key frame');
    if (fields.reference !== last.number % 0x10000) {
      throw new MissingReference(`a delta of frame ${fields.reference}, the last anchor is ${last.number}`);
    }
    const checksum = verified(payload, last.checksum);
    const number = last.number + fields.numberAfter;
    const pts = last.pts + fields.ptsAfter;
    const { spec, tables, key } = last;
    if (fields.rate !== key.rate || Math.max(number, pts) > Number.MAX_SAFE_INTEGER) {
      throw new Malformed('a delta that does not follow its anchor');
    }
    const values = decodeValues(spec, tables, fields, last.reference);
    const grid = gridOf(spec.shape);
    if (fields.anchor) this.#anchor = { ...last, number, pts, checksum, reference: new Reference(grid, values) };
    return {
      number, pts, sourceWidth: key.sourceWidth, sourceHeight: key.sourceHeight, rate: RATES[fields.rate],
      key: false, reference: last.number, symbols: grid.gather(values), fingerprint: spec.fingerprint,
    };
  }
}

/**
 * What heads see of a frame: symbol times step, [1, C, H, W].
 *
 * @param {FeatureSpec} spec
 * @param {FeatureFrame} frame
 * @returns {Float32Array}
 */
export function dequantise(spec, frame) {
  const [channels, height, width] = spec.shape;
  const steps = Float32Array.from(spec.steps[frame.rate]);
  const { symbols } = frame;
  const features = new Float32Array(symbols.length);
  for (let channel = 0, at = 0; channel < channels; channel++) {
    const step = steps[channel];
    for (const end = at + height * width; at < end; at++) features[at] = symbols[at] * step;
  }
  return features;
}

/**
 * What a decoder needs, from the server's answer to GET /spec/{fingerprint}; throws RangeError when tables are damaged
 * or do not fit the spec.
 *
 * @param {SpecAnswer} answer
 * @returns {Known[]}
 */
export function knownFrom(answer) {
  const spec = { ...answer.spec, fingerprint: answer.fingerprint };
  return answer.tables.map(({ id, base64 }) => {
    const tables = new EntropyTables(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)), id);
    if (tables.channels !== spec.shape[0] || tables.symbolMax !== spec.symbol_max) {
      throw new RangeError(`entropy tables ${id} do not fit ${spec.name}`);
    }
    return { spec, tables };
  });
}

/**
 * @param {FeatureSpec} spec
 * @param {EntropyTables} tables
 * @param {Common} fields
 * @param {Reference | null} reference
 */
function decodeValues(spec, tables, fields, reference) {
  const clusters = reference ? tables.deltaClusters : tables.keyClusters;
  const reader = new RansReader(fields.coded, fields.lanes, fields.split);
  const values = walk(gridOf(spec.shape), spec.symbol_max, reference, (kind, contexts, count, symbols) => {
    reader.read(clusters[kind], contexts, count, tables.clusters, symbols);
  });
  reader.finish();
  return values;
}

/**
 * A payload's header and coded symbols; the checksum is not looked at.
 *
 * @param {Uint8Array} payload
 * @returns {KeyHeader | DeltaHeader}
 */
function parse(payload) {
  if (payload.length <= CRC_END + 1 || payload[0] !== MAGIC) throw new Malformed('not a payload of this format and version');
  const flags = payload[CRC_END];
  const [isKey, anchor] = [(flags & 1) !== 0, (flags & 64) !== 0];
  if (flags & 128 || (isKey && anchor)) throw new Malformed('flags of another version');
  const [rate, lanes] = [(flags >> 1) & 3, LANES[(flags >> 3) & 7]];
  let at = CRC_END + 1;
  /** @param {number} count */
  const raw = (count) => {
    const part = payload.subarray(at, at + count);
    if (part.length < count) throw new Malformed('the header is cut off');
    at += count;
    return part;
  };
  const leb = (most = Number.MAX_SAFE_INTEGER) => {
    let number = 0;
    for (let shift = 0; shift < 56; shift += 7) {
      const [byte] = raw(1);
      // Bitwise operators would cut it to 32 bits.
      number += (byte & 127) * 2 ** shift;
      if (byte < 128) {
        if (number > most) break;
        return number;
      }
    }
    throw new Malformed('a number out of range');
  };
  if (isKey) {
    const [fingerprint, tables] = [hex(raw(SHORT / 2)), hex(raw(SHORT / 2))];
    const [number, pts] = [leb(), leb()];
    const [sourceWidth, sourceHeight, split] = [leb(MAX_SIZE), leb(MAX_SIZE), leb()];
    if (!sourceWidth || !sourceHeight) throw new Malformed('a source without a size');
    const coded = payload.subarray(at);
    return { rate, lanes, fingerprint, tables, number, pts, sourceWidth, sourceHeight, split, coded };
  }
  const [low, high] = raw(2);
  const [numberAfter, ptsAfter, split] = [leb(), leb(), leb()];
  const reference = low | (high << 8);
  return { rate, lanes, anchor, reference, numberAfter, ptsAfter, split, coded: payload.subarray(at) };
}

/**
 * The checksum of a payload; throws Malformed when it is not the one that it carries.
 *
 * @param {Uint8Array} payload
 * @param {number} referenceChecksum
 */
function verified(payload, referenceChecksum) {
  const carried = (payload[1] | (payload[2] << 8) | (payload[3] << 16) | (payload[4] << 24)) >>> 0;
  let crc = ~referenceChecksum;
  for (let at = CRC_END; at < payload.length; at++) crc = CRC_TABLE[(crc ^ payload[at]) & 255] ^ (crc >>> 8);
  if (~crc >>> 0 !== carried) throw new Malformed('the checksum does not fit');
  return carried;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
