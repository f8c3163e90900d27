import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const WEB = new URL('../../viewer/web/', import.meta.url);

/** Modules that a module imports, and those that they import. @param {string} name @param {Set<string>} found */
function collect(name, found) {
  if (found.has(name)) return found;
  found.add(name);
  for (const [, imported] of readFileSync(new URL(name, WEB), 'utf8').matchAll(/^import .* from '\.\/(.+)';$/gm)) collect(imported, found);
  return found;
}

test('the page asks for all its modules at once, not for one after the other was read', () => {
  const page = readFileSync(new URL('index.html', WEB), 'utf8');
  const preloaded = [...page.matchAll(/<link rel="modulepreload" href="(.+?)">/g)].map(([, name]) => name);
  assert.deepEqual(preloaded.sort(), [...collect('main.js', new Set())].sort());
});
