/**
 * The worker that runs one head. Features come in over a port straight from the features worker. A head that hangs or
 * breaks takes nothing with it but this worker.
 */

import { LEAST_DELAY_MS, pageTime, patience } from './delay.js';
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
 *   | {kind: 'delay', ms: number}
 *   | {kind: 'needed', head: string, session: number, number: number, tables: Tables}
 *   | {kind: 'set', name: string, value: number}} HeadRequest
 *
 * @typedef {{kind: 'loaded', ms: number}
 *   | {kind: 'running'}
 *   | {kind: 'ready'}
 *   | {kind: 'failed', reason: string}
 *   | {kind: 'result', session: number, rtpTimestamp: number, arrived: number, number: number, pts: number, tables: Tables, ms: number}} HeadReport
 */

const scope = /** @type {{postMessage(message: HeadReport, transfer?: Transferable[]): void}} */ (/** @type {unknown} */ (self));

const vendor = new URL('./vendor/', import.meta.url).href;
/** Begins at once: the worker may have to wait for its turn to load. @type {Promise<import('./head_runner.js').Ort>} */
const interfaceOfOrt = import(`${vendor}ort.wasm.min.mjs`);

/** Loaded, and waiting until it is turned on. @type {HeadRunner | null} */
let loaded = null;
/** The same from then on. @type {HeadRunner | null} */
let runner = null;
let connected = false;
/** As chosen, also while the graph is loading. @type {Record<string, number>} */
const chosen = {};
let queue = new FrameQueue([]);
/** Whether a turn is coming that will run a frame. */
let waiting = false;
/** The way to that turn: timers that follow one another come 4 ms late. */
const turn = new MessageChannel();
turn.port1.onmessage = () => runNext();
/** What the head took for the frames before, a moving average in milliseconds. */
let usualMs = 0;
/** How long frames wait between their arrival and the screen. */
let delayMs = LEAST_DELAY_MS;
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
      // What it saw before it was turned off is over.
      queue = new FrameQueue(queue.heads);
      session = -1;
      request.port.onmessage = ({ data: frame }) => {
        queue.addFrame(frame);
        wake();
      };
      connected = true;
      begin().catch(fail);
      break;
    case 'delay':
      delayMs = request.ms;
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
  const ort = await interfaceOfOrt;
  ort.env.wasm.wasmPaths = { mjs: new URL('./ort_factory.js', import.meta.url).href };
  ort.env.wasm.numThreads = 1;
  const head = await HeadRunner.load(ort, manifest, new Uint8Array(model));
  head.checkNeeded(neededShapes);
  scope.postMessage({ kind: 'loaded', ms: performance.now() - begun });
  loaded = head;
  await begin();
}

/** A head that nobody turned on is loaded and never run. */
async function begin() {
  if (!loaded || !connected) return;
  const head = loaded;
  loaded = null;
  // The first run compiles what it comes across: better now than on a frame that the viewer waits for.
  scope.postMessage({ kind: 'running' });
  await head.warmUp();
  for (const [setting, value] of Object.entries(chosen)) head.set(setting, value);
  scope.postMessage({ kind: 'ready' });
  runner = head;
  wake();
}

/** @param {unknown} error */
function fail(error) {
  loaded = null;
  runner = null;
  const message = error instanceof Error ? error.message : String(error);
  scope.postMessage({ kind: 'failed', reason: message.split('\n')[0] });
}

/** Run a frame, when the messages that wait already were heard: they tell which one is next. */
function wake() {
  if (waiting || !runner) return;
  waiting = true;
  turn.port2.postMessage(null);
}

async function runNext() {
  const next = queue.take(pageTime(), patience(usualMs, delayMs));
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
  const { rtpTimestamp, arrived, number, pts, sourceWidth, sourceHeight } = frame;
  const begun = performance.now();
  scope.postMessage({ kind: 'running' });
  const tables = await head.run(frame.features, letterbox(sourceWidth, sourceHeight, inputWidth, inputHeight), pts, needed);
  const ms = performance.now() - begun;
  usualMs += (ms - usualMs) / 8;
  scope.postMessage({ kind: 'result', session, rtpTimestamp, arrived, number, pts, tables, ms });
}
