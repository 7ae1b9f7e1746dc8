// @ts-check
'use strict';

/** The origins of the sandbox: named sites that share one HTTP and one HTTPS server. */

const http = require('node:http');
const https = require('node:https');
const { errorAnswer, send, sendLast } = require('./answer.js');
const { Listener } = require('./listener.js');
const { remember } = require('./request-log.js');
const { serve } = require('./site-paths.js');
const { acceptWebSocket } = require('./websocket.js');

/**
 * @import { Socket } from 'node:net'
 * @import { SiteAddress, SiteRequest } from '../../testing'
 * @import { GatewayConnections } from './gateway-connections.js'
 *
 * @typedef {SiteAddress & { gatewayOnly: SiteAddress, requests: SiteRequest[] }} Site
 */

class Sites {
  #names;
  #gatewayConnections;
  #plain;
  #secure;

  /** The sites by their own name, once started. */
  byName = /** @type {Record<string, Site>} */ ({});

  /** The same sites by every name that they answer to. */
  #byHost = /** @type {Map<string, Site>} */ (new Map());

  /**
   * @param {object} options
   * @param {string[]} options.names each ending in `.localhost`
   * @param {{ key: string, cert: string }} options.identity
   * @param {GatewayConnections} options.gatewayConnections
   */
  constructor({ names, identity, gatewayConnections }) {
    this.#names = names;
    this.#gatewayConnections = gatewayConnections;
    this.#plain = this.#listener(http.createServer(), false);
    this.#secure = this.#listener(https.createServer(identity), true);
  }

  async start() {
    await Promise.all([this.#plain.listen(), this.#secure.listen()]);
    for (const name of this.#names) {
      const site = {
        ...this.#addressOf(name),
        gatewayOnly: this.#addressOf(gatewayOnlyName(name)),
        requests: [],
      };
      this.byName[name] = site;
      this.#byHost.set(name, site).set(site.gatewayOnly.name, site);
    }
  }

  async stop() {
    await Promise.all([this.#plain.close(), this.#secure.close()]);
  }

  get httpPort() {
    return this.#plain.port;
  }

  get httpsPort() {
    return this.#secure.port;
  }

  /**
   * Whether the gateway can resolve it.
   * @param {string} host
   */
  has(host) {
    return this.#byHost.has(host);
  }

  /**
   * @param {string} name
   * @returns {SiteAddress}
   */
  #addressOf(name) {
    return {
      name,
      http: `http://${name}:${this.httpPort}`,
      https: `https://${name}:${this.httpsPort}`,
      ws: `ws://${name}:${this.httpPort}`,
      wss: `wss://${name}:${this.httpsPort}`,
    };
  }

  /**
   * @param {http.Server | https.Server} server
   * @param {boolean} secure
   */
  #listener(server, secure) {
    // A client that has said all it wants to say, and ended its side, still gets its answer.
    Object.assign(server, { httpAllowHalfOpen: true });
    const listener = new Listener(server);
    server.on('connection', (/** @type {Socket} */ socket) => {
      const port = listener.remotePortOf(socket);
      // Not when the gateway closes its end: a request may still be on its way from there.
      socket.once('close', () => this.#gatewayConnections.delete(port, listener.port));
    });
    server.on('request', (request, response) => {
      const entry = this.#remember(request, secure, listener);
      if (entry) serve(entry, request, response);
      else send(response, MISDIRECTED);
    });
    server.on('upgrade', (request, /** @type {Socket} */ socket, head) => {
      const entry = this.#remember(request, secure, listener);
      if (!entry) sendLast(socket, MISDIRECTED);
      else if (request.headers.upgrade?.toLowerCase() !== 'websocket') sendLast(socket, NO_UPGRADE);
      else acceptWebSocket(request, socket, head, greeting(entry));
    });
    return listener;
  }

  /**
   * @param {http.IncomingMessage} request
   * @param {boolean} secure
   * @param {Listener} listener
   * @returns {SiteRequest | null} null when no site has that name
   */
  #remember({ method = '', url = '', headers, rawHeaders, socket }, secure, listener) {
    const site = this.#find(headers.host);
    if (!site) return null;
    const remotePort = listener.remotePortOf(socket);
    const isFromGateway = this.#gatewayConnections.has(remotePort, listener.port);
    return remember(site.requests, {
      site: site.name,
      method,
      path: url.replace(/^http:\/\/[^/]*/i, '') || '/',
      via: isFromGateway ? 'gateway' : 'direct',
      secure,
      headers,
      rawHeaders,
      time: Date.now(),
    });
  }

  /** @param {string | undefined} host with or without a port */
  #find(host = '') {
    const name = host.replace(/:\d+$/, '').toLowerCase();
    return this.#byHost.get(PLAIN_LOOPBACK.includes(name) ? this.#names[0] : name);
  }
}

/**
 * `x.localhost` is `x.test` to the gateway, and to nobody else.
 * @param {string} name
 */
function gatewayOnlyName(name) {
  return name.replace(/\.localhost$/, '.test');
}

/** @param {SiteRequest} request */
function greeting({ site, via, secure }) {
  return JSON.stringify({ site, via, secure });
}

// For clients that cannot be told a name: the first site answers.
const PLAIN_LOOPBACK = ['localhost', '127.0.0.1'];

const MISDIRECTED = errorAnswer(421, 'No site of this sandbox has that name');
const NO_UPGRADE = errorAnswer(400, 'The only upgrade here is to websocket');

module.exports = { PLAIN_LOOPBACK, Sites, gatewayOnlyName };
