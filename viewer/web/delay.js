/** How long a frame waits between its arrival and the screen, and what heads make of that time. */

/** Frames wait this long before they are shown, which gives the heads time for theirs. */
export const JITTER_BUFFER_MS = 200;
/** What decoding the video, messages and a head that needs this one's outputs take of it. */
const RESERVE_MS = 40;

/**
 * How old a frame may be for a head to begin with it, when newer ones are there as well: its result must still come
 * before the frame is shown.
 *
 * @param {number} runMs what the head usually takes for a frame
 * @returns {number} milliseconds since the frame's arrival
 */
export function patience(runMs) {
  return Math.max(0, JITTER_BUFFER_MS - RESERVE_MS - 2 * runMs);
}
