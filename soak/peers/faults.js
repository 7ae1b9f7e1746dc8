// @ts-check
'use strict';

/** What a peer does instead of answering well, on the bare socket of a request. */

const { setTimeout: sleep } = require('node:timers/promises');
const { payload } = require('../lib/payload.js');

/**
 * @typedef {import('node:net').Socket} Socket
 */

/**
 * @typedef {object} Occasion
 * @property {Socket} socket
 * @property {() => void} reset the connection, below TLS if there is TLS
 * @property {string} via
 * @property {number} length of the whole body
 * @property {number} offset
 */

/** @type {Record<string, (occasion: Occasion) => unknown>} */
const FAULTS = {
  drop: ({ socket }) => socket.destroy(),
  reset: ({ reset }) => reset(),
  garbage: ({ socket }) => socket.end('\0\x01no such protocol\r\n\r\n'),
  stall: () => {},
  'status-407': ({ socket, via }) => {
    socket.write(head(via, 'Content-Length: 0', '407 Proxy Authentication Required'));
  },
  truncate: (occasion) => {
    occasion.socket.write(head(occasion.via, `Content-Length: ${occasion.length}`));
    occasion.socket.end(half(occasion));
  },
  'truncate-chunked': (occasion) => {
    occasion.socket.write(head(occasion.via, 'Transfer-Encoding: chunked'));
    occasion.socket.end(chunk(half(occasion)));
  },
  'reset-body': async (occasion) => {
    occasion.socket.write(head(occasion.via, `Content-Length: ${occasion.length}`));
    occasion.socket.write(half(occasion));
    await resetLater(occasion);
  },
  'reset-until-close': async (occasion) => {
    occasion.socket.write(head(occasion.via, 'Connection: close'));
    occasion.socket.write(half(occasion));
    await resetLater(occasion);
  },
  'stall-body': (occasion) => {
    occasion.socket.write(head(occasion.via, `Content-Length: ${occasion.length}`));
    occasion.socket.write(half(occasion));
  },
  'garbage-chunk': async (occasion) => {
    occasion.socket.write(head(occasion.via, 'Transfer-Encoding: chunked'));
    occasion.socket.write(chunk(half(occasion)));
    await sleep(MOMENT_MS);
    if (!occasion.socket.destroyed) occasion.socket.end('no length\r\nof a chunk\r\n');
  },
};

/** Resets when what was written has gone out. @param {Pick<Occasion, 'socket' | 'reset'>} occasion */
async function resetLater({ socket, reset }) {
  await sleep(MOMENT_MS);
  if (!socket.destroyed) reset();
}

/** @param {string} via @param {string} framing @param {string} [status] */
function head(via, framing, status = '200 OK') {
  return `HTTP/1.1 ${status}\r\nX-Via: ${via}\r\n${framing}\r\n\r\n`;
}

/** @param {Occasion} occasion */
function half({ offset, length }) {
  return payload(offset, Math.floor(length / 2));
}

/** @param {Buffer} data */
function chunk(data) {
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]);
}

/** Long enough for what was written to arrive, on a busy machine too. */
const MOMENT_MS = 50;

module.exports = { FAULTS, head, resetLater };
