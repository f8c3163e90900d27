/** What the server says about the broadcast: its status, its heads, the spec of its features. */

/** @import {CatalogueEntry} from './types.js' */
/** @import {SpecAnswer} from './bitstream.js' */

/** @typedef {{source?: string, fps?: number, spec?: string}} Status */

/**
 * @param {string} url
 * @returns {Promise<any>}
 */
async function json(url) {
  const response = await fetch(url, { cache: 'no-cache', signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}

/** @returns {Promise<Status>} */
export function fetchStatus() {
  return json('api/status');
}

/** @returns {Promise<CatalogueEntry[]>} */
export async function fetchCatalogue() {
  return (await json('heads')).heads;
}

/** @param {string} fingerprint @returns {Promise<SpecAnswer>} */
export function fetchSpec(fingerprint) {
  return json(`spec/${encodeURIComponent(fingerprint)}`);
}
