// @ts-check
'use strict';

/** A gateway: answers absolute-form as an origin does, and CONNECT as the first part of the host name says. */

const { setTimeout: sleep } = require('node:timers/promises');
const { mayTake } = require('../lib/hosts.js');
const { HttpPeer } = require('./http-peer.js');
const { serveStream } = require('./streams.js');

/**
 * @typedef {import('node:http').IncomingMessage} IncomingMessage
 * @typedef {import('node:net').Socket} Socket
 * @typedef {import('./credentials.js').Credentials} Credentials
 * @typedef {import('./http-peer.js').Identity} Identity
 * @typedef {import('./violations.js').Violations} Violations
 *
 * @typedef {ReturnType<HttpPeer['connection']>} Connection
 */

class Gateway extends HttpPeer {
  #credentials;
  #violations;

  /** @param {Credentials} credentials @param {Violations} violations @param {Identity} [identity] */
  constructor(credentials, violations, identity) {
    super('gateway', violations, identity);
    this.#credentials = credentials;
    this.#violations = violations;
    this.server.on('connect', (request, socket, head) => {
      this.#connect(request, /** @type {Socket} */ (socket), head);
    });
    this.server.prependListener('request', (request) => this.#admit(request));
    this.server.prependListener('upgrade', (request) => this.#admit(request));
  }

  /** @param {IncomingMessage} request @param {Socket} socket @param {Buffer} head */
  async #connect(request, socket, head) {
    const host = String(request.url).replace(/:\d+$/, '');
    this.#admit(request);
    if (!mayTake(host, 'gateway')) this.#violations.add(`${host} was reached through the gateway`);
    socket.on('error', () => socket.destroy());
    const deed = CONNECT_FAULTS[host.split('.')[0]];
    if (deed !== undefined) return deed(this.connection(socket));
    if (host.startsWith('drip.')) await drip(socket, ESTABLISHED);
    else socket.write(ESTABLISHED);
    serveStream(this.connection(socket), head);
  }

  /** @param {IncomingMessage} request */
  #admit({ headers, url }) {
    const fault = this.#credentials.faultOf(headers['proxy-authorization']);
    if (fault !== null) this.#violations.add(`${fault}, with a request for ${url}`);
  }
}

/** In a few pieces: each may come late on a busy machine. @param {Socket} socket @param {string} text */
async function drip(socket, text) {
  for (let at = 0; at < text.length && !socket.destroyed; at += DRIP_LENGTH) {
    socket.write(text.slice(at, at + DRIP_LENGTH));
    await sleep(DRIP_MS);
  }
}

/** @param {string} status */
function refusal(status) {
  return (/** @type {Connection} */ { socket }) => {
    socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  };
}

/** @type {Record<string, (connection: Connection) => unknown>} */
const CONNECT_FAULTS = {
  'connect-403': refusal('403 Forbidden'),
  'connect-407': refusal('407 Proxy Authentication Required'),
  'connect-502': refusal('502 Bad Gateway'),
  'connect-close': ({ socket }) => socket.destroy(),
  'connect-reset': ({ reset }) => reset(),
  'connect-garbage': ({ socket }) => socket.end('\0\x01no such protocol\r\n\r\n'),
  'connect-stall': () => {},
};

const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';
const DRIP_LENGTH = 10;
const DRIP_MS = 50;

module.exports = { Gateway };
