/**
 * The worker that runs one head. Features come in over a port straight from the features worker. A head that hangs or
 * breaks takes nothing with it but this worker.
 */

import { patience } from './delay.js';
import { FrameQueue } from './frame_queue.js';
import { HeadRunner } from './head_runner.js';
import { letterbox } from './layout.js';
import { useRuntime } from './ort_factory.js';

/** @import {Manifest, Tables} from './types.js' */
/** @import {DecodedFrame} from './features_worker.js' */

/**
 * @typedef {{kind: 'load', manifest: Manifest, model: ArrayBuffer, runtime: WebAssembly.Module,
 *     settings: Record<string, number>, neededShapes: Record<string, readonly number[]>}
 *   | {kind: 'connect', port: MessagePort, inputWidth: number, inputHeight: number}
 *   | {kind: 'needed', head: string, session: number, number: number, tables: Tables}
 *   | {kind: 'set', name: string, value: number}} HeadRequest
 *
 * @typedef {{kind: 'loaded', ms: number}
 *   | {kind: 'running'}
 *   | {kind: 'ready'}
 *   | {kind: 'failed', reason: string}
 *   | {kind: 'result', session: number, rtpTimestamp: number, number: number, pts: number, tables: Tables, ms: number}} HeadReport
 */

const scope = /** @type {{postMessage(message: HeadReport, transfer?: Transferable[]): void}} */ (/** @type {unknown} */ (self));

const vendor = new URL('./vendor/', import.meta.url).href;

/** @type {HeadRunner | null} */
let runner = null;
/** As chosen, also while the graph is loading. @type {Record<string, number>} */
const chosen = {};
let queue = new FrameQueue([]);
/** Whether a turn is coming that will run the newest frame. */
let waiting = false;
/** What the head took for the frames before, a moving average in milliseconds. */
let usualMs = 0;
let session = -1;
let inputWidth = 0;
let inputHeight = 0;

self.onmessage = ({ data }) => {
  const request = /** @type {HeadRequest} */ (data);
  switch (request.kind) {
    case 'load':
      load(request).catch(fail);
      break;
    case 'connect':
      ({ inputWidth, inputHeight } = request);
      request.port.onmessage = ({ data: frame }) => {
        queue.addFrame(frame, performance.now());
        wake();
      };
      break;
    case 'needed':
      queue.addNeeded(request.head, request, request.tables);
      wake();
      break;
    case 'set':
      chosen[request.name] = request.value;
      runner?.set(request.name, request.value);
      break;
  }
};

/** @param {Extract<HeadRequest, {kind: 'load'}>} request */
async function load({ manifest, model, runtime, settings, neededShapes }) {
  Object.assign(chosen, settings);
  const begun = performance.now();
  queue = new FrameQueue(Object.keys(manifest.needs ?? {}));
  useRuntime(runtime);
  const ort = await import(`${vendor}ort.wasm.min.mjs`);
  ort.env.wasm.wasmPaths = { mjs: new URL('./ort_factory.js', import.meta.url).href };
  ort.env.wasm.numThreads = 1;
  const loaded = await HeadRunner.load(ort, manifest, new Uint8Array(model));
  loaded.checkNeeded(neededShapes);
  scope.postMessage({ kind: 'loaded', ms: performance.now() - begun });
  // The first run compiles what it comes across: better now than on a frame that the viewer waits for.
  scope.postMessage({ kind: 'running' });
  await loaded.warmUp();
  for (const [setting, value] of Object.entries(chosen)) loaded.set(setting, value);
  scope.postMessage({ kind: 'ready' });
  runner = loaded;
  wake();
}

/** @param {unknown} error */
function fail(error) {
  runner = null;
  const message = error instanceof Error ? error.message : String(error);
  scope.postMessage({ kind: 'failed', reason: message.split('\n')[0] });
}

/** Run a frame, when the messages that wait already were heard: they tell which one is next. */
function wake() {
  if (waiting || !runner) return;
  waiting = true;
  setTimeout(runNext, 0);
}

async function runNext() {
  const next = queue.take(performance.now(), patience(usualMs));
  if (next && runner) {
    try {
      await run(runner, next.frame, next.needed);
    } catch (error) {
      fail(error);
    }
  }
  waiting = false;
  // Frames came while it ran: their turn is next. Without any, the next frame wakes this worker.
  if (next) wake();
}

/**
 * @param {HeadRunner} head
 * @param {DecodedFrame} frame
 * @param {Record<string, Tables>} needed
 */
async function run(head, frame, needed) {
  if (frame.session !== session) {
    session = frame.session;
    head.reset();
  }
  const { rtpTimestamp, number, pts, sourceWidth, sourceHeight } = frame;
  const begun = performance.now();
  scope.postMessage({ kind: 'running' });
  const tables = await head.run(frame.features, letterbox(sourceWidth, sourceHeight, inputWidth, inputHeight), pts, needed);
  const ms = performance.now() - begun;
  usualMs += (ms - usualMs) / 8;
  scope.postMessage({ kind: 'result', session, rtpTimestamp, number, pts, tables, ms });
}
