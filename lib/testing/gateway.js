// @ts-check
'use strict';

/** A stand-in for the Aluvia gateway: an HTTP proxy that leads to the sandbox's sites only. */

const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const { errorAnswer, send, sendLast } = require('./answer.js');
const { Failures } = require('./failures.js');
const { ROUTE_FIELDS } = require('./fields.js');
const { forwardRequest, forwardUpgrade } = require('./forward.js');
const { LOOPBACK, Listener } = require('./listener.js');
const { relay } = require('./relay.js');
const { remember } = require('./request-log.js');
const { parseAbsoluteForm, parseAuthorityForm } = require('./target.js');

/**
 * @import { Socket } from 'node:net'
 * @import { Readable } from 'node:stream'
 * @import * as testing from '../../testing'
 * @import { Account } from './account.js'
 * @import { Answer } from './answer.js'
 * @import { GatewayConnections } from './gateway-connections.js'
 * @import { Sites } from './sites.js'
 * @import { Target } from './target.js'
 *
 * @typedef {http.IncomingMessage} Request
 */

/** @implements {testing.FakeGateway} */
class FakeGateway {
  #account;
  #sites;
  #gatewayConnections;
  #failures = new Failures();
  #listener;

  /** @type {testing.GatewayRequest[]} */
  requests = [];
  host = LOOPBACK;
  port = 0;
  protocol;

  /**
   * @param {object} options
   * @param {'http' | 'https'} options.protocol
   * @param {{ key: string, cert: string }} options.identity what it shows when it speaks TLS
   * @param {Account} options.account
   * @param {Sites} options.sites
   * @param {GatewayConnections} options.gatewayConnections
   */
  constructor({ protocol, identity, account, sites, gatewayConnections }) {
    this.protocol = protocol;
    this.#account = account;
    this.#sites = sites;
    this.#gatewayConnections = gatewayConnections;
    const server = protocol === 'https' ? https.createServer(identity) : http.createServer();
    server.on('connect', (request, /** @type {Socket} */ socket, head) => {
      this.#onConnect(request, socket, head).catch(() => socket.destroy());
    });
    server.on('request', (request, response) => {
      this.#onRequest(request, response).catch(() => request.destroy());
    });
    server.on('upgrade', (request, /** @type {Socket} */ socket, head) => {
      this.#onUpgrade(request, socket, head).catch(() => socket.destroy());
    });
    this.#listener = new Listener(server);
  }

  async start() {
    await this.#listener.listen();
    this.port = this.#listener.port;
  }

  stop() {
    return this.#listener.close();
  }

  /** @param {testing.Failure} failure */
  fail(failure = {}) {
    this.#failures.set(failure);
  }

  succeed() {
    this.#failures.clear();
  }

  /**
   * @param {Request} request
   * @param {Socket} socket
   * @param {Buffer} head
   */
  async #onConnect(request, socket, head) {
    const target = parseAuthorityForm(request.url ?? '');
    const entry = this.#remember('connect', request, target);
    const respond = respondOn(socket, entry);
    if (!(await this.#admits({ request, target, entry, incoming: socket, respond }))) return;

    const site = this.#dial(entry.port);
    site.once('connect', () => {
      entry.status = 200;
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (head.length > 0) site.write(head);
      relay(socket, site);
    });
  }

  /**
   * @param {Request} request
   * @param {http.ServerResponse} response
   */
  async #onRequest(request, response) {
    const target = parseAbsoluteForm(request.url ?? '');
    const entry = this.#remember('http', request, target);
    /** @param {Answer} answer */
    const respond = (answer) => {
      entry.status = answer.status;
      send(response, answer);
    };
    if (!(await this.#admits({ request, target, entry, incoming: request, respond }))) return;
    forwardRequest({ request, response, entry, dial: () => this.#dial(entry.port) });
  }

  /**
   * @param {Request} request
   * @param {Socket} socket
   * @param {Buffer} head
   */
  async #onUpgrade(request, socket, head) {
    const target = parseAbsoluteForm(request.url ?? '');
    const entry = this.#remember('http', request, target);
    const respond = respondOn(socket, entry);
    if (!(await this.#admits({ request, target, entry, incoming: socket, respond }))) return;
    forwardUpgrade({ request, socket, head, entry, dial: () => this.#dial(entry.port) });
  }

  /**
   * @param {testing.GatewayRequest['kind']} kind
   * @param {Request} request
   * @param {Target | null} target
   */
  #remember(kind, { method = '', url = '', headers }, target) {
    const { host, port, path } = target ?? { host: url, port: 0, path: null };
    const username = credentialsIn(headers)?.username ?? null;
    const time = Date.now();
    /** @type {testing.GatewayRequest} */
    const entry = { kind, method, host, port, path, username, status: null, time };
    return remember(this.requests, entry);
  }

  /**
   * Answers the request, or lets it fail as told, unless it may go on to its site.
   * @param {object} exchange
   * @param {Request} exchange.request
   * @param {Target | null} exchange.target
   * @param {testing.GatewayRequest} exchange.entry
   * @param {Readable} exchange.incoming
   * @param {(answer: Answer) => void} exchange.respond
   */
  async #admits({ request, target, entry, incoming, respond }) {
    const { socket } = request;
    const reset = () => this.#listener.reset(socket);
    const { method } = entry;
    if (await this.#failures.intercept({ method, socket, incoming, entry, respond, reset })) {
      return false;
    }
    const refusal = this.#refusal(request, target, entry.kind);
    if (refusal) respond(refusal);
    return refusal === null;
  }

  /**
   * @param {Request} request
   * @param {Target | null} target
   * @param {testing.GatewayRequest['kind']} kind
   * @returns {Answer | null}
   */
  #refusal({ headers }, target, kind) {
    if (!this.#account.accepts(credentialsIn(headers))) {
      return errorAnswer(407, 'Unknown proxy username or password', {
        ...ROUTE_FIELDS,
        'Proxy-Authenticate': 'Basic realm="Aluvia sandbox gateway"',
      });
    }
    if (target === null) return errorAnswer(400, 'Not a request to a proxy', ROUTE_FIELDS);
    const { host, port } = target;
    const isSitePort =
      port === this.#sites.httpPort || (kind === 'connect' && port === this.#sites.httpsPort);
    if (isSitePort && this.#sites.has(host)) return null;
    return errorAnswer(502, `No site of this sandbox is at ${host}:${port}`, ROUTE_FIELDS);
  }

  /** @param {number} port */
  #dial(port) {
    const site = net.connect({ host: LOOPBACK, port, allowHalfOpen: true, noDelay: true });
    site.once('connect', () => this.#gatewayConnections.add(site.localPort ?? 0, port));
    return this.#listener.adopt(site);
  }
}

/**
 * How to answer a request that is no longer in the hands of HTTP.
 * @param {Socket} socket
 * @param {testing.GatewayRequest} entry
 * @returns {(answer: Answer) => void}
 */
function respondOn(socket, entry) {
  return (answer) => {
    entry.status = answer.status;
    sendLast(socket, answer);
  };
}

/**
 * @param {http.IncomingHttpHeaders} headers
 * @returns {{ username: string, password: string } | null}
 */
function credentialsIn(headers) {
  const encoded = /^basic +(\S+)$/i.exec(headers['proxy-authorization'] ?? '')?.[1];
  if (encoded === undefined) return null;
  const [username, ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return { username, password: password.join(':') };
}

module.exports = { FakeGateway };
