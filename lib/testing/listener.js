// @ts-check
'use strict';

/**
 * A server on a free port of 127.0.0.1 that knows all of its sockets: it can close them, reset
 * one, and sees to it that an error on one of them never becomes an uncaught exception.
 */

const { once } = require('node:events');

/**
 * @import * as http from 'node:http'
 * @import * as https from 'node:https'
 * @import * as net from 'node:net'
 */

class Listener {
  #server;
  #port = 0;

  /** Everything open: sockets accepted, and sockets handed over with `adopt()`. */
  #sockets = /** @type {Set<net.Socket>} */ (new Set());

  /** TCP sockets by the port of the other side, which TLS sockets on top of them share. */
  #byRemotePort = /** @type {Map<number, net.Socket>} */ (new Map());

  #remotePorts = /** @type {WeakMap<net.Socket, number>} */ (new WeakMap());

  /** @param {http.Server | https.Server} server */
  constructor(server) {
    this.#server = server;
    server.on('connection', (socket) => this.#accepted(socket));
    server.on('secureConnection', (socket) => this.#secured(socket));
  }

  /** Resolves when connections are accepted. */
  async listen() {
    this.#server.listen(0, LOOPBACK);
    await once(this.#server, 'listening');
    this.#port = /** @type {net.AddressInfo} */ (this.#server.address()).port;
    // From here on an error is a connection that could not be accepted: the client's to notice.
    this.#server.on('error', ignore);
  }

  /** The port it listens on. */
  get port() {
    return this.#port;
  }

  /**
   * The port of the other side, also when the socket has closed meanwhile.
   * @param {net.Socket} socket
   * @returns {number}
   */
  remotePortOf(socket) {
    return this.#remotePorts.get(socket) ?? socket.remotePort ?? 0;
  }

  /**
   * Closes with a TCP reset, below TLS if there is TLS.
   * @param {net.Socket} socket
   */
  reset(socket) {
    const connection = this.#byRemotePort.get(this.remotePortOf(socket));
    connection?.resetAndDestroy();
    socket.destroy();
  }

  /**
   * Watches over a socket that was opened elsewhere for the sake of this server.
   * @template {net.Socket} Socket
   * @param {Socket} socket
   * @returns {Socket}
   */
  adopt(socket) {
    this.#sockets.add(socket);
    socket.on('error', ignore);
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }

  /** Stops listening and destroys every socket. Resolves when the server has closed. */
  async close() {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** @param {net.Socket} socket */
  #accepted(socket) {
    const port = socket.remotePort;
    this.adopt(socket);
    if (port === undefined) return;
    this.#remotePorts.set(socket, port);
    this.#byRemotePort.set(port, socket);
    socket.on('close', () => {
      if (this.#byRemotePort.get(port) === socket) this.#byRemotePort.delete(port);
    });
  }

  /** @param {net.Socket} socket */
  #secured(socket) {
    this.adopt(socket);
    // As plain HTTP servers have it: one side may end before the other. Not as an option of the
    // server, which would also keep the sockets of clients that leave during the handshake.
    socket.allowHalfOpen = true;
    if (socket.remotePort !== undefined) this.#remotePorts.set(socket, socket.remotePort);
  }
}

/**
 * Waits, unless the socket closes first.
 * @param {net.Socket} socket
 * @param {number} milliseconds
 * @returns {Promise<boolean>} whether the socket is still open
 */
function pause(socket, milliseconds) {
  if (socket.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      socket.off('close', finish);
      resolve(!socket.destroyed);
    };
    const timer = setTimeout(finish, milliseconds);
    socket.once('close', finish);
  });
}

function ignore() {}

const LOOPBACK = '127.0.0.1';

module.exports = { LOOPBACK, Listener, pause };
