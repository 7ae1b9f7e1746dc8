// @ts-check
'use strict';

const adapters = require('./adapters.js');
const {
  InvalidOptionError,
  callNative,
  fromNative,
  rememberCaller,
  showCaller,
} = require('./errors.js');

/** @typedef {import('../binding.js').NativeSession} NativeSession */
/** @typedef {import('../index.js').LocalLogin} Login */

/** The longest delay that a timer takes. */
const FOR_EVER = 2 ** 31 - 1;

// Node.js 18.17 does not have the symbol yet; libraries agree on this stand-in.
/** @type {typeof Symbol.asyncDispose} */
const ASYNC_DISPOSE = /** @type {any} */ (Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose'));

class AluviaClientSession {
  /** @type {NativeSession} */
  #native;
  /** @type {(stopped: Promise<void>) => void} */
  #onStopping;
  /** @type {import('node:http').Agent | undefined} */
  #agent;
  /** @type {Promise<void> | undefined} */
  #stopped;
  /** @type {Login | undefined} */
  #login;
  #hasWarned = false;
  /** Kept for as long as something may be logged: the native side does not hold it. */
  #log;
  /** Holds the process, and this object, for as long as the session runs. */
  #hold;

  /**
   * @param {NativeSession} native
   * @param {object} surroundings
   * @param {(stopped: Promise<void>) => void} surroundings.onStopping called once, when the session begins to stop
   * @param {Login} [surroundings.login] what clients log in with
   * @param {import('./log.js').Log} surroundings.log what the native side logs to
   */
  constructor(native, { onStopping, login, log }) {
    this.#native = native;
    this.#onStopping = onStopping;
    this.#login = login;
    this.#log = log;
    this.#hold = setInterval(() => [this.#native, this.#log], FOR_EVER);
    this.host = native.host;
    this.port = native.port;
    this.url = `http://${this.host}:${this.port}`;
    Object.freeze(this);
  }

  getUrl() {
    return this.url;
  }

  getLocalAuth() {
    return this.#login && { ...this.#login };
  }

  getUrlWithLogin() {
    return adapters.withLogin(this.url, this.#login);
  }

  asPlaywright() {
    return adapters.playwright(this.url, this.#login);
  }

  asPuppeteer() {
    if (this.#login && !this.#hasWarned) {
      this.#hasWarned = true;
      this.#log.warn(
        'Chromium takes no credentials from its command line: call page.authenticate(session.getLocalAuth()) for each page',
      );
    }
    return adapters.puppeteer(this.url);
  }

  asNodeAgent() {
    this.#agent ??= adapters.nodeAgent(this.url, this.#login);
    return this.#agent;
  }

  /**
   * @param {string | URL} urlOrHost
   * @returns {import('../index.js').Explanation}
   */
  explain(urlOrHost) {
    showCaller(this.explain, () => checkUrlOrHost(urlOrHost));
    const explained = callNative(this.explain, () => this.#native.explain(String(urlOrHost)));
    const route = /** @type {'direct' | 'gateway'} */ (explained.route);
    const source = /** @type {'api' | 'state-file'} */ (explained.source);
    return { ...explained, route, rule: explained.rule ?? null, source };
  }

  stop() {
    if (!this.#stopped) {
      this.#stopped = this.#stop(rememberCaller(this.stop));
      this.#onStopping(this.#stopped);
    }
    return this.#stopped;
  }

  close() {
    return this.stop();
  }

  [ASYNC_DISPOSE]() {
    return this.stop();
  }

  ref() {
    this.#hold.ref();
    return this;
  }

  unref() {
    this.#hold.unref();
    return this;
  }

  /** Closes the agent's idle connections, and each other one when its exchange is over. */
  #drainAgent() {
    if (!this.#agent) return;
    this.#agent.on('free', (socket) => socket.destroy());
    for (const sockets of Object.values(this.#agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }

  /** @param {(error: Error) => Error} atCaller */
  async #stop(atCaller) {
    this.#drainAgent();
    const failure = await this.#native.stop();
    this.#agent?.destroy();
    clearInterval(this.#hold);
    if (failure) throw atCaller(fromNative(failure));
  }
}

/** @param {unknown} value */
function checkUrlOrHost(value) {
  if (typeof value === 'string' || value instanceof URL) return;
  throw new InvalidOptionError('urlOrHost must be a string or a URL');
}

module.exports = { AluviaClientSession };
