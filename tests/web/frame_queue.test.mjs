import assert from 'node:assert/strict';
import test from 'node:test';

import { FrameQueue } from '../../viewer/web/frame_queue.js';

/** @param {number} number @param {number} [arrived] @param {number} [session] @returns {any} */
const frame = (number, arrived = 0, session = 1) => ({ session, number, arrived });
const tables = { tracks: Float32Array.of(1) };

test('frames are run one by one, each at most once', () => {
  const queue = new FrameQueue([]);
  assert.equal(queue.take(0, 100), null);
  for (const number of [1, 2, 3]) queue.addFrame(frame(number, 10 * number));
  assert.deepEqual([1, 2, 3].map(() => queue.take(100, 100)?.frame.number), [1, 2, 3]);
  assert.equal(queue.take(100, 100), null);
});

test('frames that would be late are left out; when all would be, the newest wins', () => {
  const queue = new FrameQueue([]);
  for (const number of [1, 2, 3]) queue.addFrame(frame(number, 10 * number));
  assert.equal(queue.take(100, 80)?.frame.number, 2);
  for (const number of [4, 5]) queue.addFrame(frame(number, 10 * number));
  assert.equal(queue.take(100, 0)?.frame.number, 5);
  assert.equal(queue.take(100, 100), null);
});

test('a frame waits for the outputs that the head needs on exactly that frame', () => {
  const queue = new FrameQueue(['a', 'b']);
  for (const number of [1, 2, 3]) queue.addFrame(frame(number));
  queue.addNeeded('a', frame(2), tables);
  queue.addNeeded('a', frame(3), tables);
  assert.equal(queue.take(0, 100), null);
  queue.addNeeded('b', frame(2), tables);
  const next = queue.take(0, 100);
  assert.equal(next?.frame.number, 2);
  assert.deepEqual(Object.keys(next?.needed ?? {}), ['a', 'b']);
  queue.addNeeded('b', frame(1), tables);
  queue.addNeeded('a', frame(1), tables);
  assert.equal(queue.take(0, 100), null, 'never back to an older frame');
  queue.addNeeded('b', frame(3), tables);
  assert.equal(queue.take(0, 100)?.frame.number, 3);
});

test('outputs may be there before the features; those of another session do not count', () => {
  const queue = new FrameQueue(['a']);
  queue.addNeeded('a', frame(7, 0, 1), tables);
  queue.addFrame(frame(7, 0, 2));
  assert.equal(queue.take(0, 100), null);
  queue.addNeeded('a', frame(7, 0, 2), tables);
  assert.equal(queue.take(0, 100)?.frame.session, 2);
});

test('what waits is limited', () => {
  const queue = new FrameQueue(['a']);
  for (let number = 0; number < 100; number++) queue.addFrame(frame(number));
  queue.addNeeded('a', frame(0), tables);
  assert.equal(queue.take(0, 100), null);
  queue.addNeeded('a', frame(75), tables);
  assert.equal(queue.take(0, 100)?.frame.number, 75);
});
