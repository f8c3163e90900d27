/** The player: puts the parts together. Everything a head means comes from its manifest. */

import { Connection } from './connection.js';
import { DelayControl, pageTime } from './delay.js';
import { fetchCatalogue, fetchSpec, fetchStatus } from './documents.js';
import { drawResults } from './drawing.js';
import { Figures } from './figures.js';
import { Heads } from './heads.js';
import { Pairing } from './pairing.js';
import { DiagnosticsPanel, HeadPicker, StatisticsPanel } from './panel.js';
import { objectAt, pickable } from './picking.js';
import { resultOf, statisticsOf } from './result.js';
import { timestampOnScreen } from './shown_frame.js';
import { Stage } from './stage.js';
import { csv, json, StatisticsLog } from './statistics_log.js';
import { missingSupport, NO_TIMESTAMP } from './support.js';

/** @import {FrameLabel, Manifest, Result} from './types.js' */
/** @import {ShownResult} from './drawing.js' */
/** @import {FeaturesRequest, FrameReport, SpecReport} from './features_worker.js' */

/** How often the page asks whether heads came or went. */
const CATALOGUE_MS = 5000;

/** @param {string} id @returns {HTMLElement} */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const video = /** @type {HTMLVideoElement} */ (byId('video'));
const player = byId('player');

const figures = new Figures();
let pairing = new Pairing();
const delay = new DelayControl();
let session = 0;
let features = true;
/** What is drawn now, to draw it again when the canvas changes. @type {{shown: ShownResult[], source: FrameLabel} | null} */
let onScreen = null;
/** What was drawn last, and when: a frame without results must not be in the way of a finger. */
let lastDrawn = { shown: /** @type {ShownResult[]} */ ([]), source: { sourceWidth: 1, sourceHeight: 1 }, at: -Infinity };

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

/** An empty overlay stays untouched: to the browser every change is a picture to put together again. */
function clearOverlay() {
  if (!onScreen) return;
  onScreen = null;
  stage.clear();
}

/** @param {ShownResult[]} shown @param {FrameLabel} source */
function draw(shown, source) {
  if (!shown.length) {
    clearOverlay();
    return;
  }
  stage.followPixelRatio();
  onScreen = { shown, source };
  lastDrawn = { shown, source, at: performance.now() };
  drawResults(stage.context, shown, source, stage.unit);
}

// ---- heads ----

const diagnostics = /** @type {HTMLDetailsElement} */ (byId('diagnostics'));
new DiagnosticsPanel(byId('figures'), () => {
  picker.time(figures.msOfHeads);
  picker.pace(figures.inTimeOfHeads);
  return figures.printed();
});
const statistics = new StatisticsPanel(byId('statistics-section'));
const log = new StatisticsLog();
const picker = new HeadPicker(byId('heads'), byId('heads-empty'), {
  turn: (name, on) => heads.turn(name, on),
  set: (head, name, value) => heads.set(head, name, value),
  pickable: (head) => pickableOf(head),
});
const featuresWorker = new Worker(new URL('./features_worker.js', import.meta.url), { type: 'module', name: 'features' });

/** @param {FeaturesRequest} request @param {Transferable[]} [transfer] */
const tellFeatures = (request, transfer = []) => featuresWorker.postMessage(request, transfer);

const heads = new Heads('heads', {
  onChange() {
    picker.show([...heads.all.values()]);
    statistics.show(chosenManifests());
    figures.forgetHeads();
    remember(heads.chosen());
  },
  onSetting: () => picker.show([...heads.all.values()]),
  onPort: (head, port) => tellFeatures({ kind: 'connect', head, port }, port ? [port] : []),
  onResult(result) {
    const manifest = heads.all.get(result.name)?.manifest;
    if (result.session !== session || !manifest) return;
    const inTime = pairing.addTables(result.rtpTimestamp, result.name, result.tables, pageTime());
    if (!inTime) delay.missed(pageTime() - result.arrived);
    log.add(manifest, result, statisticsOf(manifest, result.tables));
    byId('export').hidden = log.empty;
  },
  onRun: (name, ms) => figures.countHead(name, ms),
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

let documentsRead = false;
let catalogueRead = false;
/** The catalogue as it was read last. */
let catalogueText = '';
let fingerprint = '';
let lastRead = -Infinity;

/** @returns {string[]} heads that the address asks for */
function wantedHeads() {
  return new URL(location.href).searchParams.get('heads')?.split(',').filter(Boolean) ?? [];
}

/** Read the status, the catalogue and the spec; again after every other join, since the server may be another by then. */
async function readDocuments() {
  lastRead = performance.now();
  try {
    const [status] = await Promise.all([fetchStatus(), readCatalogue()]);
    byId('source').textContent = status.source ?? '';
    if (status.fps) connection.stallMs = Math.max(2000, 3000 / status.fps);
    if (status.spec && status.spec !== fingerprint) await readSpec(status.spec);
    documentsRead = true;
  } catch {
    // The connection says that the server is away; the next join reads them again.
  }
}

/** Heads come and go while the page is open: a server's folder of heads is watched. */
async function readCatalogue() {
  const catalogue = await fetchCatalogue();
  const text = JSON.stringify(catalogue);
  if (text === catalogueText) return;
  catalogueText = text;
  const wanted = wantedHeads();
  heads.setCatalogue(catalogue);
  if (catalogueRead) return;
  catalogueRead = true;
  for (const name of wanted) heads.turn(name, true);
}

/** Not while nobody looks; a server that is away is the connection's affair. */
function lookForHeads() {
  if (catalogueRead && !document.hidden) readCatalogue().catch(() => {});
}

/** @param {string} wanted fingerprint of the stream's features */
async function readSpec(wanted) {
  const answer = await fetchSpec(wanted);
  fingerprint = wanted;
  tellFeatures({ kind: 'spec', answer });
  const [inputHeight, inputWidth] = answer.spec.input;
  // Loading heads takes all that a phone has; it would hold up the join.
  firstFrame.then(() => heads.setSpec({ fingerprint: wanted, inputWidth, inputHeight }));
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
function frameArrived({ rtpTimestamp, arrived, bytes, label, problem }) {
  connection.frameArrived();
  pairing.arrived(rtpTimestamp, arrived, label);
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

/** @type {() => void} */
let seeFirstFrame = () => {};
/** @type {Promise<void>} */
const firstFrame = new Promise((resolve) => {
  seeFirstFrame = resolve;
});

/** The join is over: the frames to come may wait for their results, and heads may load. */
function joined() {
  figures.joinMs = performance.now() - connection.postedAt;
  followDelay();
  seeFirstFrame();
  showControls();
  if (features) heads.prepare();
}

/** Frames wait as long as the heads on this machine need, and heads hear how long that is. */
function followDelay() {
  for (const receiver of connection.peer?.getReceivers() ?? []) {
    if ('jitterBufferTarget' in receiver && receiver.jitterBufferTarget !== delay.target) receiver.jitterBufferTarget = delay.target;
  }
  heads.setDelay(delay.measured);
}

/** So many frames without a timestamp, and none with one, tell that this browser has none. One may end a session. */
const ENOUGH_WITHOUT = 3;
let withoutTimestamp = 0;
/** RTP timestamp of the frame that was counted last. @type {number | null} */
let lastShown = null;

/** @type {VideoFrameRequestCallback} */
function frameShown(_now, { rtpTimestamp: announced }) {
  video.requestVideoFrameCallback(frameShown);
  if (!figures.joinMs && connection.postedAt) joined();
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
  const { label, wrong, tables, dropped, arrived, resultMs } = pairing.shown(rtpTimestamp);
  figures.framesDropped += dropped;
  if (wrong) figures.pairsWrong += 1;
  if (!label) {
    clearOverlay();
    announce(null, rtpTimestamp, [], false);
    return;
  }
  figures.framesWithFeatures += 1;
  const due = heads.due(label.number).map(({ name }) => name);
  for (const name of due) figures.countInTime(name, tables.has(name));
  const late = due.some((name) => !tables.has(name));
  if (late) figures.overlaysLate += 1;
  if (arrived !== null) waited(pageTime() - arrived, due.length ? resultMs : null, late);
  const shown = chosenManifests()
    .filter((manifest) => tables.has(manifest.name))
    .map((manifest) => ({
      result: resultOf(manifest, tables.get(manifest.name) ?? {}, label), labels: manifest.labels ?? [], followed: followedOf(manifest),
    }));
  draw(shown, label);
  // Not when a result comes: what is said must be true of what is drawn.
  for (const { result } of shown) statistics.update(result.head, result.stats);
  if (shown.length && !figures.firstOverlayMs) figures.firstOverlayMs = performance.now() - connection.postedAt;
  announce(label, rtpTimestamp, shown.map(({ result }) => result), late);
}

/**
 * @param {number} ms from a frame's arrival to the screen
 * @param {number | null} resultMs from its arrival to the last of its results; null when no head runs
 * @param {boolean} late
 */
function waited(ms, resultMs, late) {
  delay.shown(pageTime(), ms, resultMs, late);
  figures.countDelay(ms);
  followDelay();
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

// ---- one thing in the picture ----

/** @param {Manifest} manifest @returns {string | undefined} the setting that names a thing in the picture */
function objectSetting(manifest) {
  return manifest.settings?.find(({ type }) => type === 'object')?.name;
}

/** @param {Manifest} manifest @returns {number} id of the thing that the viewer follows; 0 for none */
function followedOf(manifest) {
  const setting = objectSetting(manifest);
  return setting === undefined ? 0 : (heads.all.get(manifest.name)?.settings[setting] ?? 0);
}

/** @param {string} head */
function pickableOf(head) {
  const shown = lastDrawn.shown.find(({ result }) => result.head === head);
  return shown ? pickable(shown.result) : [];
}

/** A finger may miss by so many CSS px. */
const SLACK_PX = 10;

/** After this time what was drawn has moved on. */
const TAP_MS = 1000;

/** Follow what was tapped; a tap on nothing lets go. @param {MouseEvent} event */
function pick({ clientX, clientY }) {
  const { source, shown, at } = lastDrawn;
  if (performance.now() - at > TAP_MS) return;
  const box = stage.canvas.getBoundingClientRect();
  const scale = source.sourceWidth / box.width;
  const [x, y] = [(clientX - box.left) * scale, ((clientY - box.top) * source.sourceHeight) / box.height];
  for (const manifest of chosenManifests()) {
    const setting = objectSetting(manifest);
    const result = shown.find((item) => item.result.head === manifest.name)?.result;
    if (setting !== undefined && result) heads.set(manifest.name, setting, objectAt(result, x, y, SLACK_PX * scale) ?? 0);
  }
}

function letGo() {
  for (const manifest of chosenManifests()) {
    const setting = objectSetting(manifest);
    if (setting !== undefined) heads.set(manifest.name, setting, 0);
  }
}

byId('video').addEventListener('click', pick);

// ---- export of the statistics ----

/** @param {'csv' | 'json'} format */
function exportStatistics(format) {
  const rows = log.rows([...heads.all.keys()]);
  const file = new Blob(format === 'csv' ? csv(rows) : json(rows), { type: format === 'csv' ? 'text/csv' : 'application/json' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = `featurecast-${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-export]'))) {
  button.addEventListener('click', () => exportStatistics(button.dataset.export === 'csv' ? 'csv' : 'json'));
}

// ---- the connection ----

const STATES = { connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting', off: 'No video' };
let wasLive = false;

/** @param {keyof typeof STATES} state @param {string} reason */
function showState(state, reason) {
  wasLive ||= state === 'live';
  byId('status').dataset.state = state;
  byId('status-text').textContent = state === 'reconnecting' && !wasLive ? 'Waiting' : STATES[state];
  byId('curtain').hidden = state === 'live';
  byId('curtain').dataset.state = state;
  const next = { connecting: 'Joining the broadcast', live: '', reconnecting: wasLive ? 'Reconnecting…' : 'Trying again…', off: '' }[state];
  byId('curtain-text').textContent = reason ? `${reason}. ${next}` : next;
  if (state !== 'live') clearOverlay();
  if (state !== 'off' || !features) return;
  features = false;
  heads.disable('Not in this browser');
}

const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
const connection = new Connection('whep', token, {
  onReceiver(receiver, number) {
    session = number;
    pairing = new Pairing();
    delay.forget();
    heads.newSession();
    figures.joinMs = 0;
    figures.firstOverlayMs = 0;
    if (features) receiver.transform = new RTCRtpScriptTransform(featuresWorker, { session: number });
  },
  // The page itself has read them for the first join.
  onAnswer: () => (session > 1 || !documentsRead) && readDocuments(),
  onStream(stream) {
    video.srcObject = stream;
    play();
  },
  onState: showState,
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
  if (event.key === 'Escape') {
    stage.leaveFull();
    letGo();
  }
  if (event.key === 'f') stage.toggleFull();
  if (event.key === 'z') toggleFit();
  if (event.key === 'd') {
    diagnostics.open = !diagnostics.open;
    if (stage.isFull) openPanel(diagnostics.open);
    if (diagnostics.open) diagnostics.scrollIntoView({ block: 'nearest' });
  }
  const head = [...heads.all.values()][Number(event.key) - 1];
  if (/^[1-9]$/.test(event.key) && head) heads.turn(head.name, !heads.chosen().includes(head.name));
});

/** Controls on the video stay for a moment after a touch or a move. */
let controlsTimer = 0;
function showControls() {
  byId('stage').dataset.touched = '';
  clearTimeout(controlsTimer);
  controlsTimer = window.setTimeout(() => delete byId('stage').dataset.touched, 3000);
}

for (const kind of ['pointermove', 'pointerdown', 'keydown']) document.addEventListener(kind, showControls);

// Without the features worker, the video itself tells that frames arrive.
let framesBefore = 0;
setInterval(() => {
  if (features) return;
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  if (frames > framesBefore) connection.frameArrived();
  framesBefore = frames;
}, 250);
// Nobody watches a hidden page: its frames were not dropped.
document.addEventListener('visibilitychange', () => {
  pairing.forget();
  lookForHeads();
  if (!document.hidden && features && figures.joinMs) heads.prepare();
});
setInterval(lookForHeads, CATALOGUE_MS);
window.addEventListener('pagehide', () => connection.stop());
window.addEventListener('pageshow', ({ persisted }) => persisted && connection.start());

// ---- go ----

const missing = missingSupport(globalThis);
if (!('RTCPeerConnection' in window)) {
  showState('off', 'This browser has no WebRTC, which the broadcast comes over');
} else {
  if (missing) plainVideo(missing);
  if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(frameShown);
  connection.start();
}
readDocuments();
