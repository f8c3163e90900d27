/**
 * The frames of a trial once more, in the browser's runtime under node: node browser_trial.mjs FOLDER
 *
 * `browser.json` of the folder names the runtime, the player's own HeadRunner and the heads, needed ones first. Leaves
 * `browser-<head>.f32` of each, laid out as `outputs.f32` of task_heads/trial.py, and prints {"median_ms": {head: ms}}
 * or {"problem"} as JSON.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = process.argv[2];

/** @param {string} name */
function json(name) {
  return JSON.parse(readFileSync(name, 'utf8'));
}

async function main() {
  const job = json(join(folder, 'browser.json'));
  const { HeadRunner } = await import(pathToFileURL(job.runner).href);
  const ort = await import(pathToFileURL(join(job.runtime, 'ort.wasm.min.mjs')).href);
  ort.env.wasm.wasmPaths = pathToFileURL(`${job.runtime}/`).href;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const runners = [];
  for (const head of job.heads) {
    const manifest = json(join(head, 'head.json'));
    runners.push(await HeadRunner.load(ort, manifest, new Uint8Array(readFileSync(join(head, 'head.onnx')))));
  }
  const stored = readFileSync(join(folder, 'features.f32'));
  const features = new Float32Array(stored.buffer.slice(stored.byteOffset, stored.byteOffset + stored.byteLength));
  const frames = json(join(folder, 'frames.json'));
  const size = features.length / frames.length;
  /** @type {Float32Array[][]} */
  const parts = runners.map(() => []);
  /** @type {number[][]} */
  const times = runners.map(() => []);
  for (const [number, frame] of frames.entries()) {
    /** @type {Record<string, Record<string, Float32Array>>} */
    const done = {};
    for (const [index, runner] of runners.entries()) {
      if (frame.fresh) runner.reset();
      if (index === runners.length - 1) {
        for (const [name, value] of Object.entries(frame.settings)) runner.set(name, value);
      }
      const values = features.slice(number * size, (number + 1) * size);
      const begun = process.cpuUsage();
      const tables = await runner.run(values, Float32Array.from(frame.view), frame.pts, done);
      const { user, system } = process.cpuUsage(begun);
      times[index].push((user + system) / 1000);
      done[runner.manifest.name] = tables;
      for (const { name } of runner.manifest.outputs) parts[index].push(Float32Array.from(tables[name]));
    }
  }
  for (const [index, { manifest }] of runners.entries()) {
    const tables = parts[index].map((part) => Buffer.from(part.buffer));
    writeFileSync(join(folder, `browser-${manifest.name}.f32`), Buffer.concat(tables));
  }
  const medians = runners.map(({ manifest }, index) => {
    const sorted = times[index].sort((a, b) => a - b);
    return [manifest.name, sorted[Math.floor(sorted.length / 2)]];
  });
  return { median_ms: Object.fromEntries(medians) };
}

try {
  process.stdout.write(JSON.stringify(await main()));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stdout.write(JSON.stringify({ problem: message.split('\n')[0] }));
}
