// @ts-check
'use strict';

/** One proxy under test: the process that hosts it, seen from outside, and the account that it asks for. */

const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { endOf, startScript, stop } = require('../lib/children.js');
const { Listener } = require('./listener.js');

/**
 * @typedef {object} Peer
 * @property {'aluvia' | 'proxy-chain-2' | 'proxy-chain-3'} id
 * @property {string} name
 */

/**
 * @typedef {object} Setting
 * @property {number} [gatewayPort]
 * @property {object} [options] of this package
 * @property {boolean} [isLoggerAttached] whether its logger refers to the session
 * @property {number} [descriptors] how many the process may have
 */

class Subject {
  #child;
  #account;
  #lastOrder = 0;

  /**
   * @param {import('node:child_process').ChildProcess} child
   * @param {Listener} account
   * @param {number} port
   */
  constructor(child, account, port) {
    this.#child = child;
    this.#account = account;
    this.port = port;
    // One for each order that is under way.
    child.setMaxListeners(0);
  }

  /** @param {Peer} peer @param {Setting} [setting] */
  static async start(peer, setting = {}) {
    const { gatewayPort = CLOSED_PORT, options = {}, isLoggerAttached = false } = setting;
    const { descriptors } = setting;
    const account = await Listener.start(http.createServer(answerAsApi));
    const settings = {
      apiBaseUrl: `http://127.0.0.1:${account.port}`,
      gatewayPort,
      gatewayName: GATEWAY_NAME,
      ...LOGIN,
      options,
      isLoggerAttached,
    };
    const args = [peer.id, JSON.stringify(settings)];
    const execution =
      descriptors === undefined
        ? { execArgv: ['--expose-gc'] }
        : { execPath: 'bash', execArgv: ['-c', limited(descriptors)] };
    const child = startScript(path.join(__dirname, 'host.js'), args, {}, execution);
    const ended = once(child, 'exit').then(() => {
      throw new Error(`${peer.name} ${endOf(child)} before it listened`);
    });
    const ready = once(child, 'message').then(([message]) => message.port);
    ended.catch(() => {});
    return new Subject(child, account, await Promise.race([ready, ended]));
  }

  /** @param {string} order @param {unknown} [argument] @returns {Promise<any>} */
  async order(order, argument) {
    this.#lastOrder += 1;
    const id = this.#lastOrder;
    const answer = new Promise((resolve) => {
      this.#child.on('message', (/** @type {any} */ message) => {
        if (message.id === id) resolve(message.value);
      });
    });
    this.#child.send({ id, order, argument });
    return answer;
  }

  /** Tells it to exit, and how it does. @returns {Promise<{ code: number | null, milliseconds: number }>} */
  async exit() {
    const exit = once(this.#child, 'exit');
    const began = performance.now();
    this.#child.send({ id: 0, order: 'exit' });
    const [code] = await exit;
    return { code, milliseconds: performance.now() - began };
  }

  /** Whether its process runs. */
  isAlive() {
    return endOf(this.#child) === undefined;
  }

  /** What its process has of memory, in bytes. */
  residentBytes() {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1]) * 1024;
  }

  /** The share of one CPU that its process takes within so much time. @param {number} milliseconds */
  async cpuShare(milliseconds) {
    const before = this.#cpuMilliseconds();
    const began = performance.now();
    await sleep(milliseconds);
    return (this.#cpuMilliseconds() - before) / (performance.now() - began);
  }

  #cpuMilliseconds() {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
  }

  async end() {
    await Promise.all([stop(this.#child), this.#account.stop()]);
  }
}

/** @type {http.RequestListener} */
function answerAsApi(_request, response) {
  const data = {
    proxy_username: LOGIN.username,
    proxy_password: LOGIN.password,
    rules: [GATEWAY_NAME],
    session_id: null,
    target_geo: null,
  };
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ data }));
}

/** @param {number} descriptors */
function limited(descriptors) {
  return `ulimit -n ${descriptors}; exec "${process.execPath}" "$0" "$@"`;
}

/** The host that belongs to the gateway. It has an address, so that nothing but the proxy keeps it from going direct. */
const GATEWAY_NAME = 'localhost';
const LOGIN = { username: 'gateway-user', password: 'gateway-password' };
/** Nobody listens there. */
const CLOSED_PORT = 1;
/** Linux counts CPU time in hundredths of a second (`getconf CLK_TCK`). */
const MS_PER_TICK = 10;

module.exports = { CLOSED_PORT, GATEWAY_NAME, LOGIN, Subject };
