/** Watching one WHEP stream for as long as the page is open: join, notice that it stopped, join again. */

/** Between two attempts: the page must be back within 3 s of the server, whatever a server asks for. */
const RETRY_MS = 500;
const LONGEST_RETRY_MS = 1000;
/** A POST that is not answered by then is given up. */
const ANSWER_MS = 5000;
/** ICE gathering on a machine without STUN servers takes a few ms; a browser that never says "complete" must not hold the join. */
const GATHERING_MS = 500;
/** Without a frame for this long the stream has stopped. */
const STALL_MS = 2000;
const FIRST_FRAME_MS = 6000;

/** Why a join or a session ended, in words for the viewer. */
export class ConnectionError extends Error {
  /**
   * @param {string} message
   * @param {number} [retryMs] when to try again
   * @param {'reconnecting' | 'off'} [state] off when the next attempt will most likely end in the same way
   */
  constructor(message, retryMs = RETRY_MS, state = 'reconnecting') {
    super(message);
    this.retryMs = Math.min(Math.max(retryMs, RETRY_MS), LONGEST_RETRY_MS);
    this.state = state;
  }
}

/**
 * What an answer other than 201 means.
 *
 * @param {number} status
 * @param {string | null} retryAfter seconds, as in the header
 * @param {string} body
 * @returns {ConnectionError}
 */
export function refusal(status, retryAfter, body) {
  const wait = Number(retryAfter ?? 0) * 1000 || RETRY_MS;
  if (status === 409) return new ConnectionError('The broadcast has not started yet', wait);
  if (status === 503) return new ConnectionError('The broadcast is full', wait);
  if (status === 401 || status === 403) return new ConnectionError('The server wants a token: open /#token=…', LONGEST_RETRY_MS);
  const said = detailOf(body).slice(0, 120);
  return new ConnectionError(`The server refused (${status}${said ? `: ${said}` : ''})`, LONGEST_RETRY_MS);
}

/** @param {string} body JSON with a detail, or text; its first line counts @returns {string} */
function detailOf(body) {
  try {
    return String(JSON.parse(body).detail ?? '');
  } catch {
    return body.trim().split('\n')[0];
  }
}

/**
 * H.264 and its retransmission, nothing else: the features ride in H.264 access units.
 *
 * @param {{mimeType: string}[]} codecs
 */
export function h264Only(codecs) {
  const types = codecs.map((codec) => codec.mimeType.toLowerCase());
  if (!types.includes('video/h264')) return [];
  return codecs.filter((_, index) => ['video/h264', 'video/rtx'].includes(types[index]));
}

/**
 * @typedef {object} ConnectionHooks
 * @property {(receiver: RTCRtpReceiver, session: number) => void} onReceiver before any frame of a session arrives
 * @property {() => void} onAnswer the server has taken the session
 * @property {(stream: MediaStream, session: number) => void} onStream
 * @property {(state: 'connecting' | 'live' | 'reconnecting' | 'off', reason: string) => void} onState
 */

/** Holds at most one session at a time, from `start` to `stop`. */
export class Connection {
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  /** @type {string | null} */
  #resource = null;
  #session = 0;
  #running = false;
  #joined = false;
  #lastFrame = 0;
  #posted = 0;
  /** @type {(reason: ConnectionError) => void} */
  #end = () => {};

  /**
   * @param {string} url of the WHEP endpoint
   * @param {string} token that the server wants; empty for none
   * @param {ConnectionHooks} hooks
   */
  constructor(url, token, hooks) {
    this.url = url;
    this.hooks = hooks;
    /** @type {Record<string, string>} */
    this.authorization = token ? { Authorization: `Bearer ${token}` } : {};
    this.stallMs = STALL_MS;
  }

  /** The connection of the session now, for its statistics. */
  get peer() {
    return this.#peer;
  }

  /** `performance.now()` when the session's offer was posted; 0 before. */
  get postedAt() {
    return this.#posted;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#keepWatching();
  }

  stop() {
    this.#running = false;
    this.#end(new ConnectionError('Stopped'));
    this.#close();
  }

  /** To be called for every frame that arrives. */
  frameArrived() {
    this.#lastFrame = performance.now();
    if (this.#joined || !this.#peer) return;
    this.#joined = true;
    this.hooks.onState('live', '');
  }

  async #keepWatching() {
    this.hooks.onState('connecting', '');
    while (this.#running) {
      let ended;
      try {
        ended = await this.#watch();
      } catch (error) {
        ended = error instanceof ConnectionError ? error : new ConnectionError('The server does not answer');
      }
      this.#close();
      if (!this.#running) return;
      this.hooks.onState(ended.state, ended.message);
      await new Promise((resolve) => setTimeout(resolve, ended.retryMs));
    }
  }

  /** One session: returns why it ended. @returns {Promise<ConnectionError>} */
  async #watch() {
    const session = ++this.#session;
    const peer = new RTCPeerConnection();
    this.#peer = peer;
    this.#joined = false;
    this.#posted = 0;
    const transceiver = peer.addTransceiver('video', { direction: 'recvonly' });
    const codecs = h264Only(RTCRtpReceiver.getCapabilities('video')?.codecs ?? []);
    if (!codecs.length) throw new ConnectionError('This browser does not play H.264, which the broadcast is in', LONGEST_RETRY_MS, 'off');
    transceiver.setCodecPreferences(/** @type {RTCRtpCodec[]} */ (codecs));
    this.hooks.onReceiver(transceiver.receiver, session);
    peer.ontrack = ({ track }) => this.hooks.onStream(new MediaStream([track]), session);

    await peer.setLocalDescription();
    await gathered(peer);
    this.#posted = performance.now();
    this.#lastFrame = this.#posted;
    const answer = await this.#post(peer.localDescription?.sdp ?? '');
    this.hooks.onAnswer();
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    return this.#untilEnd(peer);
  }

  /** @param {string} offer @returns {Promise<string>} the answer */
  async #post(offer) {
    const response = await fetch(this.url, {
      method: 'POST', headers: { 'Content-Type': 'application/sdp', ...this.authorization }, body: offer,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const body = await response.text();
    if (response.status !== 201) throw refusal(response.status, response.headers.get('Retry-After'), body);
    const location = response.headers.get('Location');
    if (location) this.#resource = new URL(location, response.url).href;
    return body;
  }

  /** @param {RTCPeerConnection} peer @returns {Promise<ConnectionError>} */
  #untilEnd(peer) {
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const limit = this.#joined ? this.stallMs : FIRST_FRAME_MS;
        if (performance.now() - this.#lastFrame > limit) end(new ConnectionError('The stream stopped'));
      }, 250);
      const end = (/** @type {ConnectionError} */ reason) => {
        clearInterval(timer);
        resolve(reason);
      };
      this.#end = end;
      peer.onconnectionstatechange = () => {
        if (['failed', 'closed'].includes(peer.connectionState)) end(new ConnectionError('The connection was lost'));
      };
    });
  }

  #close() {
    if (this.#resource) {
      // keepalive: the browser sends it even while the page goes away.
      fetch(this.#resource, { method: 'DELETE', headers: this.authorization, keepalive: true }).catch(() => {});
    }
    this.#resource = null;
    this.#peer?.close();
    this.#peer = null;
  }
}

/** @param {RTCPeerConnection} peer @returns {Promise<void>} */
function gathered(peer) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERING_MS);
    const check = () => {
      if (peer.iceGatheringState !== 'complete') return;
      clearTimeout(timer);
      resolve();
    };
    peer.onicegatheringstatechange = check;
    check();
  });
}
