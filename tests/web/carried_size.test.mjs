import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { carriedSize } from '../../viewer/web/carried_size.js';

/** @type {{name: string, accessUnit: string, payload: string | null}[]} */
const cases = JSON.parse(readFileSync(new URL('../vectors/carriage.json', import.meta.url), 'utf8'));

/** @param {string} name */
const named = (name) => cases.find((item) => item.name === name) ?? assert.fail(`no vector ${name}`);
/** @param {string | null} base64 */
const bytes = (base64) => new Uint8Array(Buffer.from(base64 ?? '', 'base64'));

test('features cost what they add to the golden access units', () => {
  const plain = bytes(named('no features').accessUnit).length;
  for (const name of ['one byte', 'emulation', 'three chunks']) {
    const { accessUnit, payload } = named(name);
    assert.equal(carriedSize(bytes(payload)), bytes(accessUnit).length - plain, name);
  }
});
