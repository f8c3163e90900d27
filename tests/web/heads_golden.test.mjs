// The built-in heads and the example in onnxruntime-web (WASM, one thread) give what onnxruntime gave in Python.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { gunzipSync } from 'node:zlib'
import * as ort from 'onnxruntime-web/wasm'

ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'

const BUILT_IN = new URL('../../task_heads/', import.meta.url)

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

/** A folder of vectors, and the folder in which its heads' folders are; built-in ones may be among them. */
class Golden {
  /** @param {string} vectors @param {string} heads */
  constructor(vectors, heads) {
    this.vectors = new URL(vectors, import.meta.url)
    this.heads = new URL(heads, import.meta.url)
    this.description = JSON.parse(readFileSync(new URL('vectors.json', this.vectors), 'utf8'))
    this.symbols = new Int8Array(unpacked(new URL('features.i8.gz', this.vectors)))
  }

  /** @param {number} frame */
  features(frame) {
    const [channels, height, width] = this.description.shape
    const count = channels * height * width
    const values = new Float32Array(count)
    for (let i = 0; i < count; i += 1) {
      values[i] = this.symbols[frame * count + i] * this.description.step[Math.floor(i / (height * width))]
    }
    return new ort.Tensor('float32', values, [1, channels, height, width])
  }

  /** @param {string} name @param {string} file */
  read(name, file) {
    const own = new URL(`${name}/${file}`, this.heads)
    return readFileSync(existsSync(own) ? own : new URL(`${name}/${file}`, BUILT_IN))
  }

  /** @param {string} name */
  manifest(name) {
    return JSON.parse(this.read(name, 'head.json').toString())
  }

  /** @param {string} name */
  outputs(name) {
    return new Float32Array(unpacked(new URL(`${name}.f32.gz`, this.vectors)))
  }

  /**
   * What another head gave on a frame, for a head that needs it.
   *
   * @param {string} name
   * @param {string} output
   * @param {number} frame
   */
  table(name, output, frame) {
    const { outputs } = this.manifest(name)
    /** @param {{shape: number[]}[]} some */
    const size = (some) => some.reduce((sum, item) => sum + elements(item.shape), 0)
    const index = outputs.findIndex((/** @type {{name: string}} */ item) => item.name === output)
    const at = frame * size(outputs) + size(outputs.slice(0, index))
    const { shape } = outputs[index]
    return tensor(Array.from(this.outputs(name).subarray(at, at + elements(shape))), shape)
  }
}

const sets = [
  new Golden('../vectors/heads/', '../../task_heads/'),
  new Golden('../../examples/referee_spotting/tests/vectors/', '../../examples/referee_spotting/'),
]

for (const golden of sets) for (const name of Object.keys(golden.description.heads)) {
  test(`${name} gives the golden outputs, with equal ids`, async () => {
    const { description } = golden
    const manifest = golden.manifest(name)
    assert.equal(
      description.heads[name].sha256, manifest.model.sha256,
      'the head was exported again, its vectors were not',
    )
    const outputsThen = golden.outputs(name)
    const session = await ort.InferenceSession.create(new Uint8Array(golden.read(name, 'head.onnx')))
    /** @type {Record<string, ort.Tensor>} */
    const state = {}
    for (const part of manifest.state ?? []) {
      state[part.name] = tensor(new Array(elements(part.shape)).fill(part.init), part.shape)
    }
    let at = 0
    let rows = 0
    for (let frame = 0; frame < description.frames; frame += 1) {
      /** @type {Record<string, ort.Tensor>} */
      const feeds = { features: golden.features(frame), ...state }
      if (manifest.inputs.view) feeds.view = tensor(description.view, [6])
      if (manifest.inputs.dt) feeds.dt = tensor([description.dt[frame]], [1])
      for (const setting of manifest.settings ?? []) feeds[setting.name] = tensor([setting.default], [1])
      for (const [needed, outputs] of Object.entries(manifest.needs ?? {})) {
        for (const output of outputs) feeds[`${needed}__${output}`] = golden.table(needed, output, frame)
      }
      const outputs = await session.run(feeds)
      for (const part of manifest.state ?? []) state[part.name] = /** @type {ort.Tensor} */ (outputs[part.output])
      for (const output of manifest.outputs) {
        const got = /** @type {Float32Array} */ (outputs[output.name].data)
        const width = output.columns.length
        const valid = output.columns.indexOf('valid')
        for (let i = 0; i < got.length; i += 1) {
          const column = output.columns[i % width]
          // What is in an empty slot does not matter.
          if (valid >= 0 && column !== 'valid' && outputsThen[at + i - (i % width) + valid] < 0.5) continue
          const wanted = outputsThen[at + i]
          const where = `frame ${frame}, ${output.name}, row ${Math.floor(i / width)}, ${column}`
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
    assert.equal(at, outputsThen.length)
    assert.ok(rows > 0, 'the vectors show nothing: make them with a trained head')
  })
}
