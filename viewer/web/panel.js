/** The panel beside the video: head picker with settings, statistics, diagnostics. Built from the manifests alone. */

import { element } from './element.js';
import { settingControls } from './setting_controls.js';

/** @import {Head} from './heads.js' */
/** @import {Manifest, Statistic} from './types.js' */

/** Figures that change 30 times a second cannot be read. */
const REFRESH_MS = 250;
/** A head whose results are there for less of the frames is said not to keep up. */
const KEEPS_UP = 0.8;

/** What the diagnostics call their figures; the names are stable, scripts read them. */
const FIGURES = /** @type {const} */ ({
  frames_shown: 'Frames shown',
  frames_with_features: 'Frames with features',
  pairs_wrong: 'Wrong pairs',
  overlays_late: 'Late overlays',
  frames_dropped: 'Frames dropped',
  features_refused: 'Features refused',
  feature_bytes_mean: 'Features per frame (bytes)',
  head_ms: 'Heads per frame (ms)',
  delay_ms: 'Arrival to screen (ms)',
  join_ms: 'Join (ms)',
  first_overlay_ms: 'First overlay (ms)',
});

/** Shows the heads and reports what the viewer chooses. */
export class HeadPicker {
  #shape = '';
  /** @type {Map<string, import('./setting_controls.js').SettingControls>} */
  #settings = new Map();

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} empty what to say without heads
   * @param {{turn(name: string, on: boolean): void} & import('./setting_controls.js').SettingActions} actions
   */
  constructor(list, empty, actions) {
    this.list = list;
    this.empty = empty;
    this.actions = actions;
  }

  /** @param {Head[]} heads */
  show(heads) {
    // Rebuilding takes the focus away, so it is done only when there are other heads than before.
    const shape = heads.map((head) => `${head.name} ${JSON.stringify(head.manifest)}`).join('\n');
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#settings.clear();
      this.list.replaceChildren(...heads.map((head, index) => this.#item(head, index)));
    }
    this.empty.hidden = heads.length > 0;
    this.empty.textContent = 'This server offers no heads.';
    for (const head of heads) this.#update(head);
  }

  /**
   * @param {Head} head
   * @param {number} index
   */
  #item(head, index) {
    const title = element('span', { class: 'title' }, head.title);
    if (index < 9) title.append(element('kbd', { 'aria-hidden': 'true' }, String(index + 1)));
    title.append(element('span', { class: 'progress', role: 'status' }));
    const control = element('input', {
      'type': 'checkbox', 'role': 'switch', 'class': 'switch', 'data-head': head.name, 'aria-describedby': `reason-${head.name}`,
    });
    control.addEventListener('change', () => {
      this.actions.turn(head.name, /** @type {HTMLInputElement} */ (control).checked);
    });
    const choice = element('label', { class: 'choice' }, title, control, element('span', { class: 'about' }, head.description));
    const reason = element('p', { class: 'reason', id: `reason-${head.name}`, role: 'status' });
    const pace = element('p', { class: 'pace', role: 'status', hidden: '' });
    const item = element('li', { 'class': 'head', 'data-name': head.name }, choice, reason, pace);
    const controls = settingControls(head, this.actions);
    if (controls) {
      this.#settings.set(head.name, controls);
      item.append(controls.box);
    }
    return item;
  }

  /** Note how long heads take, for scripts and for those who point at one. @param {ReadonlyMap<string, number>} times ms by head */
  time(times) {
    for (const item of /** @type {Iterable<HTMLElement>} */ (this.list.children)) {
      const ms = times.get(item.dataset.name ?? '');
      const text = ms === undefined ? '' : ms.toFixed(1);
      if ((item.dataset.ms ?? '') === text) continue;
      item.dataset.ms = text;
      item.title = text && `${text} ms per frame`;
    }
  }

  /** Say which heads are too much for this device. @param {ReadonlyMap<string, number>} shares of the frames with a result in time, by head */
  pace(shares) {
    for (const item of /** @type {Iterable<HTMLElement>} */ (this.list.children)) {
      const share = shares.get(item.dataset.name ?? '') ?? 1;
      // In steps, or it would be read out all the time.
      const text = share < KEEPS_UP ? `Too slow on this device: on about ${Math.round(share * 10) * 10} % of the frames.` : '';
      const pace = /** @type {HTMLElement} */ (item.querySelector('.pace'));
      if (pace.textContent === text) continue;
      pace.textContent = text;
      pace.hidden = !text;
    }
  }

  /** @param {Head} head */
  #update(head) {
    const item = /** @type {HTMLElement} */ (this.list.querySelector(`[data-name="${head.name}"]`));
    item.dataset.state = head.state;
    item.dataset.usable = String(head.usable);
    const control = /** @type {HTMLInputElement} */ (item.querySelector('.switch'));
    control.checked = head.state === 'on' || head.state === 'loading';
    control.disabled = !head.usable;
    const progress = /** @type {HTMLElement} */ (item.querySelector('.progress'));
    const doing = head.state === 'loading' ? 'loading…' : '';
    if (progress.textContent !== doing) progress.textContent = doing;
    const reason = /** @type {HTMLElement} */ (item.querySelector('.reason'));
    const text = head.state === 'failed' ? `Stopped: ${head.reason}` : head.reason;
    if (reason.textContent !== text) reason.textContent = text;
    reason.hidden = !text;
    const settings = this.#settings.get(head.name);
    if (settings) settings.box.hidden = !control.checked;
    settings?.show(head.settings);
  }
}

/** The statistics of the heads that are on. */
export class StatisticsPanel {
  #shape = '';
  /** @type {Map<string, Record<string, number>>} */
  #values = new Map();
  /** @type {{cell: HTMLElement, head: string, statistic: Statistic, text: string}[]} */
  #cells = [];
  #timer = 0;

  /** @param {HTMLElement} section hidden while there is nothing to show */
  constructor(section) {
    this.section = section;
  }

  /** @param {Manifest[]} manifests of the heads that are on */
  show(manifests) {
    const shape = manifests.map(({ name, model }) => `${name} ${model.sha256}`).join('\n');
    if (shape === this.#shape) return;
    this.#shape = shape;
    this.#values = new Map([...this.#values].filter(([name]) => manifests.some((manifest) => manifest.name === name)));
    this.#cells = [];
    const tables = manifests.flatMap((manifest) => tablesOf(manifest).map((table) => this.#table(manifest, table)));
    this.section.replaceChildren(...tables);
    this.section.hidden = !tables.length;
    this.#refresh();
  }

  /**
   * @param {Manifest} manifest
   * @param {{title: string, statistics: string[]}} table
   */
  #table(manifest, table) {
    const list = element('dl');
    for (const name of table.statistics) {
      const statistic = manifest.statistics?.find((item) => item.name === name);
      if (!statistic) continue;
      const value = element('dd', { 'data-statistic': `${manifest.name}.${name}` }, '–');
      this.#cells.push({ cell: value, head: manifest.name, statistic, text: '–' });
      list.append(element('div', { class: 'pair', title: statistic.definition }, element('dt', {}, statistic.title), value));
    }
    return element('div', { class: 'table' }, element('h3', {}, table.title), list);
  }

  /**
   * @param {string} head
   * @param {Record<string, number>} stats
   */
  update(head, stats) {
    this.#values.set(head, stats);
    if (!this.#timer) this.#timer = window.setTimeout(() => this.#refresh(), REFRESH_MS);
  }

  /** Only what reads differently is touched: every change lays the page out again. */
  #refresh() {
    this.#timer = 0;
    for (const entry of this.#cells) {
      const value = this.#values.get(entry.head)?.[entry.statistic.name];
      const text = value === undefined ? '–' : value.toFixed(entry.statistic.decimals ?? 0);
      if (text === entry.text) continue;
      entry.text = text;
      const unit = value !== undefined && entry.statistic.unit;
      entry.cell.replaceChildren(text, ...(unit ? [element('span', { class: 'unit' }, unit)] : []));
    }
  }
}

/**
 * The tables of a manifest; a head that declares none shows all its statistics in one.
 *
 * @param {Manifest} manifest
 * @returns {{title: string, statistics: string[]}[]}
 */
export function tablesOf(manifest) {
  const tables = (manifest.draw ?? []).filter((draw) => draw.kind === 'table');
  if (tables.length) return tables;
  const statistics = (manifest.statistics ?? []).map((statistic) => statistic.name);
  return statistics.length ? [{ title: manifest.title, statistics }] : [];
}

/** The figures of the diagnostics. */
export class DiagnosticsPanel {
  /** @type {Map<string, HTMLElement>} */
  #cells = new Map();

  /**
   * @param {HTMLElement} list
   * @param {() => Record<string, string>} read
   */
  constructor(list, read) {
    for (const [name, title] of Object.entries(FIGURES)) {
      const cell = element('dd', { 'data-stat': name }, '0');
      this.#cells.set(name, cell);
      list.append(element('div', { class: 'pair' }, element('dt', {}, title), cell));
    }
    setInterval(() => {
      // Also while closed: scripts read these figures.
      for (const [name, value] of Object.entries(read())) {
        const cell = this.#cells.get(name);
        if (cell && cell.textContent !== value) cell.textContent = value;
      }
    }, REFRESH_MS);
  }
}
