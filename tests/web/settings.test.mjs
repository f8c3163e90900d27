import assert from 'node:assert/strict';
import test from 'node:test';

import { allowedValue, rememberedSettings, rememberSettings } from '../../viewer/web/settings.js';

/** @typedef {import('../../viewer/web/types.js').Setting} Setting */
/** @type {Setting} */
const threshold = { name: 'threshold', title: 'Threshold', type: 'number', min: 0.1, max: 0.9, default: 0.3 };
/** @type {Setting} */
const trails = { name: 'trails', title: 'Trails', type: 'boolean', default: 1 };
/** @type {Setting} */
const team = {
  name: 'team', title: 'Show', type: 'choice', default: -1,
  choices: [{ value: -1, title: 'Both' }, { value: 0, title: 'A' }, { value: 1, title: 'B' }],
};
/** @type {Setting} */
const follow = { name: 'follow', title: 'Follow', type: 'object', output: 'tracks', default: 0 };
const manifest = /** @type {import('../../viewer/web/types.js').Manifest} */ (
  /** @type {unknown} */ ({ name: 'h', settings: [threshold, trails, team, follow] })
);

function storage() {
  /** @type {Map<string, string>} */
  const kept = new Map();
  return {
    kept,
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => kept.set(key, value),
    removeItem: (/** @type {string} */ key) => kept.delete(key),
  };
}

test('a setting takes only what its type allows', () => {
  assert.equal(allowedValue(threshold, 7), 0.9);
  assert.equal(allowedValue(threshold, NaN), 0.3);
  assert.equal(allowedValue(trails, 0.7), 1);
  assert.equal(allowedValue(team, 1), 1);
  assert.equal(allowedValue(team, 0.5), -1);
  assert.equal(allowedValue(follow, 12.4), 12);
  assert.equal(allowedValue(follow, -3), 0);
  assert.equal(allowedValue(follow, 1e12), 2 ** 24 - 1);
});

test('settings are remembered for each head, but never which thing was followed', () => {
  const kept = storage();
  rememberSettings(manifest, { threshold: 0.5, trails: 1, team: 0, follow: 7 }, kept);
  assert.deepEqual(rememberedSettings(manifest, kept), { threshold: 0.5, trails: 1, team: 0, follow: 0 });
  rememberSettings(manifest, { threshold: 0.3, trails: 1, team: -1, follow: 7 }, kept);
  assert.equal(kept.kept.size, 0, 'nothing is kept of a head that is as it came');
});

test('what was kept by an older head, or by somebody else, is not trusted', () => {
  for (const text of ['{', 'null', '7', '{"threshold": "much", "team": 9, "gone": 1}']) {
    const kept = storage();
    kept.setItem('featurecast.settings.h', text);
    assert.deepEqual(rememberedSettings(manifest, kept), { threshold: 0.3, trails: 1, team: -1, follow: 0 }, text);
  }
});

test('without storage the choice lasts as long as the page', () => {
  const full = { setItem() { throw new Error('full'); }, removeItem() {} };
  rememberSettings(manifest, { threshold: 0.5, trails: 1, team: 0, follow: 0 }, full);
});
