// @ts-check
'use strict';

/** A stand-in for the Aluvia API: the one resource that a client reads and changes. */

const crypto = require('node:crypto');
const http = require('node:http');
const { isListOfStrings } = require('./account.js');
const { answer, errorAnswer, send } = require('./answer.js');
const { Failures } = require('./failures.js');
const { LOOPBACK, Listener } = require('./listener.js');
const { remember } = require('./request-log.js');

/**
 * @import * as testing from '../../testing'
 * @import { Account } from './account.js'
 * @import { Answer } from './answer.js'
 */

/** @implements {testing.FakeApi} */
class FakeApi {
  #account;
  #token;
  #failures = new Failures();
  #listener;

  /** @type {testing.ApiRequest[]} */
  requests = [];
  baseUrl = '';

  /**
   * @param {{ account: Account, token: string }} options
   */
  constructor({ account, token }) {
    this.#account = account;
    this.#token = token;
    this.#listener = new Listener(
      http.createServer((request, response) => {
        // What throws here is a request that broke off while it was read.
        this.#serve(request, response).catch(() => request.destroy());
      }),
    );
  }

  async start() {
    await this.#listener.listen();
    this.baseUrl = `http://${LOOPBACK}:${this.#listener.port}${BASE_PATH}`;
  }

  stop() {
    return this.#listener.close();
  }

  get config() {
    return this.#account.config;
  }

  /** @param {testing.Failure} failure */
  fail(failure = {}) {
    this.#failures.set(failure);
  }

  succeed() {
    this.#failures.clear();
  }

  /**
   * @param {http.IncomingMessage} request
   * @param {http.ServerResponse} response
   */
  async #serve(request, response) {
    const { method = '', url: path = '', headers, socket } = request;
    /** @type {testing.ApiRequest} */
    const entry = { method, path, headers, body: '', status: null, time: Date.now() };
    remember(this.requests, entry);
    entry.body = await readText(request);

    /** @param {Answer} whole */
    const respond = (whole) => {
      entry.status = whole.status;
      send(response, whole);
    };
    const reset = () => this.#listener.reset(socket);
    const exchange = { method, socket, incoming: request, entry, respond, reset };
    if (await this.#failures.intercept(exchange)) return;
    respond(this.#answer(entry));
  }

  /**
   * @param {testing.ApiRequest} request
   * @returns {Answer}
   */
  #answer({ method, path, headers, body }) {
    if (path.split('?')[0] !== `${BASE_PATH}/user`) return errorAnswer(404, 'Not found');
    if (headers.authorization !== `Bearer ${this.#token}`) {
      return errorAnswer(401, 'Invalid or missing API token', { 'WWW-Authenticate': 'Bearer' });
    }
    if (method === 'GET') return this.#read(String(headers['if-none-match'] ?? ''));
    if (method === 'PATCH') return this.#change(body);
    return errorAnswer(405, 'Method not allowed', { Allow: 'GET, PATCH' });
  }

  /** @param {string} knownTags */
  #read(knownTags) {
    const tag = this.#tag();
    if (matches(knownTags, tag)) return answer(304, '', { ETag: tag });
    return this.#whole();
  }

  /** @param {string} text */
  #change(text) {
    const body = parseJson(text);
    if (body === undefined) return errorAnswer(400, 'The body is not JSON');
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      return errorAnswer(422, 'The body must be an object');
    }
    if (body.rules !== undefined && !isListOfStrings(body.rules)) {
      return errorAnswer(422, 'rules must be an array of strings');
    }
    if (body.session_id !== undefined && typeof body.session_id !== 'string') {
      return errorAnswer(422, 'session_id must be a string');
    }
    const { rules, session_id } = body;
    if (rules !== undefined) this.#account.update({ rules });
    if (session_id !== undefined) this.#account.update({ session_id });
    return this.#whole();
  }

  #whole() {
    return answer(200, { data: this.config }, { ETag: this.#tag() });
  }

  #tag() {
    const hash = crypto.createHash('sha256').update(JSON.stringify(this.config));
    return `"${hash.digest('hex').slice(0, 32)}"`;
  }
}

/**
 * @param {http.IncomingMessage} request
 * @returns {Promise<string>}
 */
async function readText(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * If-None-Match: a list of tags or `*`, compared weakly (RFC 9110 §13.1.2).
 * @param {string} known
 * @param {string} tag
 */
function matches(known, tag) {
  const tags = known.split(',').map((item) => item.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(tag);
}

/**
 * @param {string} text
 * @returns {any} undefined when it is not JSON
 */
function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// Real base URLs have a path, and a client that loses it should notice.
const BASE_PATH = '/v1';

module.exports = { FakeApi };
