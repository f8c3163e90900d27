/** The player: puts the parts together. Everything a head means comes from its manifest. */

import { Connection } from './connection.js';
import { fetchCatalogue, fetchSpec, fetchStatus } from './documents.js';
import { drawResults } from './drawing.js';
import { Figures } from './figures.js';
import { Heads } from './heads.js';
import { Pairing } from './pairing.js';
import { DiagnosticsPanel, HeadPicker, StatisticsPanel } from './panel.js';
import { resultOf, statisticsOf } from './result.js';
import { timestampOnScreen } from './shown_frame.js';
import { Stage } from './stage.js';
import { missingSupport, NO_TIMESTAMP } from './support.js';

/** @import {FrameLabel, Manifest, Result} from './types.js' */
/** @import {FrameReport, SpecReport} from './features_worker.js' */

/** Frames wait this long before they are shown, which gives the heads time for theirs. */
const JITTER_BUFFER_MS = 200;

/** @param {string} id @returns {HTMLElement} */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const video = /** @type {HTMLVideoElement} */ (byId('video'));
const player = byId('player');

const figures = new Figures();
let pairing = new Pairing();
let session = 0;
let features = true;
/** What is drawn now, to draw it again when the canvas changes. @type {{shown: {result: Result, labels: string[]}[], source: FrameLabel} | null} */
let onScreen = null;

// ---- messages ----

/** @type {Map<string, string>} */
const messages = new Map();

/** @param {string} topic @param {string} text empty to take it back */
function say(topic, text) {
  if (text) messages.set(topic, text);
  else messages.delete(topic);
  const all = [...messages.values()].join(' ');
  if (byId('message').textContent !== all) byId('message').textContent = all;
  byId('message').hidden = !all;
}

/** No overlays from here on: say why, and let the video play. @param {string} reason */
function plainVideo(reason) {
  features = false;
  clearOverlay();
  heads.disable('Not in this browser');
  say('support', reason);
}

// ---- stage and overlay ----

const stage = new Stage(
  { player, stage: byId('stage'), video, canvas: /** @type {HTMLCanvasElement} */ (byId('overlay')) },
  () => onScreen && drawResults(stage.context, onScreen.shown, onScreen.source, stage.unit),
);

function clearOverlay() {
  onScreen = null;
  stage.clear();
}

// ---- heads ----

const diagnostics = /** @type {HTMLDetailsElement} */ (byId('diagnostics'));
new DiagnosticsPanel(byId('figures'), () => figures.printed());
const statistics = new StatisticsPanel(byId('statistics-section'));
const picker = new HeadPicker(byId('heads'), byId('heads-empty'), {
  turn: (name, on) => heads.turn(name, on),
  set: (head, name, value) => heads.set(head, name, value),
});
const featuresWorker = new Worker(new URL('./features_worker.js', import.meta.url), { type: 'module', name: 'features' });

const heads = new Heads('heads', {
  onChange() {
    picker.show([...heads.all.values()]);
    statistics.show(chosenManifests());
    figures.forgetHeadTimes();
    remember(heads.chosen());
  },
  onPort: (port) => featuresWorker.postMessage({ kind: 'connect', port }, [port]),
  onDeliver: (on) => featuresWorker.postMessage({ kind: 'deliver', on }),
  onResult(result) {
    if (result.session !== session) return;
    pairing.addTables(result.rtpTimestamp, result.name, result.tables);
    const manifest = heads.all.get(result.name)?.manifest;
    if (manifest) statistics.update(result.name, statisticsOf(manifest, result.tables));
  },
  onFrameDone: (ms) => figures.countHeads(ms),
  onUnusable(reason) {
    heads.disable('Cannot run here');
    say('support', `Heads cannot run here (${reason}). The video plays without overlays.`);
  },
});

/** @returns {Manifest[]} */
function chosenManifests() {
  return heads.chosen().flatMap((name) => heads.all.get(name)?.manifest ?? []);
}

/** The choice stays in the address, so that a reload or a link keeps it. @param {string[]} names */
function remember(names) {
  const address = new URL(location.href);
  if (names.length) address.searchParams.set('heads', names.join(','));
  else address.searchParams.delete('heads');
  if (catalogueRead && address.href !== location.href) history.replaceState(null, '', address);
}

// ---- what the server offers ----

const UNKNOWN_SPEC = 'The broadcast carries features that this server does not describe; the video plays without overlays.';

let catalogueRead = false;
let fingerprint = '';
let lastRead = -Infinity;

/** Read the status, the catalogue and the spec; again after every join, since the server may be another by then. */
async function readDocuments() {
  lastRead = performance.now();
  try {
    const [status, catalogue] = await Promise.all([fetchStatus(), fetchCatalogue()]);
    byId('source').textContent = status.source ?? '';
    if (status.fps) connection.stallMs = Math.max(2000, 3000 / status.fps);
    heads.setCatalogue(catalogue);
    if (!catalogueRead) {
      catalogueRead = true;
      const wanted = new URL(location.href).searchParams.get('heads')?.split(',') ?? [];
      for (const name of wanted) heads.turn(name, true);
    }
    if (status.spec && status.spec !== fingerprint) await readSpec(status.spec);
  } catch {
    // The connection says that the server is away; the next join reads them again.
  }
}

/** @param {string} wanted fingerprint of the stream's features */
async function readSpec(wanted) {
  const answer = await fetchSpec(wanted);
  fingerprint = wanted;
  featuresWorker.postMessage({ kind: 'spec', answer });
  const [inputHeight, inputWidth] = answer.spec.input;
  heads.setSpec({ fingerprint, inputWidth, inputHeight });
}

featuresWorker.onmessage = ({ data }) => {
  const report = /** @type {FrameReport | SpecReport} */ (data);
  if (report.kind === 'unusable') {
    plainVideo(`This page cannot read the features of this broadcast (${report.reason}); reload it. The video plays without overlays.`);
  } else if (report.session === session) {
    frameArrived(report);
  }
};
featuresWorker.onerror = (event) => plainVideo(`Features cannot be read (${event.message || 'the features worker did not start'}). The video plays without overlays.`);

/** @param {FrameReport} report */
function frameArrived({ rtpTimestamp, bytes, label, problem }) {
  connection.frameArrived();
  pairing.arrived(rtpTimestamp, label);
  if (bytes) figures.countFeatures(bytes);
  if (problem) figures.featuresRefused += 1;
  if (problem === 'unknown_spec' || problem === 'unknown_tables') {
    const since = performance.now() - lastRead;
    // Right after a join the answer may still be on its way.
    if (since > 1000) say('spec', UNKNOWN_SPEC);
    if (since > 2000) readDocuments();
  } else if (label) {
    say('spec', '');
  }
}

// ---- frames on the screen ----

/** So many frames without a timestamp, and none with one, tell that this browser has none. One may end a session. */
const ENOUGH_WITHOUT = 3;
let withoutTimestamp = 0;
/** RTP timestamp of the frame that was counted last. @type {number | null} */
let lastShown = null;

/** @type {VideoFrameRequestCallback} */
function frameShown(_now, { rtpTimestamp: announced }) {
  video.requestVideoFrameCallback(frameShown);
  if (!figures.joinMs && connection.postedAt) {
    figures.joinMs = performance.now() - connection.postedAt;
    if (features) heads.begin();
  }
  if (!features || announced === undefined) {
    figures.framesShown += 1;
    withoutTimestamp += 1;
    if (features && withoutTimestamp === ENOUGH_WITHOUT) plainVideo(NO_TIMESTAMP);
    return;
  }
  withoutTimestamp = -Infinity;
  const rtpTimestamp = timestampOnScreen(video, announced);
  // A callback that came late has shown this frame already.
  if (rtpTimestamp === lastShown) return;
  lastShown = rtpTimestamp;
  figures.framesShown += 1;
  const { label, wrong, tables, dropped } = pairing.shown(rtpTimestamp);
  figures.framesDropped += dropped;
  if (wrong) figures.pairsWrong += 1;
  if (!label) {
    clearOverlay();
    announce(null, rtpTimestamp, [], false);
    return;
  }
  figures.framesWithFeatures += 1;
  const late = heads.due(label.number).some((head) => !tables.has(head.name));
  if (late) figures.overlaysLate += 1;
  const shown = chosenManifests()
    .filter((manifest) => tables.has(manifest.name))
    .map((manifest) => ({ result: resultOf(manifest, tables.get(manifest.name) ?? {}, label), labels: manifest.labels ?? [] }));
  stage.followPixelRatio();
  onScreen = { shown, source: label };
  drawResults(stage.context, shown, label, stage.unit);
  if (shown.length && !figures.firstOverlayMs) figures.firstOverlayMs = performance.now() - connection.postedAt;
  announce(label, rtpTimestamp, shown.map(({ result }) => result), late);
}

/**
 * Tell scripts on the page which frame is on the screen, with the results that are drawn on it.
 *
 * @param {FrameLabel | null} label
 * @param {number} rtpTimestamp
 * @param {Result[]} results
 * @param {boolean} late
 */
function announce(label, rtpTimestamp, results, late) {
  const detail = { number: label?.number ?? null, pts: label?.pts ?? null, rtpTimestamp, late, results };
  document.dispatchEvent(new CustomEvent('featurecast:frame', { detail }));
}

// ---- the connection ----

const STATES = { connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting' };

const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
const connection = new Connection('whep', token, {
  onReceiver(receiver, number) {
    session = number;
    pairing = new Pairing();
    heads.newSession();
    figures.joinMs = 0;
    figures.firstOverlayMs = 0;
    if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = JITTER_BUFFER_MS;
    if (features) receiver.transform = new RTCRtpScriptTransform(featuresWorker, { session: number });
  },
  // Not before: what can wait must not slow the join.
  onAnswer: readDocuments,
  onStream(stream) {
    video.srcObject = stream;
    play();
  },
  onState(state, reason) {
    byId('status').dataset.state = state;
    byId('status-text').textContent = STATES[state];
    byId('curtain').hidden = state === 'live';
    byId('curtain-text').textContent = reason ? `${reason}. Reconnecting…` : 'Joining the broadcast';
    if (state !== 'live') clearOverlay();
  },
});

async function play() {
  try {
    await video.play();
    byId('play').hidden = true;
  } catch (error) {
    // A new session replaces the stream while play() waits; only a refusal needs the viewer's hand.
    if (/** @type {DOMException} */ (error).name === 'NotAllowedError') byId('play').hidden = false;
  }
}

// ---- controls ----

function toggleFit() {
  stage.setFit(stage.fit === 'contain' ? 'cover' : 'contain');
  byId('fit').setAttribute('aria-pressed', String(stage.fit === 'cover'));
}

/** @param {boolean} open */
function openPanel(open) {
  player.dataset.panel = open ? 'open' : 'closed';
  byId('panel-toggle').setAttribute('aria-expanded', String(open));
}

byId('play').addEventListener('click', play);
byId('fit').addEventListener('click', toggleFit);
byId('fullscreen').addEventListener('click', () => stage.toggleFull());
byId('panel-toggle').addEventListener('click', () => openPanel(player.dataset.panel !== 'open'));
document.addEventListener('fullscreenchange', () => {
  byId('fullscreen').setAttribute('aria-pressed', String(stage.isFull));
  if (!stage.isFull) openPanel(false);
});

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Escape') stage.leaveFull();
  if (event.key === 'f') stage.toggleFull();
  if (event.key === 'z') toggleFit();
  if (event.key === 'd') {
    diagnostics.open = !diagnostics.open;
    if (stage.isFull) openPanel(diagnostics.open);
  }
  const head = [...heads.all.values()][Number(event.key) - 1];
  if (/^[1-9]$/.test(event.key) && head) heads.turn(head.name, !heads.chosen().includes(head.name));
});

/** Controls on the video stay for a moment after a touch or a move. */
let controlsTimer = 0;
for (const kind of ['pointermove', 'pointerdown', 'keydown']) {
  document.addEventListener(kind, () => {
    byId('stage').dataset.touched = '';
    clearTimeout(controlsTimer);
    controlsTimer = window.setTimeout(() => delete byId('stage').dataset.touched, 3000);
  });
}

// Without the features worker, the video itself tells that frames arrive.
let framesBefore = 0;
setInterval(() => {
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  if (!features && frames > framesBefore) connection.frameArrived();
  framesBefore = frames;
}, 250);
// Nobody watches a hidden page: its frames were not dropped.
document.addEventListener('visibilitychange', () => pairing.forget());
window.addEventListener('pagehide', () => connection.stop());
window.addEventListener('pageshow', ({ persisted }) => persisted && connection.start());

// ---- go ----

const missing = missingSupport(globalThis);
if (missing) plainVideo(missing);
if (!('RTCPeerConnection' in window)) {
  say('support', 'This browser has no WebRTC, so the video cannot be played.');
} else {
  if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(frameShown);
  connection.start();
}
