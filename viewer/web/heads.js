/** The heads on this page: their catalogue, which of them run, and what becomes of one that fails. */

import { HeadLane } from './head_lane.js';
import { headOrder } from './head_order.js';
import { compiledRuntime } from './runtime.js';
import { allowedValue, browserStore, rememberedSettings, rememberSettings } from './settings.js';

/** @import {CatalogueEntry, Manifest, Tables} from './types.js' */
/** @import {HeadResult} from './head_lane.js' */

const WATCH_MS = 200;
/** Less of a difference is not worth a message. */
const DELAY_STEP_MS = 10;
/** Heads load one after the other; one that takes longer than this holds up the next no more. */
const TURN_MS = 5000;
/** After a join the page is left alone for so long, then heads that nobody has turned on yet are loaded. */
const SPARE_AFTER_MS = 1500;
/** So many heads are loaded at a time, whether on or not. */
const SPARE_HEADS = 2;
/** Timers are never this late while somebody watches. */
const ASLEEP_MS = 5000;

/**
 * @typedef {object} Head
 * @property {string} name
 * @property {string} title
 * @property {string} description
 * @property {Manifest | null} manifest null when the catalogue calls it broken
 * @property {'off' | 'loading' | 'on' | 'failed'} state
 * @property {boolean} usable
 * @property {string} reason why it is not usable, or why it was stopped
 * @property {Record<string, number>} settings
 * @property {number | null} since number of the first frame that it had a result for; null before
 */

/**
 * @typedef {object} HeadsHooks
 * @property {() => void} onChange a head's state changed
 * @property {() => void} onSetting a setting changed
 * @property {(head: string, port: MessagePort | null) => void} onPort where a head's features are to be delivered from now on
 * @property {(result: HeadResult & {name: string}) => void} onResult of a head that the viewer turned on
 * @property {(name: string, ms: number) => void} onRun a head took so long for one frame
 */

/** Runs the heads that the viewer chose, each in a worker of its own, and keeps a few others loaded. */
export class Heads {
  /** @type {Map<string, Head>} */
  all = new Map();
  /** @type {Map<string, Promise<ArrayBuffer>>} */
  #models = new Map();
  /** Heads at work: those that are on, and those that they need. @type {Map<string, HeadLane>} */
  #lanes = new Map();
  /** Of these, those that get features. @type {Set<string>} */
  #connected = new Set();
  /** The turn of the head that was the last to ask for one. @type {Promise<void>} */
  #turn = Promise.resolve();
  /** Whether heads are loaded before they are turned on. */
  #early = false;
  /** Heads that failed while nobody had turned them on. @type {Set<string>} */
  #unfit = new Set();
  #lastWatch = 0;
  #store = browserStore();
  /** @type {{fingerprint: string, inputWidth: number, inputHeight: number} | null} */
  #spec = null;
  /** How long frames wait for the screen, as the heads were told. */
  #delayMs = 0;
  /** Why no head can run at all. */
  #disabled = '';

  /**
   * @param {string} base URL of the catalogue, such as /heads
   * @param {HeadsHooks} hooks
   */
  constructor(base, hooks) {
    this.base = base;
    this.hooks = hooks;
    setInterval(() => this.#watch(), WATCH_MS);
  }

  /** Get the runtime, and a little later the first heads, before they are needed. None runs before it is turned on. */
  prepare() {
    if (this.#disabled || this.#early) return;
    // Whoever turns a head on is told what went wrong.
    compiledRuntime().catch(() => {});
    setTimeout(() => {
      this.#early = !savesData() && !document.hidden;
      this.#apply();
    }, SPARE_AFTER_MS);
  }

  /** Take over what the server offers now: heads come, change and go while the page is open. @param {CatalogueEntry[]} entries */
  setCatalogue(entries) {
    const before = this.all;
    this.all = new Map();
    for (const entry of entries) {
      const manifest = entry.ok && entry.manifest ? entry.manifest : null;
      const old = before.get(entry.name);
      if (old?.manifest && manifest && JSON.stringify(old.manifest) === JSON.stringify(manifest)) {
        this.all.set(entry.name, old);
        continue;
      }
      this.#end(entry.name);
      this.#models.delete(entry.name);
      const wasOn = old?.state === 'on' || old?.state === 'loading';
      this.all.set(entry.name, {
        name: entry.name,
        title: manifest?.title ?? entry.title ?? entry.name,
        description: manifest?.description ?? entry.description ?? '',
        manifest,
        state: wasOn && manifest ? 'loading' : 'off',
        usable: manifest !== null,
        reason: manifest ? '' : (entry.reason ?? 'broken'),
        settings: manifest ? rememberedSettings(manifest, this.#store) : {},
        since: null,
      });
    }
    this.#check();
    this.#apply();
    this.hooks.onChange();
  }

  /** No head can run on this page from here on. @param {string} reason */
  disable(reason) {
    this.#disabled = reason;
    this.#check();
    this.#apply();
    this.hooks.onChange();
  }

  /** @param {{fingerprint: string, inputWidth: number, inputHeight: number}} spec of the stream */
  setSpec(spec) {
    if (this.#spec?.fingerprint === spec.fingerprint) return;
    this.#spec = spec;
    for (const name of this.#lanes.keys()) this.#end(name);
    this.#check();
    this.#apply();
    this.hooks.onChange();
  }

  /** Refuse what cannot run before its graph is downloaded, such as heads of other features. */
  #check() {
    for (const head of this.all.values()) {
      if (!head.manifest) continue;
      const refusal = this.#disabled || this.#specRefusal(head.manifest);
      if (refusal && isOn(head)) head.state = 'off';
      if (refusal || !head.usable) head.reason = refusal;
      head.usable = !refusal;
    }
  }

  /** @param {Manifest} manifest @returns {string} empty when the head fits the stream */
  #specRefusal({ spec }) {
    if (!this.#spec || spec.fingerprint === this.#spec.fingerprint) return '';
    return `Trained on other features (${spec.name} ${spec.fingerprint.slice(0, 8)}…)`;
  }

  /** Names of the heads that the viewer turned on, in the catalogue's order. */
  chosen() {
    return [...this.all.values()].filter(isOn).map((head) => head.name);
  }

  /**
   * @param {string} name
   * @param {boolean} on
   */
  turn(name, on) {
    const head = this.all.get(name);
    if (!head || (on && !head.usable) || on === isOn(head)) return;
    head.state = on ? 'loading' : 'off';
    head.since = null;
    if (on) this.#tryAgain(head);
    this.#apply();
    this.hooks.onChange();
  }

  /** What stopped before may run now: the head, and those that it needs. @param {Head} head */
  #tryAgain(head) {
    head.reason = '';
    this.#unfit.delete(head.name);
    for (const name of Object.keys(head.manifest?.needs ?? {})) {
      const needed = this.all.get(name);
      if (needed?.state !== 'failed') continue;
      needed.state = 'off';
      this.#tryAgain(needed);
    }
  }

  /**
   * Change a setting from the head's next frame on.
   *
   * @param {string} name
   * @param {string} setting
   * @param {number} value
   */
  set(name, setting, value) {
    const head = this.all.get(name);
    const declared = head?.manifest?.settings?.find((item) => item.name === setting);
    if (!head?.manifest || !declared) return;
    const allowed = allowedValue(declared, value);
    if (allowed === head.settings[setting]) return;
    head.settings[setting] = allowed;
    rememberSettings(head.manifest, head.settings, this.#store);
    this.#lanes.get(name)?.send({ kind: 'set', name: setting, value: allowed });
    this.hooks.onSetting();
  }

  /** Tell the heads how long frames wait between their arrival and the screen. @param {number} ms */
  setDelay(ms) {
    if (Math.abs(ms - this.#delayMs) < DELAY_STEP_MS) return;
    this.#delayMs = ms;
    for (const lane of this.#lanes.values()) lane.send({ kind: 'delay', ms });
  }

  /** A new session: results begin anew, and ids name other things than before. */
  newSession() {
    for (const head of this.all.values()) {
      head.since = null;
      for (const { type, name } of head.manifest?.settings ?? []) {
        if (type === 'object' && head.settings[name]) this.set(head.name, name, 0);
      }
    }
  }

  /** Heads that should have a result for a frame. @param {number} number @returns {Head[]} */
  due(number) {
    return [...this.all.values()].filter((head) => head.state === 'on' && head.since !== null && head.since <= number);
  }

  /** Bring what runs to what is chosen. */
  #apply() {
    const manifests = this.#usableManifests();
    /** @type {Set<string>} */
    const wanted = new Set();
    for (const name of this.chosen()) {
      try {
        for (const needed of headOrder([name], manifests)) wanted.add(needed);
      } catch (error) {
        this.#stop(name, /** @type {Error} */ (error).message);
      }
    }
    const kept = new Set([...wanted, ...this.#spare(manifests)]);
    for (const name of this.#lanes.keys()) {
      if (!wanted.has(name)) this.#disconnect(name);
      if (!kept.has(name)) this.#end(name);
    }
    // Without the spec it is not known which heads fit the stream.
    if (!this.#spec) return;
    for (const name of kept) {
      if (!this.#lanes.has(name)) this.#start(name, manifests);
      if (wanted.has(name)) this.#connect(name);
    }
  }

  /** Heads that are kept loaded, so that they work as soon as they are turned on. @param {Map<string, Manifest>} manifests */
  #spare(manifests) {
    /** @type {Set<string>} */
    const spare = new Set();
    if (!this.#early) return spare;
    for (const name of manifests.keys()) {
      const more = orderOrNone(name, manifests);
      if (more.some((needed) => this.#unfit.has(needed)) || new Set([...spare, ...more]).size > SPARE_HEADS) continue;
      for (const needed of more) spare.add(needed);
    }
    return spare;
  }

  /** @returns {Map<string, Manifest>} */
  #usableManifests() {
    /** @type {Map<string, Manifest>} */
    const manifests = new Map();
    for (const { name, manifest, usable, state } of this.all.values()) {
      if (manifest && usable && state !== 'failed') manifests.set(name, manifest);
    }
    return manifests;
  }

  /**
   * @param {string} name
   * @param {Map<string, Manifest>} manifests
   */
  async #start(name, manifests) {
    const manifest = /** @type {Manifest} */ (manifests.get(name));
    const lane = new HeadLane(manifest, {
      onResult: (result) => this.#resultOf(name, result),
      onFailed: (reason) => this.#fail(name, reason),
    });
    this.#lanes.set(name, lane);
    // One after the other: what the runtime compiled for one head is there for the next, and video has a core left.
    const turn = this.#turn;
    this.#turn = turn.then(() => Promise.race([lane.settled, new Promise((resolve) => setTimeout(resolve, TURN_MS))]));
    try {
      const [model, runtime] = await Promise.all([this.#model(name, manifest), compiledRuntime(), turn]);
      if (this.#lanes.get(name) !== lane) return;
      const settings = this.all.get(name)?.settings ?? {};
      lane.send({ kind: 'load', manifest, model, runtime, settings, neededShapes: neededShapes(manifest, manifests) });
    } catch (error) {
      this.#models.delete(name);
      if (this.#lanes.get(name) === lane) this.#fail(name, /** @type {Error} */ (error).message);
    }
  }

  /** A channel from the features worker straight to the head. @param {string} name */
  #connect(name) {
    const lane = this.#lanes.get(name);
    if (!lane || !this.#spec || this.#connected.has(name)) return;
    this.#connected.add(name);
    const { port1, port2 } = new MessageChannel();
    const { inputWidth, inputHeight } = this.#spec;
    lane.send({ kind: 'connect', port: port2, inputWidth, inputHeight }, [port2]);
    lane.send({ kind: 'delay', ms: this.#delayMs });
    this.hooks.onPort(name, port1);
  }

  /** @param {string} name */
  #disconnect(name) {
    if (this.#connected.delete(name)) this.hooks.onPort(name, null);
  }

  /** @param {string} name */
  #end(name) {
    const lane = this.#lanes.get(name);
    if (!lane) return;
    this.#lanes.delete(name);
    this.#disconnect(name);
    lane.end();
  }

  /**
   * @param {string} name
   * @param {Manifest} manifest
   * @returns {Promise<ArrayBuffer>}
   */
  #model(name, manifest) {
    let model = this.#models.get(name);
    if (!model) {
      model = download(`${this.base}/${encodeURIComponent(name)}/${manifest.model.file}`, manifest);
      this.#models.set(name, model);
    }
    return model;
  }

  /**
   * @param {string} name
   * @param {HeadResult} result
   */
  #resultOf(name, result) {
    if (!this.#connected.has(name)) return;
    this.#handOn(name, result);
    const head = this.all.get(name);
    this.hooks.onRun(name, result.ms);
    if (!head || !isOn(head)) return;
    head.since ??= result.number;
    if (head.state === 'loading') {
      head.state = 'on';
      this.hooks.onChange();
    }
    this.hooks.onResult({ ...result, name });
  }

  /** Give a head's outputs to the heads that need them. @param {string} name @param {HeadResult} result */
  #handOn(name, { session, number, tables }) {
    for (const [user, lane] of this.#lanes) {
      const outputs = lane.manifest.needs?.[name];
      if (!outputs || !this.#connected.has(user)) continue;
      const wanted = Object.fromEntries(outputs.map((output) => [output, tables[output]]));
      lane.send({ kind: 'needed', head: name, session, number, tables: wanted });
    }
  }

  /**
   * A head that cannot go on: it is turned off with its reason, and so is every head that needs it.
   *
   * @param {string} name
   * @param {string} reason
   */
  #fail(name, reason) {
    const asked = this.#connected.has(name);
    this.#end(name);
    if (!asked) {
      // Nobody has turned it on: whoever does is told.
      this.#unfit.add(name);
      this.#apply();
      return;
    }
    this.#stop(name, reason);
    for (const head of this.all.values()) {
      if (isOn(head) && Object.hasOwn(head.manifest?.needs ?? {}, name)) this.#fail(head.name, `needs ${name}, which stopped: ${reason}`);
    }
    this.#apply();
    this.hooks.onChange();
  }

  /**
   * @param {string} name
   * @param {string} reason
   */
  #stop(name, reason) {
    const head = this.all.get(name);
    if (!head) return;
    head.state = 'failed';
    head.reason = reason;
    head.since = null;
  }

  #watch() {
    const now = performance.now();
    // A page that was asleep finds old times: it must not blame a head for them.
    const asleep = now - this.#lastWatch > ASLEEP_MS;
    this.#lastWatch = now;
    // On a busy page results may wait behind this timer: they are heard first.
    setTimeout(() => {
      for (const lane of [...this.#lanes.values()]) {
        if (asleep) lane.forgive();
        else lane.watch();
      }
    }, 0);
  }
}

/** Whether the viewer asked for as little traffic as possible. */
function savesData() {
  return Boolean(/** @type {{connection?: {saveData?: boolean}}} */ (navigator).connection?.saveData);
}

/**
 * @param {string} name
 * @param {ReadonlyMap<string, Manifest>} manifests
 * @returns {string[]} none when it cannot run
 */
function orderOrNone(name, manifests) {
  try {
    return headOrder([name], manifests);
  } catch {
    return [];
  }
}

/** @param {Head} head */
function isOn(head) {
  return head.state === 'on' || head.state === 'loading';
}

/**
 * The shapes of what a head takes from others, by the name of the graph's input.
 *
 * @param {Manifest} manifest
 * @param {ReadonlyMap<string, Manifest>} manifests
 * @returns {Record<string, readonly number[]>}
 */
function neededShapes(manifest, manifests) {
  /** @type {Record<string, readonly number[]>} */
  const shapes = {};
  for (const [head, outputs] of Object.entries(manifest.needs ?? {})) {
    for (const { name, shape } of manifests.get(head)?.outputs ?? []) {
      if (outputs.includes(name)) shapes[`${head}__${name}`] = shape;
    }
  }
  return shapes;
}

/**
 * Fetch a head's graph and compare it with what the manifest names.
 *
 * @param {string} url
 * @param {Manifest} manifest
 * @returns {Promise<ArrayBuffer>}
 */
async function download(url, manifest) {
  const response = await fetch(`${url}?v=${manifest.model.sha256.slice(0, 12)}`);
  if (!response.ok) throw new Error(`the graph could not be fetched (${response.status})`);
  const bytes = await response.arrayBuffer();
  if (bytes.byteLength !== manifest.model.size) {
    throw new Error(`expected a graph of ${manifest.model.size} bytes, got ${bytes.byteLength}`);
  }
  // Browsers hide the digest from pages that came over plain HTTP from another machine.
  if (globalThis.crypto?.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    if (found !== manifest.model.sha256) throw new Error('the graph is not the one that the manifest names');
  }
  return bytes;
}
