// @ts-check
'use strict';

/** A request in absolute-form by `node:http`, and what has become of it. */

const http = require('node:http');
const { Readable, pipeline } = require('node:stream');
const { setTimeout: sleep } = require('node:timers/promises');
const { Checker } = require('../lib/payload.js');

/**
 * @typedef {import('../lib/judge.js').Outcome} Outcome
 * @typedef {import('../lib/hosts.js').Route} Route
 */

/**
 * What a client works with.
 *
 * @typedef {object} Context
 * @property {number} proxyPort
 * @property {number} httpPort
 * @property {number} streamPort
 * @property {http.Agent} agent
 * @property {import('../lib/random.js').Random} random
 * @property {AbortSignal} signal gives the attempt up
 */

/**
 * @typedef {object} Exchange
 * @property {string} host
 * @property {number} [port]
 * @property {string} path
 * @property {string} [method]
 * @property {http.OutgoingHttpHeaders} [headers]
 * @property {Iterable<Buffer>} [body]
 * @property {Checker} [checker] of the answer's body; none where it is to be empty
 * @property {number} [pauseMs] after each piece that was read
 * @property {number} [sleepMs] after the first
 */

/**
 * @param {Context} context
 * @param {Exchange} exchange
 * @returns {Promise<Outcome & { trailers?: NodeJS.Dict<string>, interim?: number }>}
 */
async function run(context, exchange) {
  const { checker = new Checker(0, 0) } = exchange;
  const began = performance.now();
  /** @param {Partial<Outcome>} seen @returns {Outcome} */
  const outcome = (seen) => ({
    end: 'none',
    isExact: false,
    detail: '',
    ...seen,
    elapsedMs: performance.now() - began,
  });
  const request = http.request(optionsOf(context, exchange));
  let interim = 0;
  request.on('socket', watchSocket);
  request.on('information', ({ statusCode }) => (interim = statusCode));
  try {
    const response = await send(request, exchange);
    // What goes wrong from now on is seen in the response.
    request.on('error', () => {});
    const told = answerOf(response);
    const isTold = told.proxyStatus !== undefined;
    const text = isTold ? await read(response) : '';
    const failure = isTold ? null : await receive(response, checker, exchange);
    const isExact = isTold ? text.startsWith(`${told.reason}: `) : isRight(checker, response);
    const detail = [text || checker, failure, keptAfter(request)].filter(Boolean);
    const end = response.complete ? 'whole' : 'broken';
    const { trailers } = response;
    return { ...outcome({ ...told, end, isExact, detail: detail.join(', ') }), trailers, interim };
  } catch (error) {
    const detail = [error, keptAfter(request)].filter(Boolean);
    return outcome({ detail: detail.join(', ') });
  } finally {
    if (request.socket) lastOn.set(request.socket, `${request.method} ${exchange.path}`);
  }
}

/** An error that comes when a request is over and the next has not begun is nobody's, and would end the process. @param {object} socket */
function watchSocket(socket) {
  if (lastOn.has(socket)) return;
  lastOn.set(socket, 'nothing');
  /** @type {import('node:net').Socket} */ (socket).on('error', () => {});
}

/** What a connection was used for before; nothing where it is a new one. @param {http.ClientRequest} request */
function keptAfter({ reusedSocket, socket }) {
  return reusedSocket && socket ? `on a connection kept after ${lastOn.get(socket)}` : '';
}

/** Of a whole body all has to be there, of a broken one what has come. @param {Checker} checker @param {http.IncomingMessage} response */
function isRight(checker, { complete, statusCode }) {
  const isEmpty = statusCode !== 200 && checker.received === 0;
  return complete && !isEmpty ? checker.isWhole : checker.isExact;
}

/** @param {Context} context @param {Exchange} exchange @returns {http.RequestOptions} */
function optionsOf(context, { host, port = context.httpPort, path, method = 'GET', headers = {} }) {
  const { proxyPort, agent, signal } = context;
  const authority = `${host}:${port}`;
  return {
    host: '127.0.0.1',
    port: proxyPort,
    method,
    path: `http://${authority}${path}`,
    // What a client tells its proxy is nothing for an origin.
    headers: { Host: authority, 'Proxy-Authorization': 'Basic c29hazpjYW5hcnk=', ...headers },
    agent,
    signal,
  };
}

/** @param {http.ClientRequest} request @param {Exchange} exchange @returns {Promise<http.IncomingMessage>} */
function send(request, { body, headers }) {
  return new Promise((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
    if (body === undefined) return request.end();
    const write = () => pipeline(Readable.from(body), request, () => {});
    if (headers?.Expect === undefined) return write();
    request.flushHeaders();
    request.once('continue', write);
  });
}

/** @param {http.IncomingMessage} response */
function answerOf({ statusCode, statusMessage, headers }) {
  return {
    status: statusCode,
    reason: statusMessage,
    via: /** @type {Route | undefined} */ (headers['x-via']),
    proxyStatus: /** @type {string | undefined} */ (headers['proxy-status']),
  };
}

/** Resolves to what has gone wrong, or null. @param {http.IncomingMessage} response @param {Checker} checker @param {Exchange} exchange */
async function receive(response, checker, { pauseMs, sleepMs }) {
  try {
    for await (const chunk of response) {
      const isFirst = checker.received === 0;
      checker.take(chunk);
      if (isFirst && sleepMs !== undefined) await sleep(sleepMs);
      if (pauseMs !== undefined) await sleep(pauseMs);
    }
    return null;
  } catch (error) {
    return String(error);
  }
}

/** @param {http.IncomingMessage} response */
async function read(response) {
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** What was last done on each connection: where a later request fails, it may be the cause. @type {WeakMap<object, string>} */
const lastOn = new WeakMap();

module.exports = { run };
