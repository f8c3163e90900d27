/** Which frame a head runs on next: the first that can still be in time. */

/** @import {Tables} from './types.js' */
/** @import {DecodedFrame} from './features_worker.js' */

/** Frames that wait; a head that is needed is given up on for older ones. */
const WAITING_FRAMES = 30;

/**
 * Frames that arrived, and the outputs of other heads that this head needs on the same frame. Frames come in bursts and
 * are shown evenly: the head goes through them one by one. When it is late, those that would be shown before their result
 * is there are left out; when all would be, the newest wins.
 */
export class FrameQueue {
  /** Oldest first. @type {DecodedFrame[]} */
  #frames = [];
  /** By frame: needed head -> its outputs. @type {Map<string, Record<string, Tables>>} */
  #needed = new Map();

  /** @param {readonly string[]} heads whose outputs are needed */
  constructor(heads) {
    this.heads = heads;
  }

  /** @param {DecodedFrame} frame */
  addFrame(frame) {
    this.#frames.push(frame);
    if (this.#frames.length > WAITING_FRAMES) this.#frames.shift();
  }

  /**
   * @param {string} head
   * @param {{session: number, number: number}} frame that the outputs are of
   * @param {Tables} tables
   */
  addNeeded(head, frame, tables) {
    const key = keyOf(frame);
    this.#needed.set(key, { ...this.#needed.get(key), [head]: tables });
    for (const old of this.#needed.keys()) {
      if (this.#needed.size <= WAITING_FRAMES) break;
      this.#needed.delete(old);
    }
  }

  /**
   * The oldest frame that can be run now and arrived no more than `patience` milliseconds ago, else the newest that can
   * be run; those before it are forgotten. Null when there is none.
   *
   * @param {number} now in milliseconds, as is the frames' arrival
   * @param {number} patience
   * @returns {{frame: DecodedFrame, needed: Record<string, Tables>} | null}
   */
  take(now, patience) {
    const ready = this.#frames.filter((frame) => this.heads.every((head) => Object.hasOwn(this.#neededOf(frame), head)));
    const frame = ready.find(({ arrived }) => now - arrived <= patience) ?? ready.at(-1);
    if (!frame) return null;
    const needed = this.#neededOf(frame);
    this.#frames.splice(0, this.#frames.indexOf(frame) + 1);
    this.#needed.delete(keyOf(frame));
    return { frame, needed };
  }

  /** @param {DecodedFrame} frame @returns {Record<string, Tables>} */
  #neededOf(frame) {
    return this.#needed.get(keyOf(frame)) ?? {};
  }
}

/** @param {{session: number, number: number}} frame */
function keyOf({ session, number }) {
  return `${session} ${number}`;
}
