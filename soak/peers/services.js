// @ts-check
'use strict';

/** What a peer does where it serves well, by the first part of the path. */

const { Readable, pipeline } = require('node:stream');
const { setTimeout: sleep } = require('node:timers/promises');
const { Checker, payload, pieces } = require('../lib/payload.js');
const { head } = require('./faults.js');

/**
 * @typedef {object} Request
 * @property {import('node:http').IncomingMessage} request
 * @property {import('node:http').ServerResponse} response
 * @property {string} via
 * @property {number} length
 * @property {number} offset
 */

/** @type {Record<string, (request: Request) => unknown>} */
const SERVICES = {
  bytes({ response, length, offset }) {
    response.setHeader('Content-Length', length);
    send(response, offset, length);
  },
  chunked({ response, length, offset }) {
    send(response, offset, length);
  },
  /** The trailer tells which piece it was. */
  trailers({ response, length, offset }) {
    response.setHeader('Trailer', 'X-Piece');
    response.writeHead(200);
    response.addTrailers({ 'X-Piece': `${offset}+${length}` });
    send(response, offset, length);
  },
  'until-close'({ request: { socket }, via, length, offset }) {
    socket.write(head(via, 'Connection: close'));
    pipeline(Readable.from(pieces(offset, length)), socket, () => {});
  },
  async drip({ response, length, offset }) {
    response.setHeader('Content-Length', length);
    for (const byte of payload(offset, length)) {
      if (response.destroyed) return;
      response.write(Buffer.of(byte));
      await sleep(DRIP_MS);
    }
    response.end();
  },
  /** By hand: a response of Node.js that has to wait for the one before puts its hints behind its own head. */
  hints({ request: { socket }, via, length, offset }) {
    socket.write('HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n');
    socket.write(head(via, `Connection: close\r\nContent-Length: ${length}`));
    pipeline(Readable.from(pieces(offset, length)), socket, () => {});
  },
  'status-204': ({ response }) => response.writeHead(204).end(),
  'status-304': ({ response }) => response.writeHead(304, { ETag: '"soak"' }).end(),
  'status-404': ({ response }) => response.writeHead(404).end(),
  'status-503': ({ response }) => response.writeHead(503).end(),
  /** The body comes back. */
  echo({ request, response }) {
    pipeline(request, response, () => {});
  },
  /** The body is compared with what it should be, and the result told. */
  async count({ request, response, length, offset }) {
    const checker = new Checker(offset, length);
    for await (const chunk of request) checker.take(chunk);
    response.end(checker.isWhole ? 'whole' : String(checker));
  },
  /** An answer before the body, which is read nevertheless. */
  'status-413'({ request, response }) {
    response.writeHead(413).end();
    request.resume();
  },
  /** The connection ends in the middle of the body. */
  'drop-body'({ request }) {
    request.once('data', () => request.socket.destroy());
  },
};

/** @param {import('node:http').ServerResponse} response @param {number} offset @param {number} length */
function send(response, offset, length) {
  // Who leaves early is no matter of the peer.
  pipeline(Readable.from(pieces(offset, length)), response, () => {});
}

const DRIP_MS = 50;

module.exports = { SERVICES };
