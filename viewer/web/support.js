/** Whether this browser can pair features with frames. One that cannot gets plain video and says so, never a guess. */

/**
 * Why overlays are impossible here; null when nothing is missing as far as can be told before the first frame.
 *
 * @param {typeof globalThis} browser
 * @returns {string | null}
 */
export function missingSupport(browser) {
  if (!('RTCRtpScriptTransform' in browser)) {
    return 'This browser has no encoded transforms (RTCRtpScriptTransform), so features cannot be read. The video plays without overlays; a current Chrome, Edge or Safari shows them.';
  }
  if (!('requestVideoFrameCallback' in (browser.HTMLVideoElement?.prototype ?? {}))) {
    return 'This browser does not tell which frame is on the screen (requestVideoFrameCallback). The video plays without overlays; a current Chrome, Edge or Safari shows them.';
  }
  if (!('WebAssembly' in browser)) {
    return 'This browser has no WebAssembly, so heads cannot run. The video plays without overlays.';
  }
  return null;
}

/** Said when the first frame's callback has no timestamp to pair by. */
export const NO_TIMESTAMP = 'This browser does not report the RTP timestamp of the frame on the screen, so features cannot be matched to frames. The video plays without overlays; a current Chrome or Edge shows them.';
