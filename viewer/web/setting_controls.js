/** The controls of a head's settings, built from its manifest alone. */

import { element } from './element.js';

/** @import {Head} from './heads.js' */
/** @import {BooleanSetting, ChoiceSetting, NumberSetting, ObjectSetting, Setting} from './types.js' */

/**
 * @typedef {object} SettingActions
 * @property {(head: string, setting: string, value: number) => void} set
 * @property {(head: string) => {id: number, label: string}[]} pickable what of a head is in the picture now
 *
 * @typedef {{box: HTMLElement, show(values: Record<string, number>): void}} SettingControls
 * @typedef {{node: HTMLElement, show(value: number): void}} Control
 */

/**
 * @param {Head} head
 * @param {SettingActions} actions
 * @returns {SettingControls | null} null when there is nothing to set
 */
export function settingControls({ name, title, manifest }, actions) {
  if (!manifest?.settings?.length) return null;
  const controls = manifest.settings.map((setting) => ({ setting, control: controlOf(name, setting, actions) }));
  const box = element('div', { 'class': 'settings', 'role': 'group', 'aria-label': `Settings of ${title}` });
  box.append(...controls.map(({ control }) => control.node));
  return {
    box,
    show(values) {
      for (const { setting, control } of controls) control.show(values[setting.name] ?? setting.default);
    },
  };
}

/**
 * @param {string} head
 * @param {Setting} setting
 * @param {SettingActions} actions
 * @returns {Control}
 */
function controlOf(head, setting, actions) {
  const key = `${head}.${setting.name}`;
  /** @param {number} value */
  const set = (value) => actions.set(head, setting.name, value);
  switch (setting.type) {
    case 'number':
      return slider(key, setting, set);
    case 'boolean':
      return tick(key, setting, set);
    case 'choice':
      return choice(key, setting, set);
    case 'object':
      return picker(key, setting, set, () => actions.pickable(head));
  }
}

/**
 * @param {string} key
 * @param {NumberSetting} setting
 * @param {(value: number) => void} set
 * @returns {Control}
 */
function slider(key, { title, min = 0, max = 1, step, unit = '' }, set) {
  const least = step ?? (max - min) / 100;
  // Steps that nobody chose need not be read exactly.
  const digits = Math.min(Math.max(Math.ceil(-Math.log10(step ?? (max - min) / 50)), 0), 4);
  const input = element('input', {
    'type': 'range', 'data-setting': key, 'min': String(min), 'max': String(max), 'step': String(least),
  });
  const output = element('output');
  input.addEventListener('input', () => set(input.valueAsNumber));
  return {
    node: element('label', {}, element('span', {}, title), output, input),
    show(value) {
      if (input.valueAsNumber !== value) input.value = String(value);
      output.textContent = unit ? `${value.toFixed(digits)} ${unit}` : value.toFixed(digits);
    },
  };
}

/**
 * @param {string} key
 * @param {BooleanSetting} setting
 * @param {(value: number) => void} set
 * @returns {Control}
 */
function tick(key, { title }, set) {
  const input = element('input', { 'type': 'checkbox', 'data-setting': key });
  input.addEventListener('change', () => set(Number(input.checked)));
  return {
    node: element('label', {}, element('span', {}, title), input),
    show(value) {
      input.checked = value >= 0.5;
    },
  };
}

/**
 * One of several: all to be seen at once, arrow keys go from one to the next.
 *
 * @param {string} key
 * @param {ChoiceSetting} setting
 * @param {(value: number) => void} set
 * @returns {Control}
 */
function choice(key, { title, choices }, set) {
  const options = choices.map((option) => {
    const input = element('input', { type: 'radio', name: key, value: String(option.value) });
    input.addEventListener('change', () => set(option.value));
    return { input, value: option.value, node: element('label', {}, input, element('span', {}, option.title)) };
  });
  const row = element('div', { class: 'options' }, ...options.map(({ node }) => node));
  return {
    node: element('fieldset', { 'data-setting': key }, element('legend', {}, title), row),
    show(value) {
      for (const option of options) option.input.checked = option.value === value;
    },
  };
}

/**
 * One of the things in the picture, for those who cannot tap it. The list is made anew when it is opened.
 *
 * @param {string} key
 * @param {ObjectSetting} setting
 * @param {(value: number) => void} set
 * @param {() => {id: number, label: string}[]} pickable
 * @returns {Control}
 */
function picker(key, { title }, set, pickable) {
  const select = element('select', { 'data-setting': key });
  let chosen = 0;
  const fill = () => {
    const there = pickable();
    if (chosen && !there.some(({ id }) => id === chosen)) there.unshift({ id: chosen, label: '(not in view)' });
    select.replaceChildren(
      element('option', { value: '0' }, 'Nobody'),
      ...there.map(({ id, label }) => element('option', { value: String(id) }, `${id} ${label}`)),
    );
    select.value = String(chosen);
  };
  for (const kind of ['pointerdown', 'focus']) select.addEventListener(kind, fill);
  select.addEventListener('change', () => set(Number(select.value)));
  fill();
  return {
    node: element('label', { class: 'pick' }, element('span', {}, title), select, element('small', {}, 'or tap in the picture')),
    show(value) {
      if (value === chosen) return;
      chosen = value;
      fill();
    },
  };
}
