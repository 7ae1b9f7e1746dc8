// @ts-check
'use strict';

/** What a site answers, by path. */

const { pipeline, Readable } = require('node:stream');
const { answer, errorAnswer, send } = require('./answer.js');
const { pause } = require('./listener.js');
const { page, prefersHtml } = require('./site-page.js');

/**
 * @import { IncomingMessage, ServerResponse } from 'node:http'
 * @import { Socket } from 'node:net'
 * @import { SiteRequest } from '../../testing'
 *
 * @typedef {object} Visit
 * @property {SiteRequest} entry
 * @property {IncomingMessage} request
 * @property {ServerResponse} response
 */

/**
 * @param {SiteRequest} entry
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 */
function serve(entry, request, response) {
  // Whatever a browser kept would hide the effect of a new rule.
  response.setHeader('Cache-Control', 'no-store');
  const visit = { entry, request, response };
  const [, name, number] = PATH.exec(entry.path) ?? [];
  const handler = number === undefined ? WITHOUT_NUMBER.get(name) : WITH_NUMBER.get(name);
  if (handler) handler(visit, Number(number));
  else describe(visit);
}

/** @param {Visit} visit */
function describe({ entry, request, response }) {
  const { site, path, method, via, secure, headers } = entry;
  if (prefersHtml(request.headers.accept)) {
    send(response, answer(200, page(entry), { 'Content-Type': 'text/html; charset=utf-8' }));
  } else {
    send(response, answer(200, { site, path, method, via, secure, headers }));
  }
}

/** @param {Visit} visit */
function echo({ request, response }) {
  const { 'content-type': type = 'application/octet-stream' } = request.headers;
  response.writeHead(200, { 'Content-Type': type });
  response.flushHeaders();
  pipeline(request, response, ignore);
}

/** @param {Visit} visit */
function sendEvents({ request, response }) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  response.flushHeaders();
  pipeline(Readable.from(events(request.socket)), response, ignore);
}

/** @param {Socket} socket */
async function* events(socket) {
  for (let n = 1; n <= EVENT_COUNT; n += 1) {
    if (n > 1 && !(await pause(socket, EVENT_INTERVAL))) return;
    yield `id: ${n}\ndata: ${JSON.stringify({ n })}\n\n`;
  }
}

/**
 * @param {Visit} visit
 * @param {number} length
 */
function sendBytes({ request, response }, length) {
  response.writeHead(200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(length),
  });
  if (request.method === 'HEAD') response.end();
  else pipeline(Readable.from(bytes(length)), response, ignore);
}

/** @param {number} length */
function* bytes(length) {
  for (let left = length; left > 0; left -= BLOCK.length) yield BLOCK.subarray(0, left);
}

/**
 * @param {Visit} visit
 * @param {number} count
 */
function sendChunks({ response }, count) {
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
  pipeline(Readable.from(chunks(count)), response, ignore);
}

/** @param {number} count */
function* chunks(count) {
  for (let n = 1; n <= count; n += 1) yield `chunk ${n}\n`;
}

/**
 * @param {Visit} visit
 * @param {number} milliseconds
 */
async function describeLate(visit, milliseconds) {
  const delay = Math.min(milliseconds, LONGEST_TIMER);
  if (await pause(visit.request.socket, delay)) describe(visit);
}

/**
 * @param {Visit} visit
 * @param {number} status
 */
function sendStatus({ response }, status) {
  if (status < 200 || status > 599) {
    send(response, errorAnswer(400, 'A status is a number from 200 to 599'));
    return;
  }
  const isRedirect = status >= 300 && status < 400 && status !== 304;
  send(response, answer(status, { status }, isRedirect ? { Location: '/' } : {}));
}

function ignore() {}

// Up to 15 digits: the whole numbers that JavaScript counts in.
const PATH = /^\/([a-z]+)(?:\/(\d{1,15}))?(?:\?|$)/;

/** @type {Map<string, (visit: Visit) => void>} */
const WITHOUT_NUMBER = new Map([
  ['echo', echo],
  ['sse', sendEvents],
]);

/** @type {Map<string, (visit: Visit, number: number) => void>} */
const WITH_NUMBER = new Map([
  ['bytes', sendBytes],
  ['chunked', sendChunks],
  ['slow', describeLate],
  ['status', sendStatus],
]);

const EVENT_COUNT = 3;
const EVENT_INTERVAL = 20;

// What setTimeout can count to; beyond it would fire at once.
const LONGEST_TIMER = 2 ** 31 - 1;

// The byte at position i is i % 251: a prime, so that a lost, doubled or swapped piece of any
// usual size shows. The block is a multiple of it, so that blocks fit together.
const BLOCK = Buffer.alloc(
  251 * 256,
  Uint8Array.from({ length: 251 }, (_, i) => i),
);

module.exports = { serve };
