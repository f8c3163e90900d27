/**
 * Carriage: a frame's payload rides in SEI NAL units inside the H.264 access unit of the same frame, in chunks.
 * The browser side of stream/carriage; docs/wire.md has the layout.
 */

const FEATURES_UUID = [0x7f, 0xca, 0x57, 0xe5, 0x5f, 0x3c, 0x4e, 0x0d, 0x9b, 0x1d, 0x2a, 0x9c, 0x64, 0xf1, 0xe8, 0xb3];
const CHUNK_HEAD = FEATURES_UUID.length + 2;
const SEI = 6;
const USER_DATA_UNREGISTERED = 5;
const LAST_SLICE = 5;

/**
 * The payload that an access unit (Annex B) carries; null when it has none or not all of it.
 *
 * @param {Uint8Array} accessUnit
 * @returns {Uint8Array | null}
 */
export function extract(accessUnit) {
  /** @type {Uint8Array[]} */
  const chunks = [];
  let code = findStartCode(accessUnit, 0);
  while (code >= 0) {
    const start = code + 3;
    if (start >= accessUnit.length) break;
    const kind = accessUnit[start] & 31;
    if (kind >= 1 && kind <= LAST_SLICE) break;
    code = findStartCode(accessUnit, start);
    if (kind === SEI) {
      const end = code < 0 ? accessUnit.length : code;
      chunks.push(...userData(withoutEmulation(accessUnit.subarray(start + 1, end))));
    }
  }
  return joinChunks(chunks);
}

/**
 * The payload of one frame's user-data units, each beginning with its UUID; null when there is none, when a chunk is
 * missing or when two contradict each other. Order does not matter and exact repetitions are harmless.
 *
 * @param {Iterable<Uint8Array>} chunks
 * @returns {Uint8Array | null}
 */
export function joinChunks(chunks) {
  /** @type {Map<number, Uint8Array>} */
  const parts = new Map();
  let count = 0;
  let length = 0;
  for (const chunk of chunks) {
    if (!isOurs(chunk)) continue;
    if (chunk.length <= CHUNK_HEAD) return null;
    const [index, claimed] = [chunk[16], chunk[17]];
    if (index >= claimed || (count && claimed !== count)) return null;
    const part = chunk.subarray(CHUNK_HEAD);
    const before = parts.get(index);
    if (before && !sameBytes(before, part)) return null;
    if (!before) length += part.length;
    parts.set(index, part);
    count = claimed;
  }
  if (!count || parts.size !== count) return null;
  const payload = new Uint8Array(length);
  let at = 0;
  for (let index = 0; index < count; index++) {
    const part = /** @type {Uint8Array} */ (parts.get(index));
    payload.set(part, at);
    at += part.length;
  }
  return payload;
}

/**
 * Where the next 00 00 01 begins, or -1.
 *
 * @param {Uint8Array} bytes
 * @param {number} from
 */
function findStartCode(bytes, from) {
  for (let at = from + 2; at < bytes.length; ) {
    const byte = bytes[at];
    if (byte > 1) at += 3;
    else if (byte === 0) at += 1;
    else if (bytes[at - 1] === 0 && bytes[at - 2] === 0) return at - 2;
    else at += 3;
  }
  return -1;
}

/**
 * A unit's bytes as they were before 03 was put in after every two zeros that needed it.
 *
 * @param {Uint8Array} unit
 */
function withoutEmulation(unit) {
  const raw = new Uint8Array(unit.length);
  let length = 0;
  let zeros = 0;
  for (const byte of unit) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    raw[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return raw.subarray(0, length);
}

/**
 * The user-data-unregistered messages of one SEI unit that carry our UUID.
 *
 * @param {Uint8Array} raw
 */
function* userData(raw) {
  let at = 0;
  const longNumber = () => {
    let total = 0;
    while (at < raw.length && raw[at] === 255) {
      total += 255;
      at += 1;
    }
    total += at < raw.length ? raw[at] : 0;
    at += 1;
    return total;
  };
  // The unit ends with the stop bit's byte; anything shorter than a type and a size is not a message.
  while (at + 2 < raw.length) {
    const kind = longNumber();
    const size = longNumber();
    if (at + size > raw.length) return;
    const message = raw.subarray(at, at + size);
    if (kind === USER_DATA_UNREGISTERED && isOurs(message)) yield message;
    at += size;
  }
}

/** @param {Uint8Array} chunk */
function isOurs(chunk) {
  return FEATURES_UUID.every((byte, index) => chunk[index] === byte);
}

/**
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 */
function sameBytes(a, b) {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
