/** How long a frame waits between its arrival and the screen, and what heads make of that time. */

/** Frames wait at least this long before they are shown, which gives the heads time for theirs. */
export const LEAST_DELAY_MS = 200;
/** A viewer would rather miss an overlay now and then than see the match later still. */
export const LONGEST_DELAY_MS = 600;
/** What decoding the video, messages and a head that needs this one's outputs take of it. */
const RESERVE_MS = 40;

/** The clock that all threads of the page share, in milliseconds. */
export function pageTime() {
  return performance.timeOrigin + performance.now();
}

/**
 * How old a frame may be for a head to begin with it, when newer ones are there as well: its result must still come
 * before the frame is shown.
 *
 * @param {number} runMs what the head usually takes for a frame
 * @param {number} delayMs between a frame's arrival and the screen
 * @returns {number} milliseconds since the frame's arrival
 */
export function patience(runMs, delayMs) {
  return Math.max(0, delayMs - RESERVE_MS - 2 * runMs);
}

/** So many frames are looked back upon: 10 s at 25 fps. */
const WINDOW = 250;
/** So many frames lie between two decisions while all is well. */
const DECIDE = 10;
/** Of so many frames in a hundred the results should be there in time. */
const IN_TIME = 0.98;
/** A frame without a result would have needed more than it had; nobody knows how much. */
const LATE_MS = 60;
/** Back to a shorter delay by so much at a time: 25 ms in a second at 25 fps. */
const STEP_BACK_MS = 10;
/** Browsers come to another delay by so much of the time that passes, so that nobody sees the video change its speed. */
const RAMP = 0.1;

/**
 * Finds the delay that this machine's heads need: as long as nearly all results came before their frames, and no longer.
 * It grows at once and shrinks slowly, so that one slow moment does not follow the next unprepared.
 */
export class DelayControl {
  /** How long frames should wait, in milliseconds. */
  target = LEAST_DELAY_MS;
  /** How long they do wait, a moving average in milliseconds. */
  measured = 0;
  /** What the browser has come to of the target; what frames wait beside it is the network's and the machine's doing. */
  #reached = 0;
  #lastShown = 0;
  /** The target at which each of the last frames would have had its results just in time. @type {number[]} */
  #needed = [];
  #frames = 0;

  /**
   * A frame is on the screen.
   *
   * @param {number} now in milliseconds
   * @param {number} delayMs since it arrived
   * @param {number | null} resultMs from its arrival to the last of its results; null when no head runs
   * @param {boolean} late whether a result was missing
   */
  shown(now, delayMs, resultMs, late) {
    const change = RAMP * (now - (this.#lastShown || now));
    this.#reached += Math.min(Math.max(this.target - this.#reached, -change), change);
    this.#lastShown = now;
    this.measured += (delayMs - this.measured) / (this.measured ? 8 : 1);
    if (resultMs === null) this.#needed.length = 0;
    else this.#need(late ? LATE_MS : resultMs - delayMs);
    this.#frames += 1;
    if (late || this.#frames % DECIDE === 0) this.#decide();
  }

  /** A result came after its frame was shown. @param {number} resultMs since the frame arrived */
  missed(resultMs) {
    this.#need(resultMs - this.measured);
  }

  /** The frames before belong to a stream that has ended. */
  forget() {
    this.measured = 0;
    this.#reached = 0;
    this.#lastShown = 0;
    this.#needed.length = 0;
  }

  /** @param {number} ms that a frame was shown too early; negative when it had its results */
  #need(ms) {
    this.#needed.push(this.#reached + ms);
    if (this.#needed.length > WINDOW) this.#needed.shift();
  }

  #decide() {
    const sorted = [...this.#needed].sort((a, b) => a - b);
    const usual = (sorted[Math.ceil(sorted.length * IN_TIME) - 1] ?? 0) + RESERVE_MS;
    const wanted = Math.min(Math.max(usual, LEAST_DELAY_MS), LONGEST_DELAY_MS);
    const back = this.#frames % DECIDE === 0 ? STEP_BACK_MS : 0;
    this.target = Math.round(Math.max(wanted, this.target - back));
  }
}
