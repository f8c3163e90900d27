/**
 * Draws the pictures of the README again: the procedural match in the player, both heads on.
 * Usage: node tests/e2e/screenshot.mjs [URL of a running server]; without one it starts `featurecast serve`.
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { chromium } from 'playwright-core';

const SOURCE = 'synthetic:football?seed=1';
const FOLDER = new URL('../../docs/images/', import.meta.url).pathname;
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--allow-loopback-in-peer-connection'];
const SIZES = [
  { name: 'player.png', width: 1280, height: 765, ratio: 1, touch: false },
  { name: 'player-phone.png', width: 390, height: 844, ratio: 2, touch: true },
];
const PATIENCE_MS = 120_000;

/**
 * Stops the video at the first frame that shows what there is to show; its overlay stays with it. A ball that lies
 * still will do after a while.
 */
const HOLD = () => {
  document.addEventListener('featurecast:frame', (event) => {
    const { results } = /** @type {CustomEvent} */ (event).detail;
    const boxes = results.flatMap((/** @type {any} */ result) => result.boxes).length;
    const trail = results.flatMap((/** @type {any} */ result) => result.trails)[0]?.xy ?? [];
    const [first, last] = [trail[0] ?? [0, 0], trail.at(-1) ?? [0, 0]];
    const wanted = performance.now() < 20_000 ? 60 : 0;
    if (boxes < 12 || trail.length < 8 || Math.hypot(last[0] - first[0], last[1] - first[1]) < wanted) return;
    /** @type {HTMLVideoElement} */ (document.getElementById('video')).pause();
    document.body.dataset.held = '';
  });
};

/** @returns {Promise<{url: string, stop(): void}>} */
async function startServer() {
  const server = spawn('featurecast', ['serve', '--port', '0', '--source', SOURCE], { stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const line of createInterface({ input: server.stderr })) {
    const url = line.match(/watch at (\S+)/)?.[1];
    if (url) return { url, stop: () => server.kill('SIGTERM') };
    console.error(line);
  }
  throw new Error('featurecast serve ended before it was ready');
}

const executablePath = BROWSERS.find((path) => existsSync(path));
if (!executablePath) throw new Error(`expected Chromium at one of ${BROWSERS.join(', ')}; install it`);
const given = process.argv[2];
const server = given ? { url: given, stop() {} } : await startServer();
const browser = await chromium.launch({ executablePath, args: FLAGS });
try {
  mkdirSync(FOLDER, { recursive: true });
  for (const { name, width, height, ratio, touch } of SIZES) {
    const context = await browser.newContext({ viewport: { width, height }, deviceScaleFactor: ratio, hasTouch: touch, isMobile: touch });
    const page = await context.newPage();
    await page.addInitScript(HOLD);
    await page.goto(`${server.url.replace(/\/$/, '')}/?heads=player_tracking,ball_statistics`);
    await page.waitForSelector('body[data-held]', { state: 'attached', timeout: PATIENCE_MS });
    // The statistics are refreshed a moment after their frame.
    await page.waitForTimeout(400);
    await page.screenshot({ path: FOLDER + name });
    await context.close();
    console.error(`${FOLDER}${name}`);
  }
} finally {
  await browser.close();
  server.stop();
}
