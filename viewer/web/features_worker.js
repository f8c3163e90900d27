/**
 * The worker that sees every encoded frame on its way to the decoder: it passes the frame on at once, then decodes the
 * features that the frame carries. Inference is another worker's work, so that a slow head never delays the video.
 */

import { BitstreamDecoder, dequantise, knownFrom } from './bitstream.js';
import { extract } from './carriage.js';
import { carriedSize } from './carried_size.js';
import { pageTime } from './delay.js';

/** @import {Known, SpecAnswer} from './bitstream.js' */

/**
 * @typedef {import('./types.js').FrameLabel & {session: number, rtpTimestamp: number, arrived: number, features: Float32Array}} DecodedFrame
 *
 * @typedef {object} FrameReport one encoded frame that arrived
 * @property {'frame'} kind
 * @property {number} session
 * @property {number} rtpTimestamp
 * @property {number} arrived in the page's time, see `pageTime`
 * @property {number} bytes of features as carried; 0 without
 * @property {import('./types.js').FrameLabel | null} label of its features; null without, or when they did not decode
 * @property {string | null} problem the decoder's word for why they did not
 *
 * @typedef {{kind: 'unusable', reason: string}} SpecReport the server's spec cannot be used
 *
 * @typedef {{kind: 'connect', head: string, port: MessagePort | null} | {kind: 'spec', answer: SpecAnswer}} FeaturesRequest
 *
 * @typedef {{data: ArrayBuffer, timestamp: number, getMetadata(): {rtpTimestamp?: number}}} EncodedFrame
 * @typedef {{readable: ReadableStream<EncodedFrame>, writable: WritableStream<EncodedFrame>, options: {session: number}}} Transformer
 */

const scope = /** @type {{
 *   postMessage(message: FrameReport | SpecReport): void,
 *   onrtctransform: ((event: {transformer: Transformer}) => void) | null
 * }} */ (/** @type {unknown} */ (self));

/** Grows while the page is open: the decoder looks at it for every key frame. @type {Known[]} */
const known = [];
const decoder = new BitstreamDecoder(known);
/** Where decoded features go, by head. @type {Map<string, MessagePort>} */
const heads = new Map();

self.onmessage = ({ data }) => {
  const request = /** @type {FeaturesRequest} */ (data);
  if (request.kind === 'spec') learn(request.answer);
  if (request.kind === 'connect') connect(request.head, request.port);
};

/**
 * @param {string} head
 * @param {MessagePort | null} port null when the head wants no more
 */
function connect(head, port) {
  heads.get(head)?.close();
  heads.delete(head);
  if (port) heads.set(head, port);
}

scope.onrtctransform = ({ transformer }) => watch(transformer);

/** @param {SpecAnswer} answer */
function learn(answer) {
  try {
    known.push(...knownFrom(answer));
  } catch (error) {
    scope.postMessage({ kind: 'unusable', reason: /** @type {Error} */ (error).message });
  }
}

/** @param {Transformer} transformer */
async function watch({ readable, writable, options }) {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  decoder.reset();
  for (;;) {
    const { value: frame, done } = await reader.read();
    if (done) return;
    // Older browsers know the RTP timestamp by this name only.
    const rtpTimestamp = frame.getMetadata().rtpTimestamp ?? frame.timestamp;
    const arrived = pageTime();
    const payload = extract(new Uint8Array(frame.data));
    // Writing takes the frame's bytes away; `extract` has copied the payload out.
    writer.write(frame);
    decode(options.session, rtpTimestamp, arrived, payload);
  }
}

/**
 * @param {number} session
 * @param {number} rtpTimestamp
 * @param {number} arrived
 * @param {Uint8Array | null} payload
 */
function decode(session, rtpTimestamp, arrived, payload) {
  if (!payload) {
    scope.postMessage({ kind: 'frame', session, rtpTimestamp, arrived, bytes: 0, label: null, problem: null });
    return;
  }
  const bytes = carriedSize(payload);
  let features;
  try {
    features = decoder.decode(payload);
  } catch (error) {
    const problem = /** @type {{code?: string}} */ (error).code ?? String(error);
    scope.postMessage({ kind: 'frame', session, rtpTimestamp, arrived, bytes, label: null, problem });
    return;
  }
  const { number, pts, sourceWidth, sourceHeight, fingerprint } = features;
  const label = { number, pts, sourceWidth, sourceHeight };
  scope.postMessage({ kind: 'frame', session, rtpTimestamp, arrived, bytes, label, problem: null });
  const spec = known.find((entry) => entry.spec.fingerprint === fingerprint)?.spec;
  if (!heads.size || !spec) return;
  const frame = { ...label, session, rtpTimestamp, arrived, features: dequantise(spec, features) };
  // Every head gets its own; the last of them the original.
  let left = heads.size;
  for (const port of heads.values()) {
    left -= 1;
    port.postMessage(frame, left ? [] : [frame.features.buffer]);
  }
}
