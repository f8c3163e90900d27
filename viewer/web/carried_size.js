/** What features cost on the wire: the payload with its chunk and SEI headers, escapes and start codes. */

/** As in stream/carriage: most bytes of a chunk, and those of its UUID, index and count. */
const CHUNK_BYTES = 1150;
const CHUNK_HEAD = 18;
/** Start code, unit type, payload type, stop bit's byte. */
const UNIT_BYTES = 4 + 1 + 1 + 1;

/**
 * How many bytes a payload adds to an access unit; equals `carried_size` of stream/carriage.
 *
 * @param {Uint8Array} payload
 * @returns {number}
 */
export function carriedSize(payload) {
  const most = CHUNK_BYTES - CHUNK_HEAD;
  const count = Math.ceil(payload.length / most);
  let total = 0;
  for (let index = 0; index < count; index++) {
    const part = payload.subarray(index * most, (index + 1) * most);
    const size = CHUNK_HEAD + part.length;
    total += UNIT_BYTES + Math.floor(size / 255) + 1 + size + escapes(index, count, part);
  }
  return total;
}

/**
 * Bytes that emulation prevention puts in, after every two zeros before a byte of at most 3. The UUID and the SEI
 * header hold no zero, so that only index, count and part matter.
 *
 * @param {number} index
 * @param {number} count
 * @param {Uint8Array} part
 */
function escapes(index, count, part) {
  let zeros = 0;
  let found = 0;
  /** @param {number} byte */
  const pass = (byte) => {
    if (zeros >= 2 && byte <= 3) {
      found += 1;
      zeros = 0;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
  };
  pass(index);
  pass(count);
  part.forEach(pass);
  return found;
}
