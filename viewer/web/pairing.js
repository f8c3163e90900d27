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
 * @typedef {object} Entry
 * @property {number} rtpTimestamp
 * @property {number} arrived when the frame arrived
 * @property {number} complete when the last result so far came; `arrived` without any
 * @property {FrameLabel | null} label
 * @property {boolean} ambiguous
 * @property {Map<string, Tables>} tables
 *
 * @typedef {object} Shown
 * @property {FrameLabel | null} label
 * @property {boolean} wrong
 * @property {Map<string, Tables>} tables by head
 * @property {number} dropped frames before it that were never shown
 * @property {number | null} arrived null when nobody saw it arrive
 * @property {number} resultMs from its arrival to the last of its results; 0 without any
 */

/** The frames of one session, from their arrival until they were shown. */
export class Pairing {
  /** @type {Map<number, Entry>} */
  #entries = new Map();
  /** @type {{rtpTimestamp: number, label: FrameLabel} | null} */
  #last = null;

  /**
   * @param {number} rtpTimestamp
   * @param {number} arrived in milliseconds, as is every time here
   * @param {FrameLabel | null} label
   */
  arrived(rtpTimestamp, arrived, label) {
    const twin = this.#entries.get(rtpTimestamp);
    if (twin) {
      // Some forwarders give every frame the timestamp 0: such frames cannot be told apart.
      twin.ambiguous = true;
      twin.label = null;
      return;
    }
    this.#entries.set(rtpTimestamp, { rtpTimestamp, arrived, complete: arrived, label, ambiguous: false, tables: new Map() });
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
   * @param {number} now
   * @returns {boolean}
   */
  addTables(rtpTimestamp, head, tables, now) {
    const entry = this.#entries.get(rtpTimestamp);
    if (!entry) return false;
    entry.tables.set(head, tables);
    entry.complete = now;
    return true;
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
    return {
      label: wrong ? null : label, wrong, tables: entry?.tables ?? new Map(), dropped,
      arrived: entry?.arrived ?? null, resultMs: entry ? entry.complete - entry.arrived : 0,
    };
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
