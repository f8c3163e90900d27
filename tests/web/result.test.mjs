import assert from 'node:assert/strict';
import test from 'node:test';

import { filledTemplate, printed, resultOf } from '../../viewer/web/result.js';
import { tablesOf } from '../../viewer/web/panel.js';

/** @import {Manifest, Tables} from '../../viewer/web/types.js' */

/** @type {Manifest} */
const manifest = {
  format: 1, name: 'demo', title: 'Demo', description: 'd', version: '1.0.0',
  spec: { name: 's', fingerprint: '0'.repeat(64), shape: [1, 1, 1] },
  model: { file: 'head.onnx', sha256: '0'.repeat(64), size: 1 },
  inputs: { features: true },
  labels: ['player', 'referee'],
  outputs: [
    { name: 'tracks', shape: [3, 9], columns: ['x0', 'y0', 'x1', 'y1', 'score', 'label', 'id', 'team', 'valid'] },
    { name: 'all', shape: [1, 6], columns: ['x0', 'y0', 'x1', 'y1', 'score', 'valid'] },
    { name: 'ball', shape: [2, 4], columns: ['x', 'y', 'score', 'valid'] },
    { name: 'stats', shape: [1, 3], columns: ['count', 'speed', 'seen'] },
  ],
  statistics: [
    { name: 'people', title: 'People', unit: '', definition: 'x', output: 'stats', column: 'count' },
    { name: 'ball_speed', title: 'Speed', unit: 'px/s', definition: 'x', output: 'stats', column: 'speed', valid: 'seen', decimals: 1 },
  ],
  draw: [
    { kind: 'boxes', output: 'tracks', colour_by: 'team' },
    { kind: 'boxes', output: 'all', when: 'all' },
    { kind: 'points', output: 'ball' },
    { kind: 'trail', output: 'ball', colour: '#ffffff' },
    { kind: 'text', corner: 'top_left', template: '{people} people, {ball_speed}' },
  ],
};

/** @type {Tables} */
const tables = {
  tracks: Float32Array.of(
    0, 0, 0.5, 1, 0.75, 1.4, 7, 1, 1,
    9, 9, 9, 9, 9, 9, 9, 9, 0.25,
    0.25, 0.25, 0.5, 0.5, 0.5, 0, 0, -1, 0.5,
  ),
  all: Float32Array.of(0, 0, 1, 1, 1, 1),
  ball: Float32Array.of(0.5, 0.25, 0.5, 1, 0.75, 0.5, 0.25, 1),
  stats: Float32Array.of(21, 12.5, 1),
};
const source = { sourceWidth: 1280, sourceHeight: 720 };

test('valid rows become boxes in source pixels; absent id and team are left out', () => {
  const { boxes } = resultOf(manifest, tables, source);
  assert.deepEqual(boxes, [
    { xyxy: [0, 0, 640, 720], score: 0.75, label: 'referee', id: 7, team: 1 },
    { xyxy: [320, 180, 640, 360], score: 0.5, label: 'player' },
  ]);
});

test('points, trail and statistics', () => {
  const result = resultOf(manifest, tables, source);
  assert.deepEqual(result.points, [{ xy: [640, 180], score: 0.5, label: 'player' }, { xy: [960, 360], score: 0.25, label: 'player' }]);
  assert.deepEqual(result.trails, [{ label: 'player', xy: [[640, 180], [960, 360]] }]);
  assert.deepEqual(result.stats, { people: 21, ball_speed: 12.5 });
  assert.deepEqual(result.layers.map(({ draw }) => draw.kind), ['boxes', 'points', 'trail', 'text']);
});

test('a statistic without a value is left out, and the text that names it is not drawn', () => {
  const unseen = { ...tables, stats: Float32Array.of(21, 99, 0) };
  const result = resultOf(manifest, unseen, source);
  assert.deepEqual(result.stats, { people: 21 });
  assert.ok(!result.layers.some(({ draw }) => draw.kind === 'text'));
});

test('statistics are printed with their digits and unit', () => {
  const [people, speed] = manifest.statistics ?? [];
  assert.equal(printed(people, 21), '21');
  assert.equal(printed(speed, 12.54), '12.5 px/s');
  assert.equal(filledTemplate(manifest, '{people} of {ball_speed}', { people: 3, ball_speed: 1 }), '3 of 1.0 px/s');
  assert.equal(filledTemplate(manifest, '{unknown}', { people: 3 }), null);
});

test('a head without tables shows all its statistics, one with tables those', () => {
  assert.deepEqual(tablesOf(manifest), [{ title: 'Demo', statistics: ['people', 'ball_speed'] }]);
  const table = /** @type {const} */ ({ kind: 'table', title: 'T', statistics: ['people'] });
  assert.deepEqual(tablesOf({ ...manifest, draw: [{ ...table, statistics: ['people'] }] }).map(({ title }) => title), ['T']);
});

test('an output that the graph did not give is an error that names it', () => {
  assert.throws(() => resultOf(manifest, { ...tables, ball: /** @type {any} */ (undefined) }, source), /expected an output ball/);
});

test('what was not seen is a guess: the point says so, the trail for each of its points', () => {
  const guessing = {
    ...manifest,
    outputs: [{ name: 'ball', shape: /** @type {[number, number]} */ ([2, 5]), columns: ['x', 'y', 'score', 'valid', 'guess'] }],
    statistics: [],
    draw: manifest.draw?.filter(({ kind }) => kind === 'points' || kind === 'trail'),
  };
  const rows = Float32Array.of(0.5, 0.25, 0.5, 1, 0, 0.75, 0.5, 0.25, 1, 1);
  const result = resultOf(guessing, { ball: rows }, { sourceWidth: 100, sourceHeight: 100 });
  assert.deepEqual(result.points.map(({ guess }) => guess), [undefined, true]);
  assert.deepEqual(result.trails[0].guess, [0, 1]);
  const seen = resultOf(guessing, { ball: rows.map((value, at) => (at % 5 === 4 ? 0 : value)) }, { sourceWidth: 100, sourceHeight: 100 });
  assert.equal('guess' in seen.trails[0], false);
});
