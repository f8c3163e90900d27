/** Which heads have to run, and in which order, when some need the outputs of others. */

/** @import {Manifest} from './types.js' */

/**
 * The chosen heads and all that they need, each after those it needs. Raises on a head or an output that is
 * not there and on heads that need each other.
 *
 * @param {Iterable<string>} chosen names
 * @param {ReadonlyMap<string, Manifest>} manifests of every usable head
 * @returns {string[]}
 */
export function headOrder(chosen, manifests) {
  /** @type {string[]} */
  const order = [];
  /** @type {Set<string>} */
  const open = new Set();

  /** @param {string} name @param {string | null} user */
  const visit = (name, user) => {
    if (order.includes(name)) return;
    const manifest = manifests.get(name);
    if (!manifest) throw new Error(user ? `needs the head ${name}, which is not available` : `the head ${name} is not available`);
    if (open.has(name)) throw new Error(`the heads ${[...open].join(' and ')} need each other`);
    open.add(name);
    for (const [needed, outputs] of Object.entries(manifest.needs ?? {})) {
      visit(needed, name);
      const missing = outputs.find((output) => !manifests.get(needed)?.outputs.some((given) => given.name === output));
      if (missing) throw new Error(`needs ${missing} of ${needed}, which has no such output`);
    }
    open.delete(name);
    order.push(name);
  };

  for (const name of chosen) visit(name, null);
  return order;
}
