/**
 * Which payload belongs to which frame on the screen: a bounded map from RTP timestamps.
 */

const KEPT_FRAMES = 300;

/**
 * Values of encoded frames, kept until the frame with the same RTP timestamp is shown.
 *
 * @template Value
 */
export class FrameMap {
  /** @type {Map<number, Value | null>} */
  #values = new Map();
  #kept;

  /** @param {number} [kept] most frames to keep; the oldest give way */
  constructor(kept = KEPT_FRAMES) {
    this.#kept = kept;
  }

  /**
   * Keep a frame's value. Two frames with one timestamp (some forwarders give all of them 0) cannot be told apart:
   * neither is given out.
   *
   * @param {number} rtpTimestamp
   * @param {Value} value
   */
  put(rtpTimestamp, value) {
    this.#values.set(rtpTimestamp, this.#values.has(rtpTimestamp) ? null : value);
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#kept) break;
      this.#values.delete(oldest);
    }
  }

  /**
   * Give out the value of the frame that is shown, once; null when there is none.
   *
   * @param {number} rtpTimestamp
   * @returns {Value | null}
   */
  take(rtpTimestamp) {
    const value = this.#values.get(rtpTimestamp) ?? null;
    this.#values.delete(rtpTimestamp);
    return value;
  }
}
