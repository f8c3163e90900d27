/** Which frame a head runs on next: the newest one that everything is there for. */

/** @import {Tables} from './types.js' */
/** @import {DecodedFrame} from './features_worker.js' */

/** Frames that wait for another head's outputs; that head is given up on for older ones. */
const WAITING_FRAMES = 30;

/**
 * Frames that arrived, and the outputs of other heads that this head needs on the same frame. When the head is late
 * the newest frame wins and those before it are left out.
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
    if (this.#frames.length > (this.heads.length ? WAITING_FRAMES : 1)) this.#frames.shift();
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
   * The newest frame that can be run now; older ones are forgotten. Null when there is none.
   *
   * @returns {{frame: DecodedFrame, needed: Record<string, Tables>} | null}
   */
  take() {
    for (let index = this.#frames.length - 1; index >= 0; index--) {
      const frame = this.#frames[index];
      const needed = this.#needed.get(keyOf(frame)) ?? {};
      if (!this.heads.every((head) => Object.hasOwn(needed, head))) continue;
      this.#frames.splice(0, index + 1);
      this.#needed.delete(keyOf(frame));
      return { frame, needed };
    }
    return null;
  }
}

/** @param {{session: number, number: number}} frame */
function keyOf({ session, number }) {
  return `${session} ${number}`;
}
