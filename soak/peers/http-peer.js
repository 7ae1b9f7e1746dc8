// @ts-check
'use strict';

/** An HTTP server that does what the path of a request says: `/SERVICE/LENGTH/OFFSET`. Both the origin and the gateway are one. */

const http = require('node:http');
const https = require('node:https');
const { Listener } = require('../../lib/testing/listener.js');
const { mayTake } = require('../lib/hosts.js');
const { FAULTS, head: headOf } = require('./faults.js');
const { SERVICES } = require('./services.js');
const { serveStream } = require('./streams.js');

/**
 * @typedef {import('node:net').Socket} Socket
 * @typedef {import('../lib/hosts.js').Route} Route
 * @typedef {import('./violations.js').Violations} Violations
 *
 * @typedef {{ key: string, cert: string }} Identity
 */

class HttpPeer {
  #via;
  #violations;
  #listener;
  server;

  /** @param {Route} via @param {Violations} violations @param {Identity} [identity] what it shows, where it speaks TLS */
  constructor(via, violations, identity) {
    this.#via = via;
    this.#violations = violations;
    const options = { keepAliveTimeout: KEEP_ALIVE_MS };
    this.server = identity
      ? https.createServer({ ...options, ...identity })
      : http.createServer(options);
    this.#listener = new Listener(this.server);
    this.server.on('request', (request, response) => this.#serve(request, response));
    this.server.on('upgrade', (request, socket, head) => {
      this.#upgrade(request, /** @type {Socket} */ (socket), head);
    });
    this.server.on('clientError', (_, socket) => socket.destroy());
  }

  /** Resolves to the port. */
  async listen() {
    await this.#listener.listen();
    return this.#listener.port;
  }

  /** What serves a connection has to know of it. @param {Socket} socket */
  connection(socket) {
    return { socket, via: this.#via, reset: () => this.#listener.reset(socket) };
  }

  /** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
  #serve(request, response) {
    const { service, length, offset } = this.#read(request);
    const { socket } = request;
    const via = this.#via;
    request.on('error', () => {});
    if (FAULTS[service]) return FAULTS[service]({ ...this.connection(socket), length, offset });
    response.setHeader('X-Via', via);
    if (!SERVICES[service]) return response.writeHead(500).end(`unknown: ${service}`);
    // What fails here is a client that has gone.
    Promise.resolve(SERVICES[service]({ request, response, via, length, offset })).catch(() => {});
  }

  /** @param {http.IncomingMessage} request @param {Socket} socket @param {Buffer} head */
  #upgrade(request, socket, head) {
    const { service, length, offset } = this.#read(request);
    const via = this.#via;
    socket.on('error', () => socket.destroy());
    if (FAULTS[service]) return FAULTS[service]({ ...this.connection(socket), length, offset });
    if (service !== 'upgrade') {
      return socket.end(
        headOf(via, 'Content-Length: 0\r\nConnection: close', '426 Upgrade Required'),
      );
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nX-Via: ${via}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    serveStream(this.connection(socket), head);
  }

  /** @param {http.IncomingMessage} request */
  #read({ url = '', headers }) {
    const { pathname, hostname } = new URL(url, `http://${headers.host}`);
    const [, service, length, offset] = pathname.split('/');
    const isOrigin = this.#via === 'direct';
    if (!mayTake(hostname, this.#via)) this.#violations.add(`${hostname} was reached ${this.#via}`);
    if (isOrigin && headers['proxy-authorization'] !== undefined) {
      this.#violations.add(`an origin was told credentials, with a request for /${service}`);
    }
    return { service, length: Number(length), offset: Number(offset) };
  }
}

/** As many servers have it. What a slow reader takes is in the buffers on its way for up to three seconds after it was sent. */
const KEEP_ALIVE_MS = 5000;

module.exports = { HttpPeer };
