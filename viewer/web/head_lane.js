/** One head at work: its worker from loading to the end, and the time it takes. */

/** @import {Manifest, Tables} from './types.js' */
/** @import {HeadReport, HeadRequest} from './head_worker.js' */

/** A head that takes longer than this on one frame is stopped; with the watch's own period it is 2 s at most. */
const HANG_MS = 1700;
/** Fetching and loading may take this long on a busy phone: it holds up nobody else. */
const LOAD_MS = 60000;

/**
 * @typedef {{session: number, rtpTimestamp: number, arrived: number, number: number, pts: number, tables: Tables, ms: number}} HeadResult
 *
 * @typedef {object} LaneHooks
 * @property {(result: HeadResult) => void} onResult
 * @property {(reason: string) => void} onFailed the head cannot go on; the lane has ended
 */

/** A head in a worker of its own: whatever it does, video and other heads go on. */
export class HeadLane {
  /** What it is at, and since when. @type {{at: 'loading' | 'running' | 'idle', since: number}} */
  #work = { at: 'loading', since: performance.now() };
  /** How long a run may take; the first, which compiles as it goes, as long as loading took on this machine. */
  #patience = HANG_MS;
  /** @type {() => void} */
  #settle = () => {};
  /** Kept when the head has loaded, or never will. @type {Promise<void>} */
  settled = new Promise((resolve) => {
    this.#settle = resolve;
  });

  /**
   * @param {Manifest} manifest
   * @param {LaneHooks} hooks
   */
  constructor(manifest, hooks) {
    this.manifest = manifest;
    this.hooks = hooks;
    this.worker = new Worker(new URL('./head_worker.js', import.meta.url), { type: 'module', name: `head ${manifest.name}` });
    this.worker.onmessage = ({ data }) => this.#take(/** @type {HeadReport} */ (data));
    this.worker.onerror = (event) => this.#fail(event.message || 'its worker did not start');
  }

  /** @param {HeadRequest} request @param {Transferable[]} [transfer] */
  send(request, transfer = []) {
    if (request.kind === 'load') this.#begin('loading');
    this.worker.postMessage(request, transfer);
  }

  end() {
    this.worker.onmessage = null;
    this.worker.onerror = null;
    this.worker.terminate();
    this.#settle();
  }

  /** The page was asleep: what it is at began now. */
  forgive() {
    this.#work.since = performance.now();
  }

  /** To be called a few times a second: ends a head that hangs. */
  watch() {
    const ms = performance.now() - this.#work.since;
    if (this.#work.at === 'running' && ms > this.#patience) this.#fail('took longer than 2 s on one frame');
    if (this.#work.at === 'loading' && ms > LOAD_MS) this.#fail(`did not load within ${LOAD_MS / 1000} s`);
  }

  /** @param {'loading' | 'running' | 'idle'} at */
  #begin(at) {
    this.#work = { at, since: performance.now() };
  }

  /** @param {HeadReport} report */
  #take(report) {
    switch (report.kind) {
      case 'loaded':
        this.#patience = Math.max(HANG_MS, report.ms);
        this.#begin('idle');
        this.#settle();
        break;
      case 'ready':
        this.#patience = HANG_MS;
        this.#begin('idle');
        break;
      case 'running':
        this.#begin('running');
        break;
      case 'failed':
        this.#fail(report.reason);
        break;
      case 'result':
        this.#begin('idle');
        this.hooks.onResult(report);
        break;
    }
  }

  /** @param {string} reason */
  #fail(reason) {
    this.end();
    this.hooks.onFailed(reason);
  }
}
