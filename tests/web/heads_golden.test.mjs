// The built-in heads in onnxruntime-web (WASM, one thread) give what onnxruntime gave in Python.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { gunzipSync } from 'node:zlib'
import * as ort from 'onnxruntime-web/wasm'

const vectors = new URL('../vectors/heads/', import.meta.url)
const heads = new URL('../../task_heads/', import.meta.url)
const description = JSON.parse(readFileSync(new URL('vectors.json', vectors), 'utf8'))

ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'

/** @param {URL} url */
function unpacked(url) {
  const bytes = gunzipSync(readFileSync(url))
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
}

/** @param {number[]} shape */
function elements(shape) {
  return shape.reduce((product, size) => product * size, 1)
}

/** @param {number[]} values @param {number[]} shape */
function tensor(values, shape) {
  return new ort.Tensor('float32', Float32Array.from(values), shape)
}

const symbols = new Int8Array(unpacked(new URL('features.i8.gz', vectors)))
const [channels, height, width] = description.shape

/** @param {number} frame */
function features(frame) {
  const count = channels * height * width
  const values = new Float32Array(count)
  for (let i = 0; i < count; i += 1) {
    values[i] = symbols[frame * count + i] * description.step[Math.floor(i / (height * width))]
  }
  return new ort.Tensor('float32', values, [1, channels, height, width])
}

/** @param {string} name */
function manifestOf(name) {
  return JSON.parse(readFileSync(new URL(`${name}/head.json`, heads), 'utf8'))
}

/** @param {string} name */
function goldenOf(name) {
  return new Float32Array(unpacked(new URL(`${name}.f32.gz`, vectors)))
}

/**
 * What another head gave on a frame, for a head that needs it.
 *
 * @param {string} name
 * @param {string} output
 * @param {number} frame
 */
function goldenTable(name, output, frame) {
  const { outputs } = manifestOf(name)
  /** @param {{shape: number[]}[]} some */
  const size = (some) => some.reduce((sum, item) => sum + elements(item.shape), 0)
  const index = outputs.findIndex((/** @type {{name: string}} */ item) => item.name === output)
  const at = frame * size(outputs) + size(outputs.slice(0, index))
  const { shape } = outputs[index]
  return tensor(Array.from(goldenOf(name).subarray(at, at + elements(shape))), shape)
}

for (const name of Object.keys(description.heads)) {
  test(`${name} gives the golden outputs, with equal ids`, async () => {
    const folder = new URL(`${name}/`, heads)
    const manifest = manifestOf(name)
    assert.equal(
      description.heads[name].sha256, manifest.model.sha256,
      'the head was exported again: run python -m task_heads.training.vectors',
    )
    const golden = goldenOf(name)
    const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(new URL('head.onnx', folder))))
    /** @type {Record<string, ort.Tensor>} */
    const state = {}
    for (const part of manifest.state) {
      state[part.name] = tensor(new Array(elements(part.shape)).fill(part.init), part.shape)
    }
    let at = 0
    let rows = 0
    for (let frame = 0; frame < description.frames; frame += 1) {
      /** @type {Record<string, ort.Tensor>} */
      const feeds = { features: features(frame), ...state }
      if (manifest.inputs.view) feeds.view = tensor(description.view, [6])
      if (manifest.inputs.dt) feeds.dt = tensor([description.dt[frame]], [1])
      for (const setting of manifest.settings) feeds[setting.name] = tensor([setting.default], [1])
      for (const [needed, outputs] of Object.entries(manifest.needs ?? {})) {
        for (const output of outputs) feeds[`${needed}__${output}`] = goldenTable(needed, output, frame)
      }
      const outputs = await session.run(feeds)
      for (const part of manifest.state) state[part.name] = /** @type {ort.Tensor} */ (outputs[part.output])
      for (const output of manifest.outputs) {
        const got = /** @type {Float32Array} */ (outputs[output.name].data)
        for (let i = 0; i < got.length; i += 1) {
          const column = output.columns[i % output.columns.length]
          const wanted = golden[at + i]
          const where = `frame ${frame}, ${output.name}, row ${Math.floor(i / output.columns.length)}, ${column}`
          if (column === 'id' || column === 'valid' || column === 'label') {
            assert.equal(got[i], wanted, where)
            if (column === 'valid') rows += wanted
          } else {
            const gap = Math.abs(got[i] - wanted)
            assert.ok(gap <= 1e-3 * Math.max(1, Math.abs(wanted)), `${where}: ${got[i]} instead of ${wanted}`)
          }
        }
        at += got.length
      }
    }
    assert.equal(at, golden.length)
    assert.ok(rows > 0, 'the vectors show nothing: make them with a trained head')
  })
}
