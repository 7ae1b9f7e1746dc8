// @ts-check
'use strict';

const {
  AbortError,
  InvalidOptionError,
  callNative,
  fromNative,
  rememberCaller,
} = require('./errors.js');
const { guard, writeToConsole } = require('./log.js');
const { native } = require('./native.js');
const { checkString, checkStrings, checkTypes } = require('./options.js');
const { AluviaClientSession } = require('./session.js');

/** @typedef {import('../binding.js').NativeSession} NativeSession */
/** @typedef {import('../binding.js').NativeUpdate} NativeUpdate */

/**
 * A session that runs, and the native object behind it.
 *
 * @typedef {{ session: AluviaClientSession, native: NativeSession }} Running
 */

/**
 * A start that is under way, which all callers of `start()` share.
 *
 * @typedef {{ isCancelled: boolean, waiting: number, started: Promise<Running> }} Start
 */

class AluviaClient {
  #native;
  /** @type {Start | undefined} */
  #start;
  /** @type {Running | undefined} */
  #running;
  /** The end of the session before, whose port may be wanted again. */
  /** @type {Promise<unknown>} */
  #lastStop = Promise.resolve();

  /** @param {import('../index.js').AluviaClientOptions} options */
  constructor(options) {
    const { logLevel = 'info', logger = writeToConsole, ...rest } = checkTypes(options);
    const { NativeClient } = native();
    this.#native = callNative(
      () => NativeClient.create(rest, logLevel, guard(logger)),
      AluviaClient,
    );
  }

  /** @param {{ signal?: AbortSignal }} [options] */
  async start({ signal } = {}) {
    const atCaller = rememberCaller(this.start);
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new InvalidOptionError('signal must be an AbortSignal');
    }
    if (signal?.aborted) throw atCaller(new AbortError(signal.reason));
    if (this.#running) return this.#running.session;
    this.#start ??= this.#begin();
    try {
      return await this.#join(this.#start, signal);
    } catch (error) {
      throw atCaller(/** @type {Error} */ (error));
    }
  }

  async stop() {
    const start = this.#start;
    if (start) {
      this.#cancel(start);
      await start.started.catch(() => {});
    }
    await this.#running?.session.stop();
    await this.#lastStop;
  }

  /** @param {string[]} rules */
  async updateRules(rules) {
    const atCaller = rememberCaller(this.updateRules);
    checkStrings('rules', rules);
    await this.#update({ rules }, atCaller);
  }

  /** @param {string} sessionId */
  async updateSessionId(sessionId) {
    const atCaller = rememberCaller(this.updateSessionId);
    checkString('sessionId', sessionId);
    await this.#update({ sessionId }, atCaller);
  }

  /** @returns {Start} */
  #begin() {
    /** @type {Start} */
    const start = { isCancelled: false, waiting: 0, started: Promise.reject() };
    start.started.catch(() => {});
    start.started = this.#run(start).finally(() => {
      this.#start = undefined;
    });
    start.started.catch(() => {});
    return start;
  }

  /**
   * @param {Start} start
   * @returns {Promise<Running>}
   */
  async #run(start) {
    await this.#lastStop;
    if (start.isCancelled) throw new AbortError();
    const result = await this.#native.start();
    if ('code' in result) throw fromNative(result);
    const session = new AluviaClientSession(result, (stopped) => this.#forget(session, stopped));
    if (start.isCancelled) {
      await session.stop();
      throw new AbortError();
    }
    this.#running = { session, native: result };
    return this.#running;
  }

  /**
   * Waits for a start that others may wait for too. It goes on until the last of them has given up.
   *
   * @param {Start} start
   * @param {AbortSignal | undefined} signal
   */
  async #join(start, signal) {
    start.waiting += 1;
    /** @type {(() => void) | undefined} */
    let onAbort;
    const aborted = new Promise((_, reject) => {
      onAbort = () => reject(new AbortError(signal?.reason));
      signal?.addEventListener('abort', onAbort, { once: true });
    });
    try {
      const { session } = await Promise.race([
        start.started,
        /** @type {Promise<never>} */ (aborted),
      ]);
      return session;
    } finally {
      if (onAbort) signal?.removeEventListener('abort', onAbort);
      start.waiting -= 1;
      if (start.waiting === 0 && this.#start === start) this.#cancel(start);
    }
  }

  /** @param {Start} start */
  #cancel(start) {
    start.isCancelled = true;
    this.#native.cancelStart();
  }

  /**
   * @param {AluviaClientSession} session
   * @param {Promise<void>} stopped
   */
  #forget(session, stopped) {
    if (this.#running?.session === session) this.#running = undefined;
    this.#lastStop = stopped.catch(() => {});
  }

  /**
   * @param {NativeUpdate} update
   * @param {(error: Error) => Error} atCaller
   */
  async #update(update, atCaller) {
    await this.#start?.started.catch(() => {});
    const failure = await (this.#running?.native ?? this.#native).update(update);
    if (failure) throw atCaller(fromNative(failure));
  }
}

module.exports = { AluviaClient };
