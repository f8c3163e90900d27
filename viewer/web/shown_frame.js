/** Which frame is on the screen, as its RTP timestamp. */

/**
 * The RTP timestamp of the frame that the video shows at this moment. The frame callback is best effort: on a busy
 * page the video has moved on by the time it is called. Where the browser tells the timestamp of the current frame
 * itself, that is the truth; elsewhere the callback's is all there is.
 *
 * @param {HTMLVideoElement} video
 * @param {number} announced by the frame callback
 * @returns {number}
 */
export function timestampOnScreen(video, announced) {
  if (typeof VideoFrame === 'undefined') return announced;
  let frame;
  try {
    frame = new VideoFrame(video);
    const { rtpTimestamp } = /** @type {{metadata?(): {rtpTimestamp?: number}}} */ (frame).metadata?.() ?? {};
    return rtpTimestamp ?? announced;
  } catch {
    // No current frame, as between two sessions.
    return announced;
  } finally {
    frame?.close();
  }
}
