// @ts-check
'use strict';

/** Servers of a measurement, on loopback. */

const { once } = require('node:events');
const net = require('node:net');

class Listener {
  #server;
  /** Those that are open. @type {Set<net.Socket>} */
  sockets = new Set();
  /** How many there were in all. */
  accepted = 0;

  /** @param {net.Server} server */
  constructor(server) {
    this.#server = server;
    server.on('connection', (/** @type {net.Socket} */ socket) => {
      this.accepted += 1;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket)).on('error', () => {});
    });
  }

  /**
   * @param {net.Server | ((socket: net.Socket) => void)} server or what it does with each connection
   * @param {string} [host]
   */
  static async start(server, host = '127.0.0.1') {
    const listener = new Listener(server instanceof net.Server ? server : net.createServer(server));
    listener.#server.listen({ port: host === '127.0.0.1' ? 0 : 80, host, backlog: BACKLOG });
    await once(listener.#server, 'listening');
    return listener;
  }

  get port() {
    return /** @type {net.AddressInfo} */ (this.#server.address()).port;
  }

  async stop() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

/** Sends everything back. @param {net.Socket} socket */
function echo(socket) {
  socket.pipe(socket);
}

/**
 * An origin or gateway that answers whatever it is sent with the same bytes, and keeps what it was sent.
 *
 * @param {string} answer
 * @param {string[]} heads what it is sent
 * @returns {(socket: net.Socket) => void}
 */
function answering(answer, heads = []) {
  return (socket) => {
    socket.once('data', (data) => {
      heads.push(data.toString('latin1'));
      socket.end(answer);
    });
  };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok';

/** Thousands connect at once, and none is to wait for a second try. */
const BACKLOG = 4096;

module.exports = { Listener, OK, answering, echo };
