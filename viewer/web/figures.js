/** The figures of the diagnostics panel: what they count, and nothing of how they are shown. */

/** A time is the median of this many frames. */
const WINDOW = 100;

/**
 * The middle of a few numbers; 0 of none.
 *
 * @param {readonly number[]} values
 * @returns {number}
 */
export function median(values) {
  if (!values.length) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Counts since the page was opened; `join_ms` is of the last join. */
export class Figures {
  /** Frames that the video showed. */
  framesShown = 0;
  /** Of those, with features that were decoded and belong to exactly that frame. */
  framesWithFeatures = 0;
  /** Of those shown, whose payload contradicts the order of the frames; nothing is drawn on them. */
  pairsWrong = 0;
  /** Of those with features, shown before every head that is on had a result for them. */
  overlaysLate = 0;
  /** Frames that arrived and were never shown, or that the page could not observe. */
  framesDropped = 0;
  /** Payloads that arrived and did not decode. */
  featuresRefused = 0;
  /** Milliseconds from the offer's POST to the first frame on the screen; 0 before. */
  joinMs = 0;
  /** Milliseconds from the offer's POST to the first overlay; 0 before. */
  firstOverlayMs = 0;

  /** @type {number[]} */
  #delays = [];
  #featureBytes = 0;
  #featureFrames = 0;
  /** @type {Map<string, number[]>} */
  #headTimes = new Map();
  /** @type {Map<string, boolean[]>} */
  #inTime = new Map();

  /** @param {number} bytes */
  countFeatures(bytes) {
    this.#featureBytes += bytes;
    this.#featureFrames += 1;
  }

  /** @param {number} ms from a frame's arrival to the screen */
  countDelay(ms) {
    this.#delays.push(ms);
    if (this.#delays.length > WINDOW) this.#delays.shift();
  }

  /**
   * @param {string} head
   * @param {number} ms for one frame
   */
  countHead(head, ms) {
    const times = this.#headTimes.get(head) ?? [];
    times.push(ms);
    if (times.length > WINDOW) times.shift();
    this.#headTimes.set(head, times);
  }

  /**
   * @param {string} head that should have had a result for the frame on the screen
   * @param {boolean} there whether it had
   */
  countInTime(head, there) {
    const frames = this.#inTime.get(head) ?? [];
    frames.push(there);
    if (frames.length > WINDOW) frames.shift();
    this.#inTime.set(head, frames);
  }

  /** Other heads run from now on. */
  forgetHeads() {
    this.#headTimes.clear();
    this.#inTime.clear();
  }

  /** Share of the last frames for which each head's result was there in time; not before there were enough. @returns {Map<string, number>} */
  get inTimeOfHeads() {
    const enough = [...this.#inTime].filter(([, frames]) => frames.length === WINDOW);
    return new Map(enough.map(([head, frames]) => [head, frames.filter(Boolean).length / WINDOW]));
  }

  get featureBytesMean() {
    return this.#featureFrames ? this.#featureBytes / this.#featureFrames : 0;
  }

  /** Milliseconds of each head that runs, for one frame. @returns {Map<string, number>} */
  get msOfHeads() {
    return new Map([...this.#headTimes].map(([head, times]) => [head, median(times)]));
  }

  /** All heads that run: the sum of each one's median. */
  get headMs() {
    return [...this.msOfHeads.values()].reduce((sum, ms) => sum + ms, 0);
  }

  /**
   * As plain numbers, by the names that scripts read.
   *
   * @returns {Record<string, string>}
   */
  printed() {
    return {
      frames_shown: String(this.framesShown),
      frames_with_features: String(this.framesWithFeatures),
      pairs_wrong: String(this.pairsWrong),
      overlays_late: String(this.overlaysLate),
      frames_dropped: String(this.framesDropped),
      features_refused: String(this.featuresRefused),
      feature_bytes_mean: this.featureBytesMean.toFixed(0),
      head_ms: this.headMs.toFixed(1),
      delay_ms: median(this.#delays).toFixed(0),
      join_ms: this.joinMs.toFixed(0),
      first_overlay_ms: this.firstOverlayMs.toFixed(0),
    };
  }
}
