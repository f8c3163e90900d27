import assert from 'node:assert/strict';
import test from 'node:test';

import { Figures, median } from '../../viewer/web/figures.js';

test('median', () => {
  assert.equal(median([]), 0);
  assert.equal(median([5]), 5);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([9, 1, 5, 7]), 6);
});

test('figures are printed as plain numbers under the names that scripts read', () => {
  const figures = new Figures();
  figures.framesShown = 512;
  figures.countFeatures(1000);
  figures.countFeatures(2001);
  figures.countHead('a', 4);
  figures.countHead('b', 5.06);
  for (const ms of [180, 240, 205.4]) figures.countDelay(ms);
  figures.joinMs = 321.7;
  const printed = figures.printed();
  for (const name of ['frames_shown', 'frames_with_features', 'pairs_wrong', 'overlays_late', 'frames_dropped', 'feature_bytes_mean', 'head_ms', 'delay_ms', 'join_ms']) {
    assert.match(printed[name], /^\d+(\.\d+)?$/, name);
  }
  assert.equal(printed.frames_shown, '512');
  assert.equal(printed.feature_bytes_mean, '1501');
  assert.equal(printed.head_ms, '9.1');
  assert.equal(printed.delay_ms, '205');
  assert.equal(printed.join_ms, '322');
});

test('head times are those of the last frames', () => {
  const figures = new Figures();
  for (let i = 0; i < 100; i++) figures.countHead('a', 50);
  for (let i = 0; i < 100; i++) figures.countHead('a', 5);
  assert.equal(figures.headMs, 5);
  assert.deepEqual([...figures.msOfHeads], [['a', 5]]);
  figures.forgetHeads();
  assert.equal(figures.headMs, 0);
});

test('how many of the last frames had a head\'s result in time is told once there were enough', () => {
  const figures = new Figures();
  for (let i = 0; i < 99; i++) figures.countInTime('a', true);
  assert.equal(figures.inTimeOfHeads.size, 0);
  figures.countInTime('a', true);
  for (let i = 0; i < 40; i++) figures.countInTime('a', false);
  assert.deepEqual([...figures.inTimeOfHeads], [['a', 0.6]]);
  figures.forgetHeads();
  assert.equal(figures.inTimeOfHeads.size, 0);
});
