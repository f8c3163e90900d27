/**
 * Which features and results belong to the frame that is on the screen.
 *
 * Frames are known by their RTP timestamp, which the encoded frame and the frame callback both carry. The number and
 * pts inside the payload are the second opinion: where they contradict the order of the RTP timestamps, nothing is
 * drawn. A result that comes after its frame was shown is never moved to another.
 */

/** @import {FrameLabel, Tables} from './types.js' */

/** More than any jitter buffer holds. */
const KEPT_FRAMES = 300;
/** RTP timestamp and pts advance alike; less than one frame of the fastest video. 90 kHz ticks. */
const PTS_TOLERANCE = 900;

/**
 * How far RTP timestamp `a` is after `b`, in ticks; they wrap at 2^32.
 *
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
export function ticksAfter(a, b) {
  return (a - b) | 0;
}

/**
 * @typedef {{rtpTimestamp: number, label: FrameLabel | null, ambiguous: boolean, tables: Map<string, Tables>}} Entry
 * @typedef {{label: FrameLabel | null, wrong: boolean, tables: Map<string, Tables>, dropped: number}} Shown
 */

/** The frames of one session, from their arrival until they were shown. */
export class Pairing {
  /** @type {Map<number, Entry>} */
  #entries = new Map();
  /** @type {{rtpTimestamp: number, label: FrameLabel} | null} */
  #last = null;

  /**
   * @param {number} rtpTimestamp
   * @param {FrameLabel | null} label
   */
  arrived(rtpTimestamp, label) {
    const twin = this.#entries.get(rtpTimestamp);
    if (twin) {
      // Some forwarders give every frame the timestamp 0: such frames cannot be told apart.
      twin.ambiguous = true;
      twin.label = null;
      return;
    }
    this.#entries.set(rtpTimestamp, { rtpTimestamp, label, ambiguous: false, tables: new Map() });
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= KEPT_FRAMES) break;
      this.#entries.delete(key);
    }
  }

  /**
   * Keep a head's tables for their frame; returns whether that frame is still to be shown.
   *
   * @param {number} rtpTimestamp
   * @param {string} head
   * @param {Tables} tables
   * @returns {boolean}
   */
  addTables(rtpTimestamp, head, tables) {
    const entry = this.#entries.get(rtpTimestamp);
    entry?.tables.set(head, tables);
    return entry !== undefined;
  }

  /**
   * The frame with this timestamp is on the screen now. Frames before it will not be shown any more: `dropped` says
   * how many of them never were.
   *
   * @param {number} rtpTimestamp
   * @returns {Shown}
   */
  shown(rtpTimestamp) {
    const entry = this.#entries.get(rtpTimestamp);
    this.#entries.delete(rtpTimestamp);
    let dropped = 0;
    for (const key of this.#entries.keys()) {
      if (ticksAfter(key, rtpTimestamp) >= 0) continue;
      this.#entries.delete(key);
      dropped += 1;
    }
    const label = entry?.label ?? null;
    const wrong = label !== null && this.#contradicts(rtpTimestamp, label);
    if (label && !wrong) this.#last = { rtpTimestamp, label };
    return { label: wrong ? null : label, wrong, tables: entry?.tables ?? new Map(), dropped };
  }

  /** Forget the frames that are waiting: nobody watched them (a hidden tab shows none). */
  forget() {
    this.#entries.clear();
  }

  /**
   * @param {number} rtpTimestamp
   * @param {FrameLabel} label
   */
  #contradicts(rtpTimestamp, label) {
    if (!this.#last) return false;
    const ticks = ticksAfter(rtpTimestamp, this.#last.rtpTimestamp);
    const numbers = label.number - this.#last.label.number;
    if (Math.sign(ticks) !== Math.sign(numbers)) return true;
    return Math.abs(label.pts - this.#last.label.pts - ticks) > PTS_TOLERANCE;
  }
}
