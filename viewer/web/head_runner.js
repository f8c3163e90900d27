/** One head in onnxruntime-web: its graph, its state, its settings. The twin of task_heads' HeadRunner. */

import { allowedValue } from './settings.js';

/** @import {Manifest, Tables} from './types.js' */
/** @typedef {typeof import('onnxruntime-web')} Ort */

/** Runs one head on frame after frame and carries its state from each to the next. */
export class HeadRunner {
  /** @type {Record<string, import('onnxruntime-web').Tensor>} */
  #state = {};
  /** @type {Record<string, number>} */
  #settings = {};
  /** @type {number | null} */
  #lastPts = null;

  /**
   * @param {Ort} ort
   * @param {import('onnxruntime-web').InferenceSession} session
   * @param {Manifest} manifest
   */
  constructor(ort, session, manifest) {
    this.ort = ort;
    this.session = session;
    this.manifest = manifest;
    for (const setting of manifest.settings ?? []) this.#settings[setting.name] = setting.default;
    this.reset();
  }

  /**
   * @param {Ort} ort
   * @param {Manifest} manifest
   * @param {Uint8Array} model the bytes of head.onnx
   * @returns {Promise<HeadRunner>}
   */
  static async load(ort, manifest, model) {
    const session = await ort.InferenceSession.create(model, {
      executionProviders: ['wasm'], graphOptimizationLevel: 'all', logSeverityLevel: 3,
    });
    return new HeadRunner(ort, session, manifest);
  }

  /** Forget everything seen: a new source, or frames that did not follow each other. */
  reset() {
    this.#lastPts = null;
    for (const tensor of this.manifest.state ?? []) {
      const size = tensor.shape.reduce((product, n) => product * n, 1);
      this.#state[tensor.name] = this.#tensor(new Float32Array(size).fill(tensor.init ?? 0), tensor.shape);
    }
  }

  /**
   * @param {string} name
   * @param {number} value brought to the nearest that the setting allows
   */
  set(name, value) {
    const setting = this.manifest.settings?.find((item) => item.name === name);
    if (!setting) throw new Error(`head ${this.manifest.name}: expected the name of a setting, got ${name}`);
    this.#settings[name] = allowedValue(setting, value);
  }

  /**
   * Raises unless the graph takes the outputs of other heads in the shapes that those give.
   *
   * @param {Record<string, readonly number[]>} given graph input -> shape
   */
  checkNeeded(given) {
    for (const [name, shape] of Object.entries(given)) {
      const wanted = this.#shapeOf(name);
      if (wanted && wanted.join() !== shape.join()) {
        throw new Error(`takes ${name} as [${wanted}], but that head gives [${shape}]; export ${this.manifest.name} again`);
      }
    }
  }

  /** Run one frame of nothing, so that the frames to come do not wait for what a first run prepares. */
  async warmUp() {
    const [channels, height, width] = this.manifest.spec.shape;
    /** @type {Record<string, Tables>} */
    const needed = {};
    for (const [head, outputs] of Object.entries(this.manifest.needs ?? {})) {
      needed[head] = {};
      for (const output of outputs) {
        const shape = this.#shapeOf(`${head}__${output}`) ?? [1];
        needed[head][output] = new Float32Array(shape.reduce((product, n) => product * n, 1));
      }
    }
    await this.run(new Float32Array(channels * height * width), Float32Array.of(0, 0, 1, 1, width, height), 0, needed);
    this.reset();
  }

  /**
   * Run one frame.
   *
   * @param {Float32Array} features dequantised, [1, C, H, W]
   * @param {Float32Array} view float32[6], see layout.js
   * @param {number} pts 90 kHz ticks; the head is told the seconds since the frame it ran on before
   * @param {Record<string, Tables>} [needed] outputs of other heads on this frame, by head
   * @returns {Promise<Tables>}
   */
  async run(features, view, pts, needed = {}) {
    const { manifest } = this;
    const [channels, height, width] = manifest.spec.shape;
    /** @type {Record<string, import('onnxruntime-web').Tensor>} */
    const feeds = { features: this.#tensor(features, [1, channels, height, width]), ...this.#state };
    if (manifest.inputs.view) feeds.view = this.#tensor(view, [6]);
    if (manifest.inputs.dt) {
      const dt = this.#lastPts === null ? 0 : (pts - this.#lastPts) / 90000;
      feeds.dt = this.#tensor(Float32Array.of(dt), [1]);
    }
    for (const [name, value] of Object.entries(this.#settings)) feeds[name] = this.#tensor(Float32Array.of(value), [1]);
    for (const [head, outputs] of Object.entries(manifest.needs ?? {})) {
      for (const output of outputs) feeds[`${head}__${output}`] = this.#neededTensor(head, output, needed);
    }
    const outcome = await this.session.run(feeds);
    this.#lastPts = pts;
    for (const tensor of manifest.state ?? []) this.#state[tensor.name] = outcome[tensor.output];
    return Object.fromEntries(
      manifest.outputs.map(({ name }) => [name, finite(name, /** @type {Float32Array} */ (outcome[name].data))]),
    );
  }

  /** Give the graph's memory back. */
  async release() {
    await this.session.release();
  }

  /**
   * @param {Float32Array} values
   * @param {readonly number[]} shape
   */
  #tensor(values, shape) {
    return new this.ort.Tensor('float32', values, shape);
  }

  /**
   * @param {string} head
   * @param {string} output
   * @param {Record<string, Tables>} needed
   */
  #neededTensor(head, output, needed) {
    const values = needed[head]?.[output];
    if (!values) throw new Error(`head ${this.manifest.name} needs ${output} of ${head}, which did not run on this frame`);
    return this.#tensor(values, this.#shapeOf(`${head}__${output}`) ?? [values.length]);
  }

  /** @param {string} input of the graph @returns {number[] | null} */
  #shapeOf(input) {
    const found = this.session.inputMetadata.find(({ name }) => name === input);
    return found?.isTensor ? found.shape.map(Number) : null;
  }
}

/**
 * @param {string} output
 * @param {Float32Array} values
 * @returns {Float32Array} the same; raises when one of them is no number
 */
function finite(output, values) {
  if (!values.every(Number.isFinite)) throw new Error(`gave a value in ${output} that is not a finite number`);
  return values;
}
