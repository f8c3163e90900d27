import assert from 'node:assert/strict';
import test from 'node:test';

import { headOrder } from '../../viewer/web/head_order.js';

/** @param {Record<string, string[]>} needs @param {string} [output] that every head has */
function manifests(needs, output = 'out') {
  return new Map(Object.entries(needs).map(([name, heads]) => [
    name, /** @type {any} */ ({ name, needs: Object.fromEntries(heads.map((head) => [head, ['out']])), outputs: [{ name: output }] }),
  ]));
}

test('what is needed runs first and once, chosen or not', () => {
  const heads = manifests({ possession: ['tracking', 'ball'], ball: [], tracking: [], passes: ['possession', 'ball'] });
  assert.deepEqual(headOrder(['passes', 'tracking'], heads), ['tracking', 'ball', 'possession', 'passes']);
  assert.deepEqual(headOrder([], heads), []);
});

test('a head that is not there is named', () => {
  assert.throws(() => headOrder(['a'], manifests({ a: ['gone'] })), /needs the head gone/);
  assert.throws(() => headOrder(['b'], manifests({ a: [] })), /b is not available/);
});

test('an output that the needed head does not have is named', () => {
  assert.throws(() => headOrder(['a'], manifests({ a: ['b'], b: [] }, 'other')), /needs out of b, which has no such output/);
});

test('heads that need each other are refused', () => {
  assert.throws(() => headOrder(['a'], manifests({ a: ['b'], b: ['c'], c: ['a'] })), /need each other/);
});
