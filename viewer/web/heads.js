/** The heads on this page: their catalogue, the worker that runs them, and what becomes of one that fails. */

import { headOrder } from './head_order.js';

/** @import {CatalogueEntry, Manifest, Tables} from './types.js' */
/** @import {HeadsReport, HeadsRequest} from './heads_worker.js' */

/** A head that holds the worker longer than this on one frame is stopped. */
const HANG_MS = 2000;
/** Compiling the runtime and loading a graph may take this long on a busy phone. */
const LOAD_MS = 30000;
const WATCH_MS = 500;

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
 * @property {(port: MessagePort) => void} onPort where features are to be delivered from now on
 * @property {(on: boolean) => void} onDeliver whether any head wants features
 * @property {(result: {name: string, session: number, rtpTimestamp: number, number: number, tables: Tables}) => void} onResult
 * @property {(ms: number) => void} onFrameDone all heads of one frame took so long
 * @property {(reason: string) => void} onUnusable no head can run in this browser
 */

/** Runs the heads that the viewer chose. */
export class Heads {
  /** @type {Map<string, Head>} */
  all = new Map();
  /** @type {Map<string, Promise<ArrayBuffer>>} */
  #models = new Map();
  /** Graphs in the worker now. @type {Set<string>} */
  #loaded = new Set();
  /** @type {Map<string, number>} */
  #loading = new Map();
  /** @type {{name: string, since: number} | null} */
  #running = null;
  #lastWatch = 0;
  /** @type {Worker} */
  #worker;
  /** @type {{fingerprint: string, inputWidth: number, inputHeight: number} | null} */
  #spec = null;
  /** @type {() => void} */
  #letBegin = () => {};
  /** Loading the runtime takes both a processor and the line: it waits until the video plays. */
  #begun = new Promise((resolve) => {
    this.#letBegin = () => resolve(null);
  });
  /** Why no head can run at all. */
  #disabled = '';

  /**
   * @param {string} base URL of the catalogue, such as /heads
   * @param {HeadsHooks} hooks
   */
  constructor(base, hooks) {
    this.base = base;
    this.hooks = hooks;
    this.#worker = this.#startWorker();
    setInterval(() => this.#watch(), WATCH_MS);
  }

  /** The video plays: get the runtime ready, for the heads that are on and those to come. */
  begin() {
    this.#letBegin();
    this.#send({ kind: 'prepare' });
  }

  /** @param {CatalogueEntry[]} entries */
  setCatalogue(entries) {
    const before = this.all;
    this.all = new Map();
    for (const entry of entries) {
      const manifest = entry.ok && entry.manifest ? entry.manifest : null;
      const old = before.get(entry.name);
      if (old?.manifest && manifest && old.manifest.model.sha256 === manifest.model.sha256) {
        this.all.set(entry.name, old);
        continue;
      }
      if (old) this.turn(entry.name, false, before);
      this.#models.delete(entry.name);
      /** @type {Record<string, number>} */
      const settings = {};
      for (const setting of manifest?.settings ?? []) settings[setting.name] = setting.default;
      this.all.set(entry.name, {
        name: entry.name,
        title: manifest?.title ?? entry.title ?? entry.name,
        description: manifest?.description ?? entry.description ?? '',
        manifest, state: 'off', usable: manifest !== null, reason: manifest ? '' : (entry.reason ?? 'broken'), settings, since: null,
      });
    }
    this.#check();
    this.hooks.onChange();
  }

  /** No head can run on this page from here on. @param {string} reason */
  disable(reason) {
    this.#disabled = reason;
    this.#check();
    this.hooks.onChange();
  }

  /** @param {{fingerprint: string, inputWidth: number, inputHeight: number}} spec of the stream */
  setSpec(spec) {
    if (this.#spec?.fingerprint === spec.fingerprint) return;
    this.#spec = spec;
    this.#check();
    this.#connect();
    this.hooks.onChange();
  }

  /** Refuse what cannot run before its graph is downloaded, such as heads of other features. */
  #check() {
    for (const head of this.all.values()) {
      if (!head.manifest) continue;
      const refusal = this.#disabled || this.#specRefusal(head.manifest);
      if (refusal) this.turn(head.name, false);
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
    return [...this.all.values()].filter((head) => head.state === 'on' || head.state === 'loading').map((head) => head.name);
  }

  /**
   * @param {string} name
   * @param {boolean} on
   * @param {Map<string, Head>} [heads]
   */
  turn(name, on, heads = this.all) {
    const head = heads.get(name);
    if (!head || (on && !head.usable)) return;
    if (on === (head.state === 'on' || head.state === 'loading')) return;
    head.state = on ? 'loading' : 'off';
    head.since = null;
    if (on) head.reason = '';
    this.#apply();
    this.hooks.onChange();
  }

  /**
   * @param {string} head
   * @param {string} name
   * @param {number} value
   */
  set(head, name, value) {
    const found = this.all.get(head);
    if (!found) return;
    found.settings[name] = value;
    this.#send({ kind: 'set', head, name, value });
  }

  /** A new session: results begin anew. */
  newSession() {
    for (const head of this.all.values()) head.since = null;
  }

  /** Heads that should have a result for a frame. @param {number} number @returns {Head[]} */
  due(number) {
    return [...this.all.values()].filter((head) => head.state === 'on' && head.since !== null && head.since <= number);
  }

  /** Bring the worker to what is chosen. */
  #apply() {
    /** @type {Map<string, Manifest>} */
    const manifests = new Map();
    for (const { name, manifest, usable, state } of this.all.values()) {
      if (manifest && usable && state !== 'failed') manifests.set(name, manifest);
    }
    /** @type {Set<string>} */
    const wanted = new Set();
    for (const name of this.chosen()) {
      try {
        for (const needed of headOrder([name], manifests)) wanted.add(needed);
      } catch (error) {
        this.#stop(name, /** @type {Error} */ (error).message);
      }
    }
    for (const name of this.#loaded) {
      if (wanted.has(name)) continue;
      this.#send({ kind: 'unload', name });
      this.#loaded.delete(name);
    }
    const order = headOrder(wanted, manifests);
    this.#send({ kind: 'order', order });
    for (const name of order) this.#load(name, /** @type {Manifest} */ (manifests.get(name)));
    this.hooks.onDeliver(order.length > 0);
  }

  /**
   * @param {string} name
   * @param {Manifest} manifest
   */
  async #load(name, manifest) {
    if (this.#loaded.has(name)) return;
    this.#loaded.add(name);
    const worker = this.#worker;
    try {
      await this.#begun;
      const model = await this.#model(name, manifest);
      if (worker !== this.#worker || !this.#loaded.has(name)) return;
      this.#loading.set(name, performance.now());
      const settings = this.all.get(name)?.settings ?? {};
      this.#send({ kind: 'load', name, manifest, model, settings });
    } catch (error) {
      this.#models.delete(name);
      this.#fail(name, /** @type {Error} */ (error).message);
    }
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

  /** @param {HeadsRequest} request @param {Transferable[]} [transfer] */
  #send(request, transfer = []) {
    this.#worker.postMessage(request, transfer);
  }

  #startWorker() {
    const worker = new Worker(new URL('./heads_worker.js', import.meta.url), { type: 'module', name: 'heads' });
    worker.onmessage = ({ data }) => {
      if (worker === this.#worker) this.#take(/** @type {HeadsReport} */ (data));
    };
    worker.onerror = (event) => this.hooks.onUnusable(event.message || 'the heads worker did not start');
    return worker;
  }

  /** A fresh channel from the features worker to the heads worker. */
  #connect() {
    if (!this.#spec) return;
    const { port1, port2 } = new MessageChannel();
    const { inputWidth, inputHeight } = this.#spec;
    this.#send({ kind: 'connect', port: port2, inputWidth, inputHeight }, [port2]);
    this.hooks.onPort(port1);
  }

  /** @param {HeadsReport} report */
  #take(report) {
    switch (report.kind) {
      case 'unusable':
        this.hooks.onUnusable(report.reason);
        break;
      case 'loaded':
        this.#loading.delete(report.name);
        break;
      case 'running':
        this.#running = { name: report.name, since: performance.now() };
        break;
      case 'failed':
        this.#loading.delete(report.name);
        this.#running = null;
        this.#fail(report.name, report.reason);
        break;
      case 'result': {
        this.#running = null;
        const head = this.all.get(report.name);
        if (!head || (head.state !== 'on' && head.state !== 'loading')) break;
        head.since ??= report.number;
        if (head.state === 'loading') {
          head.state = 'on';
          this.hooks.onChange();
        }
        this.hooks.onResult(report);
        break;
      }
      case 'idle':
        this.hooks.onFrameDone(report.ms);
        break;
    }
  }

  /**
   * A head that cannot go on: it is turned off with its reason, and so is every head that needs it.
   *
   * @param {string} name
   * @param {string} reason
   */
  #fail(name, reason) {
    this.#loaded.delete(name);
    this.#stop(name, reason);
    for (const head of this.all.values()) {
      const running = head.state === 'on' || head.state === 'loading';
      if (running && Object.hasOwn(head.manifest?.needs ?? {}, name)) this.#stop(head.name, `needs ${name}, which stopped: ${reason}`);
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

  /** End a head that holds the worker: the worker goes with it, the other heads start again in a new one. */
  #watch() {
    const now = performance.now();
    // A page that was asleep finds old times: it must not blame a head for them.
    const asleep = now - this.#lastWatch > 3 * WATCH_MS;
    this.#lastWatch = now;
    if (asleep) {
      if (this.#running) this.#running.since = now;
      for (const name of this.#loading.keys()) this.#loading.set(name, now);
      return;
    }
    let culprit = null;
    if (this.#running && now - this.#running.since > HANG_MS) {
      culprit = { name: this.#running.name, reason: `took longer than ${HANG_MS / 1000} s on one frame` };
    }
    for (const [name, since] of this.#loading) {
      if (now - since > LOAD_MS) culprit ??= { name, reason: `did not load within ${LOAD_MS / 1000} s` };
    }
    if (!culprit) return;
    this.#worker.terminate();
    this.#running = null;
    this.#loading.clear();
    this.#loaded.clear();
    for (const head of this.all.values()) head.since = null;
    this.#worker = this.#startWorker();
    this.#connect();
    this.#fail(culprit.name, culprit.reason);
  }
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
