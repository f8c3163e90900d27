/** The golden vectors of tests/vectors, read as pytest reads them. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { BitstreamDecoder, BitstreamError, EntropyTables, dequantise, knownFrom } from '../../viewer/web/bitstream.js';

/** @param {string} name */
function vectors(name) {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
}

/** @param {ArrayBufferView} array */
function sha256(array) {
  return createHash('sha256').update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength)).digest('hex');
}

/**
 * @param {BitstreamDecoder} decoder
 * @param {Uint8Array} payload
 * @param {import('../../viewer/web/bitstream.js').FeatureSpec} spec
 */
function outcome(decoder, payload, spec) {
  try {
    const frame = decoder.decode(payload);
    return { frame: { ...frame, symbols: sha256(frame.symbols), features: sha256(dequantise(spec, frame)) } };
  } catch (error) {
    if (!(error instanceof BitstreamError)) throw error;
    return { error: error.code };
  }
}

for (const name of ['bitstream.json', 'bitstream_odd.json']) {
  test(`${name}: every payload has the outcome that Python has`, () => {
    const { answer, cases } = vectors(name);
    const known = knownFrom(answer);
    const decoder = new BitstreamDecoder(known);
    assert.ok(cases.length > 40);
    for (const { name: title, reset, payload, frame, error } of cases) {
      if (reset) decoder.reset();
      const expected = frame ? { frame } : { error };
      assert.deepEqual(outcome(decoder, Buffer.from(payload, 'base64'), known[0].spec), expected, title);
    }
  });
}

test('truncations and flipped bits are refused', () => {
  const { answer, cases } = vectors('bitstream_odd.json');
  const decoder = new BitstreamDecoder(knownFrom(answer));
  for (const { payload } of cases.slice(0, 3)) {
    const bytes = new Uint8Array(Buffer.from(payload, 'base64'));
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decoder.decode(bytes.subarray(0, length)), BitstreamError);
    }
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] ^= 1 << (bit & 7);
      assert.throws(() => decoder.decode(damaged), BitstreamError);
    }
    decoder.decode(bytes);
  }
});

test('specs that arrive later are found', () => {
  const { answer, cases } = vectors('bitstream_odd.json');
  /** @type {import('../../viewer/web/bitstream.js').Known[]} */
  const known = [];
  const decoder = new BitstreamDecoder(known);
  const payload = Buffer.from(cases[0].payload, 'base64');
  assert.throws(() => decoder.decode(payload), { code: 'unknown_spec', fingerprint: answer.fingerprint.slice(0, 8) });
  known.push(...knownFrom(answer));
  assert.equal(decoder.decode(payload).number, cases[0].frame.number);
});

test('damaged tables are refused', () => {
  const { answer } = vectors('bitstream_odd.json');
  const stored = new Uint8Array(Buffer.from(answer.tables[0].base64, 'base64'));
  assert.equal(new EntropyTables(stored, 'x').channels, 6);
  const damages = [
    stored.slice(0, -1),
    new Uint8Array([...stored, 0]),
    stored.slice(1),
    stored.map((byte, at) => (at === 10 || at === 11 ? 0 : byte)),
    stored.map((byte, at) => (at === stored.length - 1 ? 255 : byte)),
    new Uint8Array(0),
  ];
  for (const damaged of damages) assert.throws(() => new EntropyTables(damaged, 'x'), RangeError);
});
