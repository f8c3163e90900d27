import assert from 'node:assert/strict';
import test from 'node:test';

import { Pairing, ticksAfter } from '../../viewer/web/pairing.js';

/** @param {number} number @param {number} [pts] */
const label = (number, pts = number * 3600) => ({ number, pts, sourceWidth: 1280, sourceHeight: 720 });
const ORIGIN = 4294967296 - 2 * 3600;
/** The RTP timestamp of a frame; wraps after two frames. @param {number} number */
const rtp = (number) => (ORIGIN + number * 3600) % 4294967296;

test('ticks wrap at 2^32', () => {
  assert.equal(ticksAfter(5, 4294967295), 6);
  assert.equal(ticksAfter(4294967295, 5), -6);
});

test('a frame gets its own label and tables, across the wrap, and nothing is wrong', () => {
  const pairing = new Pairing();
  for (let n = 0; n < 6; n++) pairing.arrived(rtp(n), 0, label(n));
  assert.ok(pairing.addTables(rtp(3), 'head', { out: Float32Array.of(3) }, 0));
  for (let n = 0; n < 6; n++) {
    const shown = pairing.shown(rtp(n));
    assert.equal(shown.label?.number, n);
    assert.equal(shown.wrong, false);
    assert.equal(shown.dropped, 0);
    assert.deepEqual([...shown.tables.keys()], n === 3 ? ['head'] : []);
  }
});

test('a result after its frame was shown is refused, never kept for another', () => {
  const pairing = new Pairing();
  pairing.arrived(rtp(0), 0, label(0));
  pairing.arrived(rtp(1), 0, label(1));
  pairing.shown(rtp(0));
  assert.equal(pairing.addTables(rtp(0), 'head', {}, 0), false);
  assert.equal(pairing.shown(rtp(1)).tables.size, 0);
});

test('frames that were passed over are counted as dropped', () => {
  const pairing = new Pairing();
  for (let n = 0; n < 5; n++) pairing.arrived(rtp(n), 0, label(n));
  assert.equal(pairing.shown(rtp(0)).dropped, 0);
  assert.equal(pairing.shown(rtp(4)).dropped, 3);
});

test('a frame without features, and one never heard of, have no label', () => {
  const pairing = new Pairing();
  pairing.arrived(rtp(0), 0, null);
  assert.equal(pairing.shown(rtp(0)).label, null);
  assert.equal(pairing.shown(rtp(1)).label, null);
});

test('a number that contradicts the order of the frames is wrong and gives no label', () => {
  const pairing = new Pairing();
  pairing.arrived(rtp(0), 0, label(5));
  pairing.arrived(rtp(1), 0, label(4));
  pairing.arrived(rtp(2), 0, label(7));
  assert.equal(pairing.shown(rtp(0)).wrong, false);
  const shown = pairing.shown(rtp(1));
  assert.equal(shown.wrong, true);
  assert.equal(shown.label, null);
  assert.equal(pairing.shown(rtp(2)).wrong, false, 'one wrong frame does not spoil the next');
});

test('a pts that does not advance with the RTP timestamp is wrong', () => {
  const pairing = new Pairing();
  pairing.arrived(rtp(0), 0, label(0));
  pairing.arrived(rtp(1), 0, label(1, 2 * 3600));
  pairing.shown(rtp(0));
  assert.equal(pairing.shown(rtp(1)).wrong, true);
});

test('frames that share a timestamp are told apart by nothing: no label', () => {
  const pairing = new Pairing();
  pairing.arrived(0, 0, label(0));
  pairing.arrived(0, 0, label(1));
  assert.equal(pairing.shown(0).label, null);
});

test('what was waiting while nobody watched is forgotten, not dropped', () => {
  const pairing = new Pairing();
  for (let n = 0; n < 5; n++) pairing.arrived(rtp(n), 0, label(n));
  pairing.forget();
  pairing.arrived(rtp(5), 0, label(5));
  assert.equal(pairing.shown(rtp(5)).dropped, 0);
});

test('a frame knows when it arrived and how long its results took', () => {
  const pairing = new Pairing();
  for (let n = 0; n < 2; n++) pairing.arrived(rtp(n), 100 * n, label(n));
  pairing.addTables(rtp(0), 'a', {}, 30);
  pairing.addTables(rtp(0), 'b', {}, 70);
  const { arrived, resultMs } = pairing.shown(rtp(0));
  assert.deepEqual([arrived, resultMs], [0, 70]);
  assert.equal(pairing.shown(rtp(1)).resultMs, 0);
  assert.equal(pairing.shown(rtp(2)).arrived, null);
});
