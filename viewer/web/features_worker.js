/**
 * The worker that sees every encoded frame on its way to the decoder: it passes the frame on at once, then decodes the
 * features that the frame carries. Inference is another worker's work, so that a slow head never delays the video.
 */

import { BitstreamDecoder, dequantise } from './bitstream.js';
import { extract } from './carriage.js';

/**
 * @typedef {import('./types.js').FrameLabel & {session: number, rtpTimestamp: number, features: Float32Array}} DecodedFrame
 *
 * @typedef {object} FrameReport one encoded frame that arrived
 * @property {'frame'} kind
 * @property {number} session
 * @property {number} rtpTimestamp
 * @property {number} bytes of features, as they are in the payload; 0 without
 * @property {import('./types.js').FrameLabel | null} label of its features; null without, or when they did not decode
 * @property {string | null} problem why they did not
 *
 * @typedef {{kind: 'spec', fingerprint: string, inputWidth: number, inputHeight: number}
 *   | {kind: 'no_spec', reason: string}} SpecReport
 *
 * @typedef {{kind: 'connect', port: MessagePort} | {kind: 'deliver', on: boolean} | {kind: 'spec', fingerprint: string}} FeaturesRequest
 *
 * @typedef {{data: ArrayBuffer, timestamp: number, type: string, getMetadata(): {rtpTimestamp?: number}}} EncodedFrame
 * @typedef {{readable: ReadableStream<EncodedFrame>, writable: WritableStream<EncodedFrame>, options: {session: number}}} Transformer
 */

const scope = /** @type {{
 *   postMessage(message: FrameReport | SpecReport): void,
 *   onrtctransform: ((event: {transformer: Transformer}) => void) | null
 * }} */ (/** @type {unknown} */ (self));

/** @type {{spec: any, tables: any}[]} */
const known = [];
/** @type {Set<string>} */
const asked = new Set();
/** @type {MessagePort | null} */
let heads = null;
let delivering = false;
let decoder = new BitstreamDecoder(known);

self.onmessage = ({ data }) => {
  const request = /** @type {FeaturesRequest} */ (data);
  if (request.kind === 'connect') heads = request.port;
  if (request.kind === 'deliver') delivering = request.on;
  if (request.kind === 'spec') learn(request.fingerprint);
};

scope.onrtctransform = ({ transformer }) => watch(transformer);

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
    const payload = extract(new Uint8Array(frame.data));
    // Writing detaches the frame's bytes; `extract` has copied the payload out.
    writer.write(frame);
    report(options.session, rtpTimestamp, payload);
  }
}
