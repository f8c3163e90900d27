/** Keeps the overlay exactly on the video's picture: through resize, full screen, object-fit, zoom and rotation. */

import { canvasSize, pictureRectangle } from './layout.js';

/** The video, the canvas on it and their box. */
export class Stage {
  /** @type {'contain' | 'cover'} */
  #fit = 'contain';
  #unit = 1;
  #ratio = 0;

  /**
   * @param {{player: HTMLElement, stage: HTMLElement, video: HTMLVideoElement, canvas: HTMLCanvasElement}} elements
   * @param {() => void} onLayout the canvas has another size and is empty: draw again what is on the screen
   */
  constructor({ player, stage, video, canvas }, onLayout) {
    this.player = player;
    this.stage = stage;
    this.video = video;
    this.canvas = canvas;
    this.onLayout = onLayout;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    new ResizeObserver(() => this.layOut()).observe(stage);
    // The picture's own size: known at the first frame, and changing when the broadcast does.
    video.addEventListener('resize', () => this.layOut());
    video.addEventListener('loadedmetadata', () => this.layOut());
    document.addEventListener('fullscreenchange', () => this.layOut());
    this.layOut();
  }

  /** Canvas pixels per CSS px. */
  get unit() {
    return this.#unit;
  }

  get fit() {
    return this.#fit;
  }

  /** @param {'contain' | 'cover'} fit */
  setFit(fit) {
    this.#fit = fit;
    this.stage.dataset.fit = fit;
    this.layOut();
  }

  /** Put the canvas on the picture. */
  layOut() {
    const { video, canvas } = this;
    const picture = { width: video.videoWidth, height: video.videoHeight };
    if (picture.width && picture.height) {
      this.player.style.setProperty('--aspect', `${picture.width} / ${picture.height}`);
    }
    const box = { width: video.clientWidth, height: video.clientHeight };
    const rectangle = pictureRectangle(box, picture, this.#fit);
    canvas.style.left = `${rectangle.left}px`;
    canvas.style.top = `${rectangle.top}px`;
    canvas.style.width = `${rectangle.width}px`;
    canvas.style.height = `${rectangle.height}px`;
    this.#ratio = window.devicePixelRatio;
    const size = canvasSize(rectangle, this.#ratio);
    this.#unit = rectangle.width > 0 ? size.width / rectangle.width : 1;
    if (canvas.width === size.width && canvas.height === size.height) return;
    canvas.width = size.width;
    canvas.height = size.height;
    this.onLayout();
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** To be called before drawing: nothing tells reliably that the window moved to a screen of other pixels. */
  followPixelRatio() {
    if (window.devicePixelRatio !== this.#ratio) this.layOut();
  }

  get isFull() {
    return document.fullscreenElement === this.player || this.player.classList.contains('filled');
  }

  /** The player goes full screen, not the video: the overlay and the panel come along. */
  async toggleFull() {
    if (this.player.classList.contains('filled')) {
      this.#fill(false);
    } else if (document.fullscreenElement) {
      await document.exitFullscreen();
    } else {
      try {
        await this.player.requestFullscreen({ navigationUI: 'hide' });
      } catch {
        // Phones that give full screen to videos only, and pages in a frame: fill the window instead.
        this.#fill(true);
      }
    }
  }

  /** @param {boolean} on */
  #fill(on) {
    this.player.classList.toggle('filled', on);
    this.layOut();
    document.dispatchEvent(new Event('fullscreenchange'));
  }

  leaveFull() {
    if (this.player.classList.contains('filled')) this.#fill(false);
  }
}
