/** What a viewer may set on a head: the values that a manifest allows, and those that this browser remembers. */

/** @import {Manifest, Setting} from './types.js' */

/** Ids travel as float32, which holds whole numbers exactly up to here. */
const LARGEST_ID = 2 ** 24 - 1;
const PREFIX = 'featurecast.settings.';

/**
 * The value that a setting takes when `value` is asked for: the nearest in its range; the default where none is near.
 *
 * @param {Setting} setting
 * @param {number} value
 * @returns {number}
 */
export function allowedValue(setting, value) {
  if (!Number.isFinite(value)) return setting.default;
  switch (setting.type) {
    case 'number':
      return Math.min(Math.max(value, setting.min ?? 0), setting.max ?? 1);
    case 'boolean':
      return Number(value >= 0.5);
    case 'choice':
      return setting.choices.some((choice) => choice.value === value) ? value : setting.default;
    case 'object':
      return Math.min(Math.max(Math.round(value), 0), LARGEST_ID);
  }
}

/** @typedef {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} Store */

/** This browser's storage; one that forgets where a browser forbids to keep anything. @returns {Store} */
export function browserStore() {
  try {
    return globalThis.localStorage;
  } catch {
    return { getItem: () => null, setItem() {}, removeItem() {} };
  }
}

/**
 * A head's settings when the page opens: what was chosen in this browser before, else the defaults. Objects begin as
 * none: their ids are those of one session.
 *
 * @param {Manifest} manifest
 * @param {Pick<Storage, 'getItem'>} storage
 * @returns {Record<string, number>}
 */
export function rememberedSettings(manifest, storage) {
  const kept = read(manifest.name, storage);
  return Object.fromEntries((manifest.settings ?? []).map((setting) => {
    const value = setting.type === 'object' ? undefined : kept[setting.name];
    return [setting.name, typeof value === 'number' ? allowedValue(setting, value) : setting.default];
  }));
}

/**
 * @param {Manifest} manifest
 * @param {Record<string, number>} values
 * @param {Pick<Storage, 'setItem' | 'removeItem'>} storage
 */
export function rememberSettings(manifest, values, storage) {
  const changed = (manifest.settings ?? []).filter(({ type, name, default: usual }) => type !== 'object' && values[name] !== usual);
  try {
    if (changed.length) storage.setItem(PREFIX + manifest.name, JSON.stringify(Object.fromEntries(changed.map(({ name }) => [name, values[name]]))));
    else storage.removeItem(PREFIX + manifest.name);
  } catch {
    // Full, or forbidden in a private window: the choice lasts as long as the page.
  }
}

/**
 * @param {string} head
 * @param {Pick<Storage, 'getItem'>} storage
 * @returns {Record<string, unknown>}
 */
function read(head, storage) {
  try {
    const kept = JSON.parse(storage.getItem(PREFIX + head) ?? '{}');
    return kept !== null && typeof kept === 'object' ? kept : {};
  } catch {
    return {};
  }
}
