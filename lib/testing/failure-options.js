// @ts-check
'use strict';

/** From the failure that a test describes to the failure that a server carries out. */

const { answer, errorAnswer } = require('./answer.js');

/**
 * @import { Failure } from '../../testing'
 * @import { Answer } from './answer.js'
 *
 * @typedef {object} ParsedFailure
 * @property {NonNullable<Failure['kind']>} kind
 * @property {string | null} method in capitals; null is any
 * @property {number} times
 * @property {number} delayMs
 * @property {number} everyMs
 * @property {Answer} answer
 */

/**
 * @param {Failure} failure
 * @returns {ParsedFailure}
 */
function parseFailure(failure) {
  if (typeof failure !== 'object' || failure === null) {
    throw new TypeError('fail(): a failure must be an object, for example { status: 503 }');
  }
  for (const name of Object.keys(failure)) {
    if (!FIELDS.includes(name)) {
      throw new TypeError(`fail(): unknown field "${name}"; known are ${FIELDS.join(', ')}`);
    }
  }
  return {
    kind: parseKind(failure.kind),
    method: parseMethod(failure.method),
    times: parseNumber('times', failure.times, { fallback: Number.POSITIVE_INFINITY, least: 1 }),
    delayMs: parseNumber('delayMs', failure.delayMs, { fallback: 0, least: 0 }),
    everyMs: parseNumber('everyMs', failure.everyMs, { fallback: DRIP_INTERVAL, least: 1 }),
    answer: parseAnswer(failure),
  };
}

/** @param {Failure['kind']} kind */
function parseKind(kind = 'status') {
  if (KINDS.includes(kind)) return kind;
  throw new TypeError(`fail(): "kind" must be one of ${KINDS.join(', ')}`);
}

/** @param {Failure['method']} method */
function parseMethod(method) {
  if (method === undefined) return null;
  if (typeof method === 'string' && method !== '') return method.toUpperCase();
  throw new TypeError('fail(): "method" must be a method\'s name, for example "PATCH"');
}

/** @param {Failure} failure */
function parseAnswer({ status = 503, headers = {}, body }) {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new TypeError('fail(): "status" must be a whole number from 200 to 599');
  }
  if (typeof headers !== 'object' || headers === null) {
    throw new TypeError('fail(): "headers" must be an object of strings');
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!FIELD_NAME.test(name) || typeof value !== 'string' || !FIELD_VALUE.test(value)) {
      throw new TypeError(`fail(): "headers" has a field that HTTP does not allow: "${name}"`);
    }
  }
  if (body === undefined) return errorAnswer(status, 'The sandbox was told to fail.', headers);
  if (typeof body !== 'string' && (typeof body !== 'object' || body === null)) {
    throw new TypeError('fail(): "body" must be a string, or an object to be sent as JSON');
  }
  return answer(status, body, headers);
}

/**
 * @param {string} name
 * @param {number | undefined} value
 * @param {{ fallback: number, least: number }} bounds
 */
function parseNumber(name, value, { fallback, least }) {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new TypeError(`fail(): "${name}" must be a whole number, at least ${least}`);
}

/** @type {ParsedFailure['kind'][]} */
const KINDS = ['status', 'reset', 'hang', 'garbage', 'drip', 'delay'];

const FIELDS = ['kind', 'status', 'headers', 'body', 'method', 'times', 'delayMs', 'everyMs'];

const FIELD_NAME = /^[!#$%&'*+.^_`|~\w-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

// At this pace a small answer takes seconds: longer than a client's patience should be.
const DRIP_INTERVAL = 50;

module.exports = { parseFailure };
