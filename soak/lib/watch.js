// @ts-check
'use strict';

/** What the process under test takes: looked at all the time, and kept where it matters. */

const { setTimeout: sleep } = require('node:timers/promises');

/**
 * @typedef {import('../subject.js').Sample} Sample
 * @typedef {import('./orders.js').Child} Child
 */

class Watch {
  #subject;
  #isOver = false;
  /** @type {Sample[]} */
  #samples = [];

  /** @param {Child} subject */
  constructor(subject) {
    this.#subject = subject;
  }

  /** Looks until it is over. */
  async run() {
    while (!this.#isOver) {
      this.#samples.push(await this.#subject.ask('sample'));
      await sleep(EVERY_MS);
    }
  }

  finish() {
    this.#isOver = true;
  }

  /** Of all moments. @param {keyof Sample} figure */
  peak(figure) {
    return Math.max(0, ...this.#samples.map((sample) => sample[figure]));
  }

  /** In the middle of what was seen around a part of the run, from 0 to 1: one moment says little. @param {number} part @param {keyof Sample} figure */
  around(part, figure) {
    const { length } = this.#samples;
    const window = Math.max(1, Math.floor(length * WINDOW));
    const start = Math.min(length - window, Math.max(0, Math.floor(length * part - window / 2)));
    const seen = this.#samples.slice(start, start + window).map((sample) => sample[figure]);
    return seen.sort((one, other) => one - other)[Math.floor(seen.length / 2)] ?? 0;
  }

  /** Waits until a figure is no more than given, or time is up. @param {keyof Sample} figure @param {number} most */
  async quiet(figure, most) {
    const deadline = Date.now() + QUIET_MS;
    for (;;) {
      const sample = /** @type {Sample} */ (await this.#subject.ask('sample'));
      if (sample[figure] <= most || Date.now() > deadline) return sample;
      await sleep(EVERY_MS);
    }
  }
}

const EVERY_MS = 500;
/** A tenth of the run. */
const WINDOW = 0.1;
/** The peers let go of connections after five seconds, and the proxy looks them over every five. */
const QUIET_MS = 20_000;

module.exports = { Watch };
