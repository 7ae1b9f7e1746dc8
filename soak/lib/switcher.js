// @ts-check
'use strict';

/**
 * Changes a rule through the process under test, and looks whether it is in force when it says so: `updateRules` promises that
 * for every request that starts after it has resolved.
 */

const { setTimeout: sleep } = require('node:timers/promises');
const { run } = require('../clients/exchange.js');
const { BASE_RULES, SWITCH } = require('./hosts.js');
const { Checker } = require('./payload.js');

/**
 * @typedef {import('../clients/exchange.js').Context} Context
 * @typedef {import('./orders.js').Child} Child
 * @typedef {import('./load.js').Load} Load
 * @typedef {import('./random.js').Random} Random
 */

class Switcher {
  #subject;
  #load;
  #random;
  #isOver = false;
  updates = { done: 0, refused: 0 };

  /** @param {Child} subject @param {Load} load @param {Random} random */
  constructor(subject, load, random) {
    this.#subject = subject;
    this.#load = load;
    this.#random = random;
  }

  async run() {
    while (!this.#isOver) {
      const isOn = this.#random.chance(0.5);
      const rules = [...BASE_RULES, ...(isOn ? [SWITCH] : [])];
      const code = await this.#subject.ask('updateRules', rules);
      if (code === null) await this.#look(isOn);
      else if (code === 'ALUVIA_API') this.updates.refused += 1;
      else throw new Error(`updateRules() has failed with ${code}`);
      await sleep(this.#random.between(50, 400));
    }
  }

  finish() {
    this.#isOver = true;
  }

  /** A few requests, also after polls. @param {boolean} isOn */
  async #look(isOn) {
    this.updates.done += 1;
    const via = isOn ? 'gateway' : 'direct';
    for (let left = this.#random.between(1, 4); left > 0; left -= 1) {
      await this.#load.once('after updateRules()', (context) => ask(context, via), this.#random);
      await sleep(this.#random.between(0, 200));
    }
  }
}

/** @param {Context} context @param {import('./hosts.js').Route} via */
async function ask(context, via) {
  const offset = context.random.between(0, 1_000_000);
  const path = `/bytes/100/${offset}`;
  const outcome = await run(context, { host: SWITCH, path, checker: new Checker(offset, 100) });
  const answers = [{ via, status: 200, end: /** @type {const} */ ('whole') }];
  return { what: `GET ${SWITCH}`, answers, outcome };
}

module.exports = { Switcher };
