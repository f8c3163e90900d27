import assert from 'node:assert/strict';
import test from 'node:test';

import { boxColour, drawResults, markScale } from '../../viewer/web/drawing.js';

const labels = ['player', 'goalkeeper', 'referee'];
/** @param {object} fields @returns {import('../../viewer/web/types.js').Box} */
const box = (fields) => ({ xyxy: [0, 0, 10, 10], score: 1, label: 'player', ...fields });

test('teams, labels and ids have colours of their own', () => {
  const colours = [
    boxColour(box({ team: 0 }), 'team', labels), boxColour(box({ team: 1 }), 'team', labels), boxColour(box({}), 'team', labels),
    boxColour(box({ label: 'referee' }), 'team', labels),
  ];
  assert.equal(new Set(colours).size, 4);
  assert.notEqual(boxColour(box({ id: 1 }), 'id', labels), boxColour(box({ id: 2 }), 'id', labels));
  assert.equal(boxColour(box({ id: 3 }), 'id', labels), boxColour(box({ id: 3, label: 'referee' }), 'id', labels));
  assert.notEqual(boxColour(box({}), 'label', labels), boxColour(box({ label: 'goalkeeper' }), 'label', labels));
});

/** A canvas context that keeps what is called on it. */
function recorder() {
  /** @type {[string, ...number[]][]} */
  const calls = [];
  const canvas = { width: 640, height: 360 };
  const context = new Proxy({ canvas }, {
    get: (target, name) => {
      if (name === 'canvas') return canvas;
      if (name === 'measureText') return () => ({ width: 10 });
      return Reflect.get(target, name) ?? ((/** @type {number[]} */ ...values) => calls.push([String(name), ...values]));
    },
  });
  return { context: /** @type {any} */ (context), calls };
}

test('source pixels become canvas pixels, after the canvas was cleared', () => {
  const { context, calls } = recorder();
  const result = {
    head: 'h', boxes: [], points: [], trails: [], stats: {},
    layers: [{ draw: /** @type {const} */ ({ kind: 'boxes', output: 'o' }), boxes: [box({ xyxy: [100, 200, 300, 400] })] }],
  };
  drawResults(context, [{ result, labels }], { sourceWidth: 1280, sourceHeight: 720 }, 1);
  assert.deepEqual(calls[0], ['clearRect', 0, 0, 640, 360]);
  const drawn = calls.find(([name]) => name === 'roundRect');
  assert.deepEqual(drawn?.slice(0, 5), ['roundRect', 50, 100, 100, 100]);
});

test('marks shrink on a phone and grow on a wall, within limits', () => {
  assert.equal(markScale(880), 1);
  assert.ok(markScale(390) < 0.7 && markScale(390) >= 0.62);
  assert.equal(markScale(100), 0.62);
  assert.equal(markScale(4000), 1.6);
});

test('a followed box is drawn at full strength and the others faded, but only while it is in view', () => {
  const boxes = [box({ id: 1 }), box({ id: 2, xyxy: [50, 50, 90, 90] })];
  const result = {
    head: 'h', boxes: [], points: [], trails: [], stats: {},
    layers: [{ draw: /** @type {const} */ ({ kind: 'boxes', output: 'o' }), boxes }],
  };
  /** Strengths at which boxes were outlined. @param {number} followed */
  const strengths = (followed) => {
    const { context } = recorder();
    /** @type {Set<number>} */
    const seen = new Set();
    context.globalAlpha = 1;
    context.stroke = () => seen.add(context.globalAlpha);
    drawResults(context, [{ result, labels, followed }], { sourceWidth: 640, sourceHeight: 360 }, 1);
    return [...seen].sort();
  };
  assert.deepEqual(strengths(2), [0.4, 1]);
  assert.deepEqual(strengths(9), [1]);
  assert.deepEqual(strengths(0), [1]);
});

test('a trail is broken where the thing was not seen', () => {
  const { context, calls } = recorder();
  const trail = { label: 'ball', xy: /** @type {[number, number][]} */ ([[0, 0], [10, 0], [20, 0], [30, 0]]), guess: [0, 0, 1, 0] };
  const result = {
    head: 'h', boxes: [], points: [], trails: [], stats: {}, layers: [{ draw: /** @type {const} */ ({ kind: 'trail', output: 'o' }), trail }],
  };
  drawResults(context, [{ result, labels }], { sourceWidth: 640, sourceHeight: 360 }, 1);
  assert.equal(calls.filter(([name]) => name === 'lineTo').length, 3, 'every segment once');
  const dashes = calls.filter(([name]) => name === 'setLineDash').map(([, dash]) => /** @type {any} */ (dash).length);
  assert.deepEqual(dashes, [0, 2, 2, 0]);
});
