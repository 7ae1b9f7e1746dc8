// @ts-check
'use strict';

/** The load: workers that do one thing after the other, each what its dice say. */

const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');
const { HTTP_KINDS } = require('../clients/http.js');
const { ROUGH_KINDS } = require('../clients/rough.js');
const { STREAM_KINDS } = require('../clients/streams.js');
const { IDLE_MS } = require('./timing.js');

/**
 * @typedef {import('../clients/exchange.js').Context} Context
 * @typedef {import('./random.js').Random} Random
 * @typedef {import('./tally.js').Tally} Tally
 * @typedef {Pick<Context, 'proxyPort' | 'httpPort' | 'streamPort'>} Ports
 */

class Load {
  #agent = new http.Agent({ keepAlive: true, timeout: KEPT_MS });
  #ports;
  #tally;
  #isOver = false;

  /** @param {Ports} ports @param {Tally} tally */
  constructor(ports, tally) {
    this.#ports = ports;
    this.#tally = tally;
  }

  /** Runs until it is over. @param {number} workers @param {Random} random */
  async run(workers, random) {
    await Promise.all(Array.from({ length: workers }, () => this.#work(random.fork())));
    this.#agent.destroy();
  }

  /** Lets every worker finish what it does. */
  finish() {
    this.#isOver = true;
  }

  /** @param {Random} random */
  async #work(random) {
    while (!this.#isOver) {
      const { name, attempt } = random.pickWeighted(KINDS);
      await this.once(name, attempt, random);
      await sleep(random.between(0, LONGEST_PAUSE_MS));
    }
  }

  /** One attempt, which ends in time. @param {string} name @param {typeof KINDS[number]['attempt']} attempt @param {Random} random */
  async once(name, attempt, random) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error('given up')), PATIENCE_MS);
    const context = { ...this.#ports, agent: this.#agent, random, signal: abort.signal };
    try {
      const done = await attempt(context);
      if (abort.signal.aborted) this.#tally.complain(`${name}: ${done.what}: given up`);
      else this.#tally.add(name, done);
    } catch (error) {
      this.#tally.complain(`${name}: ${error instanceof Error ? error.stack : error}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

const KINDS = [...HTTP_KINDS, ...STREAM_KINDS, ...ROUGH_KINDS];

/** Well before the proxy lets go of a connection that says nothing, so that no request meets its end. */
const KEPT_MS = IDLE_MS / 2;
/** Everything ends sooner: the proxy waits for no more than seconds. */
const PATIENCE_MS = 30_000;
/** Keeps the ports of closed connections from running out. */
const LONGEST_PAUSE_MS = 40;

module.exports = { Load };
