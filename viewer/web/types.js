/**
 * The shapes that the page's modules hand to each other; docs/heads.md is the source of those in a manifest.
 *
 * @typedef {{name: string, output: string, shape: number[], init?: number}} StateTensor
 * @typedef {{name: string, shape: [number, number], columns: string[]}} Output
 * @typedef {{name: string, title: string, unit: string, definition: string, output: string, column: string,
 *   valid?: string | null, decimals?: number}} Statistic
 * @typedef {{name: string, title: string, type: 'number', min?: number, max?: number, step?: number | null, unit?: string,
 *   default: number}} NumberSetting
 * @typedef {{name: string, title: string, type: 'boolean', default: number}} BooleanSetting
 * @typedef {{name: string, title: string, type: 'choice', choices: {value: number, title: string}[], default: number}} ChoiceSetting
 * @typedef {{name: string, title: string, type: 'object', output: string, default: number}} ObjectSetting the id of a thing
 *   in the picture; 0 is none
 * @typedef {NumberSetting | BooleanSetting | ChoiceSetting | ObjectSetting} Setting
 *
 * @typedef {{kind: 'boxes', output: string, when?: When, colour_by?: 'label' | 'id' | 'team'}} BoxesDraw
 * @typedef {{kind: 'points', output: string, when?: When, colour?: string}} PointsDraw
 * @typedef {{kind: 'trail', output: string, colour?: string}} TrailDraw
 * @typedef {{kind: 'text', corner: Corner, template: string}} TextDraw
 * @typedef {{kind: 'table', title: string, statistics: string[]}} TableDraw
 * @typedef {'confirmed' | 'all'} When
 * @typedef {'top_left' | 'top_right' | 'bottom_left' | 'bottom_right'} Corner
 * @typedef {BoxesDraw | PointsDraw | TrailDraw | TextDraw | TableDraw} Draw
 *
 * @typedef {object} Manifest
 * @property {1} format
 * @property {string} name
 * @property {string} title
 * @property {string} description
 * @property {string} version
 * @property {{name: string, fingerprint: string, shape: number[]}} spec
 * @property {{file: string, sha256: string, size: number}} model
 * @property {{features?: boolean, view?: boolean, dt?: boolean}} inputs
 * @property {StateTensor[]} [state]
 * @property {Setting[]} [settings]
 * @property {Record<string, string[]>} [needs]
 * @property {Output[]} outputs
 * @property {string[]} [labels]
 * @property {Statistic[]} [statistics]
 * @property {Draw[]} [draw]
 *
 * @typedef {{name: string, title?: string, description?: string, ok: boolean, reason?: string, manifest?: Manifest}} CatalogueEntry
 *
 * @typedef {{xyxy: [number, number, number, number], score: number, label: string, id?: number, team?: number}} Box
 *   in pixels of the source picture
 * @typedef {{xy: [number, number], score: number, label: string, id?: number, guess?: true}} Point
 *   `guess`: not seen in this frame
 * @typedef {{label: string, xy: [number, number][], guess?: number[]}} Trail `guess`: 1 for every point that was not seen
 *
 * @typedef {{draw: BoxesDraw, boxes: Box[]} | {draw: PointsDraw, points: Point[]} | {draw: TrailDraw, trail: Trail}
 *   | {draw: TextDraw, text: string}} Layer
 *   what one entry of the manifest's `draw` came to on a frame
 *
 * @typedef {object} Result
 * @property {string} head
 * @property {Box[]} boxes
 * @property {Point[]} points
 * @property {Trail[]} trails
 * @property {Record<string, number>} stats
 * @property {Layer[]} layers
 *
 * @typedef {Record<string, Float32Array>} Tables name of an output -> its values, row after row
 *
 * @typedef {object} FrameLabel
 * @property {number} number decode order of the programme, from 0
 * @property {number} pts 90 kHz ticks
 * @property {number} sourceWidth pixels
 * @property {number} sourceHeight pixels
 */

export {};
