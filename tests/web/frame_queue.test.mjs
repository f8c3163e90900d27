import assert from 'node:assert/strict';
import test from 'node:test';

import { FrameQueue } from '../../viewer/web/frame_queue.js';

/** @param {number} number @param {number} [session] @returns {any} */
const frame = (number, session = 1) => ({ session, number });
const tables = { tracks: Float32Array.of(1) };

test('the newest frame wins, and every frame is run at most once', () => {
  const queue = new FrameQueue([]);
  assert.equal(queue.take(), null);
  for (const number of [1, 2, 3]) queue.addFrame(frame(number));
  assert.equal(queue.take()?.frame.number, 3);
  assert.equal(queue.take(), null);
});

test('a frame waits for the outputs that the head needs on exactly that frame', () => {
  const queue = new FrameQueue(['a', 'b']);
  for (const number of [1, 2, 3]) queue.addFrame(frame(number));
  queue.addNeeded('a', frame(2), tables);
  queue.addNeeded('a', frame(3), tables);
  assert.equal(queue.take(), null);
  queue.addNeeded('b', frame(2), tables);
  const next = queue.take();
  assert.equal(next?.frame.number, 2);
  assert.deepEqual(Object.keys(next?.needed ?? {}), ['a', 'b']);
  queue.addNeeded('b', frame(1), tables);
  queue.addNeeded('a', frame(1), tables);
  assert.equal(queue.take(), null, 'never back to an older frame');
  queue.addNeeded('b', frame(3), tables);
  assert.equal(queue.take()?.frame.number, 3);
});

test('outputs may be there before the features; those of another session do not count', () => {
  const queue = new FrameQueue(['a']);
  queue.addNeeded('a', frame(7, 1), tables);
  queue.addFrame(frame(7, 2));
  assert.equal(queue.take(), null);
  queue.addNeeded('a', frame(7, 2), tables);
  assert.equal(queue.take()?.frame.session, 2);
});

test('what waits is limited', () => {
  const queue = new FrameQueue(['a']);
  for (let number = 0; number < 100; number++) queue.addFrame(frame(number));
  queue.addNeeded('a', frame(0), tables);
  assert.equal(queue.take(), null);
  queue.addNeeded('a', frame(75), tables);
  assert.equal(queue.take()?.frame.number, 75);
});
