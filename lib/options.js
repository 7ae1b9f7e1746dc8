// @ts-check
'use strict';

const { randomBytes } = require('node:crypto');

const { InvalidOptionError, MissingUserTokenError } = require('./errors.js');

/** The JavaScript type of each option. Their values are checked by the native side. */
const TYPES = {
  token: 'string',
  apiBaseUrl: 'string',
  configPath: 'string',
  pollIntervalMs: 'number',
  apiTimeoutMs: 'number',
  gatewayProtocol: 'string',
  gatewayHost: 'string',
  gatewayPort: 'number',
  localPort: 'number',
  connectTimeoutMs: 'number',
  drainTimeoutMs: 'number',
  idleTimeoutMs: 'number',
  maxConnections: 'number',
  maxHeaderSize: 'number',
  maxHeadersCount: 'number',
  onGatewayFailure: 'string',
  onRouteChange: 'string',
  stateFile: 'string',
  stateMaxAgeMs: 'number',
  logger: 'function',
};

/** @typedef {import('../index.js').LocalLogin} Login */

const LOG_LEVELS = ['silent', 'info', 'debug'];

/**
 * Checks the types of the options. `undefined` and `null` stand for an option that is not set.
 *
 * @param {unknown} options
 * @returns {Omit<import('../index.js').AluviaClientOptions, 'localAuth'> & { ca?: string[], localAuth?: Login }}
 */
function checkTypes(options) {
  if (options === undefined || options === null) throw new MissingUserTokenError(MISSING);
  if (typeof options !== 'object') {
    throw new InvalidOptionError(`options must be an object, not ${describe(options)}`);
  }
  const set = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined && value !== null),
  );
  if (set.token === undefined) throw new MissingUserTokenError(MISSING);
  for (const [name, type] of Object.entries(TYPES)) {
    if (set[name] !== undefined && typeof set[name] !== type) {
      throw new InvalidOptionError(`${name} must be a ${type}, not ${describe(set[name])}`);
    }
  }
  if (set.logLevel !== undefined && !LOG_LEVELS.includes(set.logLevel)) {
    throw new InvalidOptionError(
      `logLevel must be 'silent', 'info' or 'debug', not ${describe(set.logLevel)}`,
    );
  }
  if (set.ca !== undefined) {
    set.ca = [set.ca].flat().map((pem) => (Buffer.isBuffer(pem) ? pem.toString() : pem));
    checkStrings('ca', set.ca, 'a string or an array of strings');
  }
  if (set.allowTargets !== undefined) checkStrings('allowTargets', set.allowTargets);
  set.localAuth = checkLogin(set.localAuth);
  return /** @type {any} */ (set);
}

/**
 * What clients of the proxy log in with: what the user has chosen, or something that nobody can guess.
 *
 * @param {unknown} localAuth
 * @returns {Login | undefined}
 */
function checkLogin(localAuth) {
  if (localAuth === undefined || localAuth === false) return undefined;
  if (localAuth === true) {
    return { username: 'aluvia', password: randomBytes(24).toString('base64url') };
  }
  if (typeof localAuth !== 'object' || localAuth === null || Array.isArray(localAuth)) {
    const expected = 'true or an object with username and password';
    throw new InvalidOptionError(`localAuth must be ${expected}, not ${describe(localAuth)}`);
  }
  const { username, password } = /** @type {Record<string, unknown>} */ (localAuth);
  checkString('localAuth.username', username);
  checkString('localAuth.password', password);
  return { username: /** @type {string} */ (username), password: /** @type {string} */ (password) };
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {string} [expected]
 */
function checkStrings(name, value, expected = 'an array of strings') {
  if (!Array.isArray(value)) {
    throw new InvalidOptionError(`${name} must be ${expected}, not ${describe(value)}`);
  }
  const odd = value.find((item) => typeof item !== 'string');
  if (odd !== undefined || value.includes(undefined)) {
    throw new InvalidOptionError(`${name} must be ${expected}, but has ${describe(odd)} in it`);
  }
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function checkString(name, value) {
  if (typeof value !== 'string') {
    throw new InvalidOptionError(`${name} must be a string, not ${describe(value)}`);
  }
}

/**
 * Names a value without showing what may be a secret.
 *
 * @param {unknown} value
 */
function describe(value) {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

const MISSING = 'token is missing: pass the API token of your Aluvia account as `token`';

/**
 * Names that are no option: misspelt, or of another version. They are told, not refused.
 *
 * @param {object} options
 */
function unknownOptions(options) {
  const known = [...Object.keys(TYPES), 'logLevel', 'ca', 'allowTargets', 'localAuth'];
  return Object.keys(options).filter((name) => !known.includes(name));
}

module.exports = { checkString, checkStrings, checkTypes, unknownOptions };
