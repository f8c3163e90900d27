import assert from 'node:assert/strict';
import test from 'node:test';

import { objectAt, pickable } from '../../viewer/web/picking.js';

/** @param {object} fields @returns {any} */
const result = (fields) => ({ head: 'h', boxes: [], points: [], trails: [], stats: {}, layers: [], ...fields });
/** @param {number[]} xyxy @param {number} [id] */
const box = (xyxy, id) => ({ xyxy, id, score: 1, label: 'player' });

test('the smallest box under the finger is meant', () => {
  const seen = result({ boxes: [box([0, 0, 100, 100], 1), box([40, 40, 60, 60], 2), box([0, 0, 10, 10])] });
  assert.equal(objectAt(seen, 50, 50, 5), 2);
  assert.equal(objectAt(seen, 20, 20, 5), 1);
  assert.equal(objectAt(seen, 300, 50, 5), null);
});

test('a finger may miss by a little; a box that was hit counts before one that is near', () => {
  const seen = result({ boxes: [box([0, 0, 10, 10], 1), box([12, 0, 200, 200], 2)] });
  assert.equal(objectAt(seen, -4, 5, 5), 1);
  assert.equal(objectAt(seen, -6, 5, 5), null);
  assert.equal(objectAt(seen, 13, 5, 5), 2);
});

test('a point within reach is meant before the box around it; things without id cannot be picked', () => {
  const seen = result({ boxes: [box([0, 0, 100, 100], 1)], points: [{ xy: [50, 50], id: 9, label: 'ball', score: 1 }] });
  assert.equal(objectAt(seen, 52, 50, 5), 9);
  assert.equal(objectAt(seen, 70, 50, 5), 1);
  assert.equal(objectAt(result({ boxes: [box([0, 0, 100, 100])] }), 5, 5, 5), null);
});

test('what can be picked is listed once, by id', () => {
  const seen = result({ boxes: [box([0, 0, 1, 1], 3), box([0, 0, 1, 1], 1), box([0, 0, 1, 1])] });
  assert.deepEqual(pickable(seen), [{ id: 1, label: 'player' }, { id: 3, label: 'player' }]);
});
