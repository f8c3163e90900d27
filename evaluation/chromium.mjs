/**
 * Drives one headless Chromium: a JSON command per line on stdin, its outcome per line on stdout.
 * Usage: node chromium.mjs PATH_OF_CHROMIUM
 */

import { createInterface } from 'node:readline';

import { chromium } from 'playwright-core';

const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection', '--disable-features=WebRtcHideLocalIpsWithMdns',
];

const browser = await chromium.launch({ executablePath: process.argv[2], args: FLAGS });

/** @type {import('playwright-core').Page} */
let page;
/** What the page complained about, uncaught errors included. @type {string[]} */
let complaints = [];

/**
 * @param {import('playwright-core').BrowserContext} context
 * @param {string} url
 * @param {string} before script that runs before the page's own
 */
async function visit(context, url, before) {
  complaints = [];
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message));
  if (before) await page.addInitScript(before);
  await page.goto(url);
}

/** @type {Record<string, (values: any) => Promise<unknown>>} */
const commands = {
  /** A fresh page, with nothing kept from the one before. */
  async open({ url, before = '', width = 1280, height = 800, ratio = 1, touch = false }) {
    await page?.context().close();
    const context = await browser.newContext({
      viewport: { width, height }, deviceScaleFactor: ratio, hasTouch: touch, isMobile: touch, reducedMotion: 'reduce',
    });
    await visit(context, url, before);
  },
  /** The page that was open is closed, and opened once more with what the browser kept of it. */
  async again({ url, before = '' }) {
    const context = page.context();
    await page.close();
    await visit(context, url, before);
  },
  evaluate: ({ script }) => page.evaluate(script),
  until: ({ condition, seconds }) => page.waitForFunction(condition, undefined, { timeout: seconds * 1000, polling: 50 }).then(() => null),
  press: ({ key }) => page.keyboard.press(key),
  click: ({ selector }) => page.click(selector, { timeout: 60000 }),
  check: ({ selector, on }) => page.setChecked(selector, on, { timeout: 60000 }),
  size: ({ width, height }) => page.setViewportSize({ width, height }),
  async ratio({ width, height, ratio }) {
    const session = await page.context().newCDPSession(page);
    await session.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: ratio, mobile: false });
  },
  screenshot: ({ path }) => page.screenshot({ path }).then(() => null),
  complaints: async () => complaints,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...values } = JSON.parse(line);
  let outcome;
  try {
    outcome = { result: (await commands[command](values)) ?? null };
  } catch (error) {
    outcome = { error: /** @type {Error} */ (error).message };
  }
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
await browser.close();
