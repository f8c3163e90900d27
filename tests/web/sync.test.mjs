import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FrameMap } from '../../viewer/web/sync.js';

test('each value is given out once, to its own frame', () => {
  const frames = new FrameMap();
  frames.put(3000, 'first');
  frames.put(6000, 'second');
  assert.equal(frames.take(6000), 'second');
  assert.equal(frames.take(6000), null);
  assert.equal(frames.take(3000), 'first');
  assert.equal(frames.take(9000), null);
});

test('frames with one timestamp cannot be told apart', () => {
  const frames = new FrameMap();
  for (const value of ['a', 'b', 'c']) frames.put(0, value);
  assert.equal(frames.take(0), null);
});

test('it forgets the oldest', () => {
  const frames = new FrameMap(3);
  for (let number = 0; number < 10; number++) frames.put(number, number);
  assert.deepEqual(Array.from({ length: 10 }, (_, number) => frames.take(number)).slice(5), [null, null, 7, 8, 9]);
});
