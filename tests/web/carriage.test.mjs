/** The golden access units of tests/vectors, read as pytest reads them. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { extract, joinChunks } from '../../viewer/web/carriage.js';

const cases = JSON.parse(readFileSync(new URL('../vectors/carriage.json', import.meta.url), 'utf8'));

/** @param {string} base64 */
function bytes(base64) {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

for (const { name, accessUnit, payload } of cases) {
  test(`carriage: ${name}`, () => {
    assert.deepEqual(extract(bytes(accessUnit)), payload === null ? null : bytes(payload));
  });
}

test('cut and damaged access units never throw', () => {
  const unit = bytes(cases.find((/** @type {{name: string}} */ { name }) => name === 'three chunks').accessUnit);
  for (let length = 0; length < unit.length; length += 7) extract(unit.subarray(0, length));
  for (let at = 0; at < unit.length; at++) {
    const damaged = unit.slice();
    damaged[at] = at % 3 ? 0 : 255;
    extract(damaged);
  }
});

test('the payload is a copy: the frame may be written on', () => {
  const unit = bytes(cases[0].accessUnit);
  const payload = extract(unit);
  unit.fill(7);
  assert.deepEqual(payload, bytes(cases[0].payload));
});

test('nothing to join is no payload', () => {
  assert.equal(joinChunks([]), null);
  assert.equal(joinChunks([new Uint8Array(40)]), null);
});
