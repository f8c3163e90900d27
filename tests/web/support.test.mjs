import assert from 'node:assert/strict';
import test from 'node:test';

import { missingSupport } from '../../viewer/web/support.js';

/** @param {object} without */
function browser(without) {
  const whole = {
    RTCRtpScriptTransform: class {}, WebAssembly: {}, HTMLVideoElement: { prototype: { requestVideoFrameCallback() {} } },
  };
  return /** @type {any} */ (Object.fromEntries(Object.entries({ ...whole, ...without }).filter(([, part]) => part)));
}

test('a browser that has everything is told nothing', () => {
  assert.equal(missingSupport(browser({})), null);
});

test('what is missing is named, and that the video plays', () => {
  assert.match(missingSupport(browser({ RTCRtpScriptTransform: null })) ?? '', /encoded transforms.*without overlays/);
  assert.match(missingSupport(browser({ HTMLVideoElement: { prototype: {} } })) ?? '', /requestVideoFrameCallback.*without overlays/);
  assert.match(missingSupport(browser({ WebAssembly: null })) ?? '', /WebAssembly/);
});
