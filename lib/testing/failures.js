// @ts-check
'use strict';

/** Failures on demand: which requests fail, and what each kind of failure looks like on the wire. */

const { render } = require('./answer.js');
const { parseFailure } = require('./failure-options.js');
const { pause } = require('./listener.js');

/**
 * @import { Socket } from 'node:net'
 * @import { Readable } from 'node:stream'
 * @import { Failure } from '../../testing'
 * @import { Answer } from './answer.js'
 * @import { ParsedFailure } from './failure-options.js'
 */

/**
 * A request that may be made to fail.
 * @typedef {object} Exchange
 * @property {string} method
 * @property {Socket} socket
 * @property {Readable} incoming what the client still sends: the request, or
 *   the socket itself once HTTP has let go of it
 * @property {{ status: number | null }} entry its line in the log
 * @property {(answer: Answer) => void} respond answers the ordinary way
 * @property {() => void} reset
 */

/** Remembers which failure is wanted, and carries it out on the requests it is meant for. */
class Failures {
  /** @type {ParsedFailure | null} */
  #failure = null;
  #left = 0;

  /**
   * From now on. Replaces the failure set before.
   * @param {Failure} failure
   */
  set(failure) {
    this.#failure = parseFailure(failure);
    this.#left = this.#failure.times;
  }

  clear() {
    this.#failure = null;
  }

  /**
   * @param {Exchange} exchange
   * @returns {Promise<boolean>} whether there is nothing left to do for this request
   */
  async intercept(exchange) {
    const failure = this.#take(exchange.method);
    if (failure === null) return false;
    if (failure.delayMs > 0 && !(await pause(exchange.socket, failure.delayMs))) return true;
    if (failure.kind === 'delay') return false;
    await CARRY_OUT[failure.kind](exchange, failure);
    return true;
  }

  /** @param {string} method */
  #take(method) {
    const failure = this.#failure;
    if (failure === null || (failure.method !== null && failure.method !== method)) return null;
    this.#left -= 1;
    if (this.#left === 0) this.clear();
    return failure;
  }
}

/** @typedef {(exchange: Exchange, failure: ParsedFailure) => void | Promise<void>} CarryOut */

/** @type {Record<Exclude<ParsedFailure['kind'], 'delay'>, CarryOut>} */
const CARRY_OUT = {
  status({ respond }, { answer }) {
    respond(answer);
  },

  reset({ reset }) {
    reset();
  },

  hang({ incoming, socket }) {
    discard(incoming);
    socket.once('end', () => socket.destroy());
  },

  garbage({ incoming, socket }) {
    discard(incoming);
    socket.end(GARBAGE);
  },

  async drip({ incoming, socket, entry }, { answer, everyMs }) {
    discard(incoming);
    entry.status = answer.status;
    for (const byte of render(answer)) {
      socket.write(Buffer.of(byte));
      if (!(await pause(socket, everyMs))) return;
    }
    socket.end();
  },
};

/**
 * Reads on without looking: it is how Node notices that a client has gone, and closing with unread
 * bytes would turn the answer into a reset.
 * @param {Readable} incoming
 */
function discard(incoming) {
  incoming.resume();
}

const GARBAGE = Buffer.from('\x00\xff\x16\x03 this is not HTTP \r\n\r\n', 'latin1');

module.exports = { Failures };
