/**
 * Starts onnxruntime-web's WebAssembly from a module that is compiled already. onnxruntime-web imports this file in place
 * of its own loader (`env.wasm.wasmPaths.mjs`), in every worker that runs a head.
 */

/** Begins at once, so that it is there when the runtime is. @type {Promise<{default: (options: object) => Promise<object>}>} */
const loader = import(new URL('./vendor/ort-wasm-simd-threaded.mjs', import.meta.url).href);

/** @type {WebAssembly.Module | null} */
let runtime = null;

/** To be called before the first session is made. @param {WebAssembly.Module} module */
export function useRuntime(module) {
  runtime = module;
}

/**
 * What onnxruntime-web calls; `instantiateWasm` is emscripten's hook for this purpose.
 *
 * @param {object} options
 * @returns {Promise<object>}
 */
export default async function factory(options) {
  const module = runtime;
  if (!module) throw new Error('expected a compiled runtime before the first session');
  /**
   * @param {WebAssembly.Imports} imports
   * @param {(instance: WebAssembly.Instance, module: WebAssembly.Module) => void} done
   */
  const instantiateWasm = (imports, done) => {
    WebAssembly.instantiate(module, imports).then((instance) => done(instance, module));
    return {};
  };
  return (await loader).default({ ...options, instantiateWasm });
}
