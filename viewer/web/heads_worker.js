/**
 * The worker that runs heads. Features come in over a port straight from the features worker; when heads are late the
 * newest frame wins and the ones in between are left out. One onnxruntime-web for all heads, WASM, one thread.
 */

import { HeadRunner } from './head_runner.js';
import { letterbox } from './layout.js';

/** @import {Manifest, Tables} from './types.js' */
/** @import {DecodedFrame} from './features_worker.js' */

/**
 * @typedef {{kind: 'prepare'}
 *   | {kind: 'connect', port: MessagePort, inputWidth: number, inputHeight: number}
 *   | {kind: 'load', name: string, manifest: Manifest, model: ArrayBuffer, settings: Record<string, number>}
 *   | {kind: 'unload', name: string}
 *   | {kind: 'order', order: string[]}
 *   | {kind: 'set', head: string, name: string, value: number}} HeadsRequest
 *
 * @typedef {{kind: 'unusable', reason: string}
 *   | {kind: 'loaded', name: string, ms: number}
 *   | {kind: 'running', name: string}
 *   | {kind: 'failed', name: string, reason: string}
 *   | {kind: 'result', name: string, session: number, rtpTimestamp: number, number: number, tables: Tables, ms: number}
 *   | {kind: 'idle', ms: number}} HeadsReport
 */

const scope = /** @type {{postMessage(message: HeadsReport): void}} */ (/** @type {unknown} */ (self));

/** Where `viewer/vendor_files.py` puts the runtime. */
const vendor = new URL('./vendor/', import.meta.url).href;

/** @type {Promise<typeof import('onnxruntime-web')> | null} */
let runtime = null;

/** The runtime, loaded once, when it is first asked for. */
function loadRuntime() {
  runtime ??= import(`${vendor}ort.wasm.min.mjs`).then((ort) => {
    ort.env.wasm.wasmPaths = vendor;
    ort.env.wasm.numThreads = 1;
    return ort;
  });
  return runtime;
}

/** @type {Map<string, HeadRunner>} */
const runners = new Map();
/** @type {string[]} */
let order = [];
/** @type {DecodedFrame | null} */
let newest = null;
/** Whether the newest frame has its turn coming. */
let waiting = false;
let session = -1;
let inputWidth = 0;
let inputHeight = 0;

/** One thing at a time: a graph that is loading or let go of must not meet a run. */
let queue = Promise.resolve();

/** @param {() => Promise<void>} step */
function inTurn(step) {
  queue = queue.then(step);
}

self.onmessage = ({ data }) => {
  const request = /** @type {HeadsRequest} */ (data);
  switch (request.kind) {
    case 'prepare':
      loadRuntime().catch((error) => scope.postMessage({ kind: 'unusable', reason: String(error.message ?? error) }));
      break;
    case 'connect':
      ({ inputWidth, inputHeight } = request);
      request.port.onmessage = ({ data: frame }) => take(frame);
      break;
    case 'load':
      inTurn(() => load(request));
      break;
    case 'unload':
      inTurn(async () => {
        await runners.get(request.name)?.release();
        runners.delete(request.name);
      });
      break;
    case 'order':
      ({ order } = request);
      break;
    case 'set':
      inTurn(async () => runners.get(request.head)?.set(request.name, request.value));
      break;
  }
};

/** @param {Extract<HeadsRequest, {kind: 'load'}>} request */
async function load({ name, manifest, model, settings }) {
  const begun = performance.now();
  try {
    const runner = await HeadRunner.load(await loadRuntime(), manifest, new Uint8Array(model));
    for (const [setting, value] of Object.entries(settings)) runner.set(setting, value);
    runners.set(name, runner);
    scope.postMessage({ kind: 'loaded', name, ms: performance.now() - begun });
  } catch (error) {
    fail(name, error);
  }
}

/**
 * @param {string} name
 * @param {unknown} error
 */
function fail(name, error) {
  runners.delete(name);
  const message = error instanceof Error ? error.message : String(error);
  scope.postMessage({ kind: 'failed', name, reason: message.split('\n')[0] });
}

/** @param {DecodedFrame} frame */
function take(frame) {
  newest = frame;
  if (waiting) return;
  waiting = true;
  inTurn(runNewest);
}

async function runNewest() {
  // A run in WASM holds the thread: let the frames that came meanwhile in, so that the newest of them wins.
  await nextTurn();
  const frame = newest;
  newest = null;
  waiting = false;
  if (frame) await runHeads(frame);
}

/** @returns {Promise<void>} */
function nextTurn() {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}

/** @param {DecodedFrame} frame */
async function runHeads(frame) {
  if (frame.session !== session) {
    session = frame.session;
    for (const runner of runners.values()) runner.reset();
  }
  const { sourceWidth, sourceHeight } = frame;
  const view = letterbox(sourceWidth, sourceHeight, inputWidth, inputHeight);
  /** @type {Record<string, Tables>} */
  const done = {};
  const begun = performance.now();
  for (const name of order) {
    const runner = runners.get(name);
    if (!runner) continue;
    const start = performance.now();
    scope.postMessage({ kind: 'running', name });
    try {
      done[name] = await runner.run(frame.features, view, frame.pts, done);
    } catch (error) {
      fail(name, error);
      continue;
    }
    const { rtpTimestamp, number } = frame;
    const ms = performance.now() - start;
    scope.postMessage({ kind: 'result', name, session, rtpTimestamp, number, tables: done[name], ms });
  }
  scope.postMessage({ kind: 'idle', ms: performance.now() - begun });
}
