import assert from 'node:assert/strict';
import test from 'node:test';

import { canvasSize, letterbox, pictureRectangle } from '../../viewer/web/layout.js';

test('letterbox equals the encoder: whole input pixels, centred', () => {
  // From core_network.prepare.View.letterbox(w, h, 640, 352).as_array().
  const cases = [
    [1280, 704, [0, 0, 1, 1]],
    [1920, 1080, [7 / 640, 0, 626 / 640, 1]],
    [1080, 1920, [221 / 640, 0, 198 / 640, 1]],
    [640, 480, [85 / 640, 0, 469 / 640, 1]],
    [4000, 1000, [0, 96 / 352, 1, 160 / 352]],
    [1, 1, [144 / 640, 0, 352 / 640, 1]],
  ];
  for (const [width, height, expected] of /** @type {[number, number, number[]][]} */ (cases)) {
    const view = letterbox(width, height, 640, 352);
    assert.deepEqual([...view], [...Float32Array.from([...expected, width, height])], `${width}x${height}`);
  }
});

test('contain leaves bars, cover reaches beyond the box, both centred and of the right aspect', () => {
  const box = { width: 390, height: 600 };
  const picture = { width: 1280, height: 720 };
  const inside = pictureRectangle(box, picture, 'contain');
  assert.deepEqual(inside, { left: 0, top: (600 - 219.375) / 2, width: 390, height: 219.375 });
  const outside = pictureRectangle(box, picture, 'cover');
  assert.equal(outside.height, 600);
  assert.ok(Math.abs(outside.width / outside.height - 1280 / 720) < 1e-9);
  assert.equal(outside.left, (390 - outside.width) / 2);
});

test('before the first frame the canvas covers the box', () => {
  assert.deepEqual(pictureRectangle({ width: 8, height: 6 }, { width: 0, height: 0 }, 'cover'), { left: 0, top: 0, width: 8, height: 6 });
});

test('canvases follow the pixel ratio up to a limit and keep their aspect', () => {
  assert.deepEqual(canvasSize({ width: 390, height: 219.375 }, 3), { width: 1170, height: 658 });
  assert.deepEqual(canvasSize({ width: 0, height: 0 }, 2), { width: 1, height: 1 });
  const huge = canvasSize({ width: 4000, height: 2000 }, 4);
  assert.deepEqual(huge, { width: 4096, height: 2048 });
});
