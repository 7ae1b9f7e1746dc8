// @ts-check
'use strict';

const {
  AbortError,
  InvalidOptionError,
  callNative,
  fromNative,
  rememberCaller,
  showCaller,
} = require('./errors.js');
const { Log, writeToConsole } = require('./log.js');
const { native } = require('./native.js');
const { checkString, checkStrings, checkTypes, unknownOptions } = require('./options.js');
const { AluviaClientSession } = require('./session.js');

/** @typedef {import('../binding.js').NativeFailure} NativeFailure */
/** @typedef {import('../binding.js').NativeSession} NativeSession */
/** @typedef {import('../binding.js').NativeUpdate} NativeUpdate */

/**
 * A session that runs, and the native object behind it.
 *
 * @typedef {{ session: AluviaClientSession, native: NativeSession }} Running
 */

/**
 * A start that is under way, which all callers of `start()` share. Each of them makes an error of its own from a failure.
 *
 * @typedef {object} Start
 * @property {boolean} isCancelled
 * @property {(nothing: void) => void} cancel ends what the start waits for before it begins
 * @property {number} waiting the callers that have not given up
 * @property {Promise<Running | NativeFailure>} started
 */

class AluviaClient {
  #native;
  #login;
  /** Kept for as long as something may be logged: the native side does not hold it. */
  #log;
  /** @type {Start | undefined} */
  #start;
  /** @type {Running | undefined} */
  #running;
  /** The end of the session or of the cancelled start before, whose port may be wanted again. */
  /** @type {Promise<unknown>} */
  #lastStop = Promise.resolve();
  /** The updates that are under way: they are sent in the order of the calls, and a start finds them done. */
  /** @type {Promise<unknown>} */
  #lastUpdate = Promise.resolve();

  /** @param {import('../index.js').AluviaClientOptions} options */
  constructor(options) {
    const {
      logLevel = 'info',
      logger = writeToConsole,
      ...rest
    } = showCaller(AluviaClient, () => checkTypes(options));
    const { NativeClient } = native();
    const log = new Log(logger, logLevel);
    this.#log = log;
    this.#login = rest.localAuth;
    this.#native = callNative(AluviaClient, () =>
      NativeClient.create(rest, logLevel, log.forNative()),
    );
    for (const name of unknownOptions(options)) {
      log.warn('unknown option ignored', [['option', name]]);
    }
  }

  /** @param {{ signal?: AbortSignal | null } | null} [options] */
  async start(options) {
    const atCaller = rememberCaller(this.start);
    const signal = options?.signal ?? undefined;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw atCaller(new InvalidOptionError('signal must be an AbortSignal'));
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
    if (this.#start) this.#cancel(this.#start);
    await this.#running?.session.stop();
    await this.#lastStop;
  }

  /** @param {readonly string[]} rules */
  async updateRules(rules) {
    const atCaller = rememberCaller(this.updateRules);
    showCaller(this.updateRules, () => checkStrings('rules', rules));
    await this.#update({ rules: [...rules] }, atCaller);
  }

  /** @param {string} sessionId */
  async updateSessionId(sessionId) {
    const atCaller = rememberCaller(this.updateSessionId);
    showCaller(this.updateSessionId, () => checkString('sessionId', sessionId));
    await this.#update({ sessionId }, atCaller);
  }

  /** @returns {Start} */
  #begin() {
    const state = { isCancelled: false, cancel: () => {}, waiting: 0 };
    const started = this.#run(state).finally(() => {
      if (this.#start === start) this.#start = undefined;
    });
    started.catch(() => {});
    const start = Object.assign(state, { started });
    return start;
  }

  /**
   * @param {Pick<Start, 'isCancelled' | 'cancel'>} start
   * @returns {Promise<Running | NativeFailure>}
   */
  async #run(start) {
    const cancelled = new Promise((resolve) => {
      start.cancel = resolve;
    });
    await Promise.race([Promise.all([this.#lastStop, this.#lastUpdate]), cancelled]);
    if (start.isCancelled) return CANCELLED;
    const result = await this.#native.start();
    if ('code' in result) return result;
    const session = new AluviaClientSession(result, {
      onStopping: (stopped) => this.#forget(session, stopped),
      login: this.#login,
      log: this.#log,
    });
    if (start.isCancelled) {
      await session.stop();
      return CANCELLED;
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
      const result = await Promise.race([start.started, /** @type {Promise<never>} */ (aborted)]);
      if ('code' in result) throw fromNative(result);
      return result.session;
    } finally {
      if (onAbort) signal?.removeEventListener('abort', onAbort);
      start.waiting -= 1;
      if (start.waiting === 0 && this.#start === start) this.#cancel(start);
    }
  }

  /**
   * A start that is called from now on is another one, which waits for the end of this.
   *
   * @param {Start} start
   */
  #cancel(start) {
    start.isCancelled = true;
    start.cancel();
    this.#native.cancelStart();
    this.#start = undefined;
    this.#lastStop = Promise.all([this.#lastStop, start.started.catch(() => {})]);
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
    const before = Promise.all([this.#lastUpdate, this.#start?.started.catch(() => {})]);
    const updated = before.then(() => (this.#running?.native ?? this.#native).update(update));
    this.#lastUpdate = updated.catch(() => {});
    const failure = await updated;
    if (failure) throw atCaller(fromNative(failure));
  }
}

/** @type {NativeFailure} */
const CANCELLED = { code: 'ABORT_ERR', message: 'The start was cancelled' };

module.exports = { AluviaClient };
