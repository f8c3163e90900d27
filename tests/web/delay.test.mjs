import assert from 'node:assert/strict';
import test from 'node:test';

import { DelayControl, LEAST_DELAY_MS, LONGEST_DELAY_MS, patience } from '../../viewer/web/delay.js';

const FRAME_MS = 40;

/** A viewer at 25 fps whose browser comes to a new delay by 100 ms a second. */
class Viewer {
  control = new DelayControl();
  now = 1000;
  buffer = 0;

  /**
   * @param {number} frames
   * @param {((frame: number) => number) | null} resultMs what the heads take for each, from its arrival; null without heads
   * @param {number} [stolenMs] of the delay is gone before the page sees a frame, as on a busy machine
   * @returns {number} how many frames were late
   */
  show(frames, resultMs, stolenMs = 0) {
    let late = 0;
    for (let frame = 0; frame < frames; frame++) {
      this.now += FRAME_MS;
      this.buffer += Math.min(Math.max(this.control.target - this.buffer, -0.1 * FRAME_MS), 0.1 * FRAME_MS);
      const waits = Math.max(0, this.buffer - stolenMs);
      const took = resultMs?.(frame) ?? null;
      const missing = took !== null && took > waits;
      late += Number(missing);
      this.control.shown(this.now, waits, missing ? 0 : took, missing);
      if (missing) this.control.missed(took);
    }
    return late;
  }
}

test('a result comes before its frame is shown', () => {
  assert.ok(patience(10, 200) + 10 < 200 && patience(10, 200) > 100);
  assert.ok(patience(10, 400) > patience(10, 200));
  assert.equal(patience(1000, 200), 0);
});

test('heads that are quick enough leave the delay alone', () => {
  const viewer = new Viewer();
  viewer.show(60, null);
  assert.equal(viewer.show(500, () => 60), 0);
  assert.equal(viewer.control.target, LEAST_DELAY_MS);
});

test('the delay grows until slow heads are in time, and stays there', () => {
  const viewer = new Viewer();
  /** @param {number} frame */
  const slow = (frame) => (frame % 10 === 0 ? 330 : 120);
  viewer.show(250, slow);
  const late = viewer.show(2000, slow);
  assert.ok(late <= 2000 * 0.02, String(late));
  const { target } = viewer.control;
  assert.ok(target >= 330 && target <= 450, String(target));
});

test('what a busy machine takes from the delay is made up for', () => {
  const viewer = new Viewer();
  viewer.show(400, () => 80, 170);
  assert.equal(viewer.show(500, () => 80, 170), 0);
  assert.ok(viewer.control.target >= 250, String(viewer.control.target));
});

test('it shrinks slowly when the heads are quick again', () => {
  const viewer = new Viewer();
  viewer.show(500, () => 400);
  const slow = viewer.control.target;
  assert.ok(slow >= 400);
  viewer.show(260, () => 50);
  assert.ok(viewer.control.target < slow && viewer.control.target > LEAST_DELAY_MS, String(viewer.control.target));
  viewer.show(1000, () => 50);
  assert.equal(viewer.control.target, LEAST_DELAY_MS);
});

test('without heads frames wait no longer than they must, and what was needed before is forgotten', () => {
  const viewer = new Viewer();
  viewer.show(300, () => 400);
  viewer.show(600, null);
  assert.equal(viewer.control.target, LEAST_DELAY_MS);
  viewer.show(100, () => 300);
  assert.equal(viewer.show(100, () => 300), 0);
});

test('heads that never keep up do not delay the match without end', () => {
  const viewer = new Viewer();
  viewer.show(1000, () => 5000);
  assert.equal(viewer.control.target, LONGEST_DELAY_MS);
});

test('what is measured follows what frames wait, anew in every session', () => {
  const delay = new DelayControl();
  delay.shown(0, 80, null, false);
  assert.equal(delay.measured, 80);
  for (let frame = 0; frame < 50; frame++) delay.shown(40 * frame, 200, null, false);
  assert.ok(Math.abs(delay.measured - 200) < 1);
  delay.forget();
  delay.shown(9000, 120, null, false);
  assert.equal(delay.measured, 120);
});
