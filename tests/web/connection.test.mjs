import assert from 'node:assert/strict';
import test from 'node:test';

import { h264Only, refusal } from '../../viewer/web/connection.js';

test('H.264 and retransmission only; nothing without H.264', () => {
  const codecs = ['video/VP8', 'video/rtx', 'video/H264', 'video/AV1', 'video/H264'].map((mimeType) => ({ mimeType }));
  assert.deepEqual(h264Only(codecs).map(({ mimeType }) => mimeType), ['video/rtx', 'video/H264', 'video/H264']);
  assert.deepEqual(h264Only(codecs.slice(0, 2)), []);
});

test('refusals say why, and wait as long as the server asks but at most one second', () => {
  assert.match(refusal(409, '1', '').message, /not started/);
  assert.equal(refusal(409, '0.7', '').retryMs, 700);
  assert.match(refusal(503, '3600', '').message, /full/);
  assert.equal(refusal(503, '3600', '').retryMs, 1000);
  assert.match(refusal(400, null, '{"detail":"no video section"}').message, /400: no video section/);
  assert.match(refusal(500, null, 'oops\ntrace').message, /500: oops\)/);
  assert.ok(refusal(409, 'Wed, 21 Oct 2026 07:28:00 GMT', '').retryMs <= 1000);
});
