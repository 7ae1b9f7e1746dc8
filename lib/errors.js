// @ts-check
'use strict';

/**
 * @typedef {object} Details
 * @property {string} code
 * @property {unknown} [cause]
 */

class AluviaError extends Error {
  /**
   * @param {string} message
   * @param {Details} details
   */
  constructor(message, { code, cause }) {
    super(message, cause === undefined ? undefined : { cause });
    /** @type {string} */
    this.code = code;
  }

  get name() {
    return this.constructor.name;
  }
}

class MissingUserTokenError extends AluviaError {
  /** @param {string} message */
  constructor(message) {
    super(message, { code: 'ALUVIA_MISSING_USER_TOKEN' });
  }
}

class InvalidOptionError extends AluviaError {
  /** @param {string} message */
  constructor(message) {
    super(message, { code: 'ALUVIA_INVALID_OPTION' });
  }
}

class ApiError extends AluviaError {
  /**
   * @param {string} message
   * @param {{ code?: string, statusCode?: number, cause?: unknown }} [details]
   */
  constructor(message, { code = 'ALUVIA_API', statusCode, cause } = {}) {
    super(message, { code, cause });
    /** @type {number | undefined} */
    this.statusCode = statusCode;
  }
}

class InvalidUserTokenError extends AluviaError {
  /**
   * @param {string} message
   * @param {{ statusCode?: number }} [details]
   */
  constructor(message, { statusCode } = {}) {
    super(message, { code: 'ALUVIA_INVALID_USER_TOKEN' });
    /** @type {number | undefined} */
    this.statusCode = statusCode;
  }
}

class ProxyStartError extends AluviaError {
  /**
   * @param {string} message
   * @param {{ cause?: unknown }} [details]
   */
  constructor(message, { cause } = {}) {
    super(message, { code: 'ALUVIA_PROXY_START', cause });
  }
}

/** What `AbortSignal` and Node.js itself reject with. */
class AbortError extends Error {
  /** @param {unknown} [cause] */
  constructor(cause) {
    super('The start was cancelled', cause === undefined ? undefined : { cause });
    this.code = 'ABORT_ERR';
  }

  get name() {
    return 'AbortError';
  }
}

/**
 * The class that belongs to a failure of the native side.
 *
 * @param {import('../binding.js').NativeFailure} failure
 * @returns {Error}
 */
function fromNative({ code, message, statusCode, cause: causeMessage, causeCode }) {
  const cause = causeMessage === undefined ? undefined : new Error(causeMessage);
  if (cause && causeCode) Object.assign(cause, { code: causeCode });
  switch (code) {
    case 'ALUVIA_MISSING_USER_TOKEN':
      return new MissingUserTokenError(message);
    case 'ALUVIA_INVALID_OPTION':
      return new InvalidOptionError(message);
    case 'ALUVIA_INVALID_USER_TOKEN':
      return new InvalidUserTokenError(message, { statusCode });
    case 'ALUVIA_API':
      return new ApiError(message, { statusCode, cause });
    case 'ALUVIA_PROXY_START':
      return new ProxyStartError(message, { cause });
    case 'ABORT_ERR':
      return new AbortError();
    default:
      return new AluviaError(message, { code, cause });
  }
}

/**
 * Remembers who calls, so that an error that arises later, in another turn of the event loop, shows the caller's line.
 *
 * @param {Function} callee the public function, which is left out of the stack
 * @returns {(error: Error) => Error} gives an error the remembered stack
 */
function rememberCaller(callee) {
  const caller = { stack: '' };
  Error.captureStackTrace(caller, callee);
  // `Error.stackTraceLimit` and `Error.prepareStackTrace` may leave no frames, or something else than a text.
  const [, ...frames] = String(caller.stack).split('\n');
  return (error) => {
    error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
    return error;
  };
}

/**
 * Calls a function whose errors are to show the caller's line, since it is the caller who is wrong.
 *
 * @template T
 * @param {Function} callee the public function, which is left out of the stack
 * @param {() => T} call
 * @returns {T}
 */
function showCaller(callee, call) {
  try {
    return call();
  } catch (thrown) {
    if (thrown instanceof AluviaError) Error.captureStackTrace(thrown, callee);
    throw thrown;
  }
}

/**
 * Calls the native side, whose synchronous errors have a code but no class.
 *
 * @template T
 * @param {Function} callee the public function, which is left out of the stack
 * @param {() => T} call
 * @returns {T}
 */
function callNative(callee, call) {
  return showCaller(callee, () => {
    try {
      return call();
    } catch (thrown) {
      const { code, message } = /** @type {{ code?: unknown, message: string }} */ (thrown);
      if (typeof code !== 'string' || !code.startsWith('ALUVIA_')) throw thrown;
      throw fromNative({ code, message });
    }
  });
}

module.exports = {
  AbortError,
  AluviaError,
  ApiError,
  InvalidOptionError,
  InvalidUserTokenError,
  MissingUserTokenError,
  ProxyStartError,
  callNative,
  fromNative,
  rememberCaller,
  showCaller,
};
