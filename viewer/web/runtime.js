/**
 * The WebAssembly of onnxruntime-web, compiled once for the page. Every head's worker gets the compiled module, so that
 * a head which is turned on, or started again, has nothing to fetch or compile.
 */

/** Where `viewer/vendor_files.py` puts it. */
const WASM = new URL('./vendor/ort-wasm-simd-threaded.wasm', import.meta.url);

/** @type {Promise<WebAssembly.Module> | null} */
let compiled = null;

/**
 * The compiled runtime; fetched when it is first asked for, and again after it failed.
 *
 * @returns {Promise<WebAssembly.Module>}
 */
export function compiledRuntime() {
  compiled ??= WebAssembly.compileStreaming(fetch(WASM)).catch((error) => {
    compiled = null;
    throw new Error(`the runtime could not be loaded: ${error.message}`);
  });
  return compiled;
}
