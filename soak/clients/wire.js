// @ts-check
'use strict';

/** A connection to the proxy whose bytes are written and read by hand. */

const { once } = require('node:events');
const net = require('node:net');
const { pieces } = require('../lib/payload.js');

/**
 * @typedef {import('./exchange.js').Context} Context
 * @typedef {import('../lib/judge.js').Outcome} Outcome
 * @typedef {import('../lib/hosts.js').Route} Route
 * @typedef {import('../lib/payload.js').Checker} Checker
 */

/**
 * @typedef {object} Head
 * @property {number} status
 * @property {string} reason
 * @property {Record<string, string>} fields by name in lower case
 */

class Wire {
  #began = performance.now();
  #socket;
  /** @type {Buffer} */
  #buffer = Buffer.alloc(0);
  /** @type {Error | null} */
  #error = null;
  #wake = () => {};

  /** @param {Context} context */
  constructor({ proxyPort, signal }) {
    this.#socket = net.connect({
      port: proxyPort,
      host: '127.0.0.1',
      allowHalfOpen: true,
      noDelay: true,
    });
    signal.addEventListener('abort', () => this.#socket.destroy(signal.reason), { once: true });
    this.#socket.on('error', (error) => (this.#error = error));
    for (const event of ['readable', 'end', 'close']) this.#socket.on(event, () => this.#wake());
  }

  get socket() {
    return this.#socket;
  }

  /** @param {string | Buffer} bytes */
  write(bytes) {
    this.#socket.write(bytes);
  }

  /** A piece of the payload, at the pace of the other side. @param {number} offset @param {number} length */
  async writePayload(offset, length) {
    for (const piece of pieces(offset, length)) {
      if (this.#socket.destroyed) return;
      if (!this.#socket.write(piece)) await once(this.#socket, 'drain').catch(() => {});
    }
  }

  end() {
    this.#socket.end();
  }

  destroy() {
    this.#socket.destroy();
  }

  /** The next bytes, or null at a regular end. @returns {Promise<Buffer | null>} */
  async read() {
    if (this.#buffer.length > 0) return this.#take(this.#buffer.length);
    for (;;) {
      const chunk = this.#socket.read();
      if (chunk !== null) return chunk;
      if (this.#socket.readableEnded) return null;
      if (this.#error !== null) throw this.#error;
      if (this.#socket.destroyed) throw new Error('the socket is closed');
      await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    }
  }

  /** What comes before a mark, which is left out. @param {string} mark */
  async until(mark) {
    for (;;) {
      const at = this.#buffer.indexOf(mark);
      if (at >= 0) {
        const text = this.#take(at).toString('latin1');
        this.#take(mark.length);
        return text;
      }
      // `read` gives what is held back before anything new.
      const held = this.#take(this.#buffer.length);
      const chunk = await this.read();
      if (chunk === null)
        throw new Error(`the end, after ${JSON.stringify(held.toString('latin1'))}`);
      this.#buffer = Buffer.concat([held, chunk]);
    }
  }

  /** @returns {Promise<Head>} */
  async head() {
    const [first, ...lines] = (await this.until('\r\n\r\n')).split('\r\n');
    const [, status, ...reason] = first.split(' ');
    const fields = lines.map((line) => {
      const [name, ...value] = line.split(':');
      return [name.toLowerCase(), value.join(':').trim()];
    });
    return { status: Number(status), reason: reason.join(' '), fields: Object.fromEntries(fields) };
  }

  /** A body of known length. @param {number} length */
  async body(length) {
    const chunks = [];
    for (let missing = length; missing > 0; ) {
      const chunk = await this.read();
      if (chunk === null) throw new Error('the end, within a body');
      const part = chunk.subarray(0, missing);
      this.#buffer = chunk.subarray(part.length);
      missing -= part.length;
      chunks.push(part);
    }
    return Buffer.concat(chunks);
  }

  /** All that comes, until the end. Resolves to what has gone wrong, or null. @param {Checker} checker */
  async drain(checker) {
    try {
      for (let chunk = await this.read(); chunk !== null; chunk = await this.read()) {
        checker.take(chunk);
      }
      return (await this.#wasReset()) ? 'a reset' : null;
    } catch (error) {
      return String(error);
    }
  }

  /** An answer whose body has a length, as those of the proxy and of peers that refuse have. @param {Head} head @returns {Promise<Outcome>} */
  async answer({ status, reason, fields }) {
    const text = (await this.body(Number(fields['content-length'] ?? 0))).toString();
    const proxyStatus = fields['proxy-status'];
    const via = /** @type {Route | undefined} */ (fields['x-via']);
    const isExact = proxyStatus === undefined ? text === '' : text.startsWith(`${reason}: `);
    return this.outcome({ status, reason, via, proxyStatus, end: 'whole', isExact, detail: text });
  }

  /** @param {Partial<Outcome>} seen @returns {Outcome} */
  outcome(seen) {
    const elapsedMs = performance.now() - this.#began;
    return { end: 'none', isExact: false, detail: '', ...seen, elapsedMs };
  }

  /**
   * libuv takes a reset that it meets together with the last bytes for a regular end. Writing tells them apart.
   *
   * @returns {Promise<boolean>}
   */
  #wasReset() {
    if (!this.#socket.writable) return Promise.resolve(false);
    return new Promise((resolve) => this.#socket.write('\0', (error) => resolve(Boolean(error))));
  }

  /** @param {number} length */
  #take(length) {
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return taken;
  }
}

module.exports = { Wire };
