import assert from 'node:assert/strict';
import test from 'node:test';

import { HeadRunner } from '../../viewer/web/head_runner.js';

/** @import {Manifest} from '../../viewer/web/types.js' */

/** @type {Manifest} */
const manifest = {
  format: 1, name: 'counter', title: 'c', description: 'd', version: '1.0.0',
  spec: { name: 's', fingerprint: '0'.repeat(64), shape: [1, 2, 2] },
  model: { file: 'head.onnx', sha256: '0'.repeat(64), size: 1 },
  inputs: { features: true, view: true, dt: true },
  state: [{ name: 'seen', output: 'seen_next', shape: [2], init: 5 }],
  settings: [{ name: 'threshold', title: 't', type: 'number', min: 0.1, max: 0.9, default: 0.3 }],
  needs: { other: ['rows'] },
  outputs: [{ name: 'out', shape: [1, 1], columns: ['value'] }],
};

/** @param {number} [value] that the graph gives */
function runner(value = 1) {
  /** @type {Record<string, {data: Float32Array, dims: number[]}>[]} */
  const fed = [];
  class Tensor {
    /** @param {string} type @param {Float32Array} data @param {number[]} dims */
    constructor(type, data, dims) {
      Object.assign(this, { type, data, dims });
    }
  }
  const session = {
    inputMetadata: [{ name: 'other__rows', isTensor: true, shape: [2, 2] }],
    /** @param {Record<string, any>} feeds */
    async run(feeds) {
      fed.push(feeds);
      return {
        out: new Tensor('float32', Float32Array.of(value), [1, 1]),
        seen_next: new Tensor('float32', feeds.seen.data.map((/** @type {number} */ n) => n + 1), [2]),
      };
    },
  };
  return { runner: new HeadRunner(/** @type {any} */ ({ Tensor }), /** @type {any} */ (session), manifest), fed };
}

const features = new Float32Array(4);
const view = Float32Array.of(0, 0, 1, 1, 1280, 720);
const needed = { other: { rows: new Float32Array(4) } };

test('state goes round, dt is the time since the frame before, settings and needs are inputs', async () => {
  const { runner: head, fed } = runner();
  await head.run(features, view, 9000, needed);
  head.set('threshold', 7);
  const tables = await head.run(features, view, 9000 + 2 * 3600, needed);
  assert.deepEqual(Object.keys(tables), ['out']);
  assert.deepEqual(fed.map(({ seen }) => [...seen.data]), [[5, 5], [6, 6]]);
  assert.deepEqual(fed.map(({ dt }) => dt.data[0]), [0, Math.fround(0.08)]);
  assert.deepEqual(fed.map(({ threshold }) => threshold.data[0]), [Math.fround(0.3), Math.fround(0.9)]);
  assert.deepEqual(fed[0].other__rows.dims, [2, 2]);
  assert.deepEqual(fed[0].features.dims, [1, 1, 2, 2]);
  assert.deepEqual(fed[0].view.dims, [6]);
});

test('a reset begins anew', async () => {
  const { runner: head, fed } = runner();
  await head.run(features, view, 0, needed);
  head.reset();
  await head.run(features, view, 90000, needed);
  assert.deepEqual([...fed[1].seen.data], [5, 5]);
  assert.equal(fed[1].dt.data[0], 0);
});

test('a head whose needed head did not run says so', async () => {
  await assert.rejects(runner().runner.run(features, view, 0, {}), /needs rows of other/);
});

test('an unknown setting is refused', () => {
  assert.throws(() => runner().runner.set('nothing', 1), /expected the name of a setting/);
});

test('a warm-up leaves nothing behind', async () => {
  const { runner: head, fed } = runner();
  await head.warmUp();
  await head.run(features, view, 90000, needed);
  assert.deepEqual(fed[0].other__rows.dims, [2, 2]);
  assert.deepEqual([...fed[1].seen.data], [5, 5]);
  assert.equal(fed[1].dt.data[0], 0);
});

test('a graph that takes what it needs in another shape is refused', () => {
  const { runner: head } = runner();
  head.checkNeeded({ other__rows: [2, 2] });
  assert.throws(() => head.checkNeeded({ other__rows: [2, 3] }), /takes other__rows as \[2,2\], but that head gives \[2,3\]/);
});

test('a value that is no number ends the head', async () => {
  for (const value of [NaN, Infinity]) await assert.rejects(runner(value).runner.run(features, view, 0, needed), /out that is not a finite number/);
});
