// @ts-check
'use strict';

/** Counts what was done and what has become of it. */

const { causeOf, judge } = require('./judge.js');

/**
 * @typedef {import('../clients/http.js').Attempt} Attempt
 */

class Tally {
  #isSilent;
  /** @type {Map<string, { count: number, longestMs: number }>} */
  kinds = new Map();
  /** Expected outcomes by what they are. @type {Map<string, number>} */
  causes = new Map();
  /** The first of those that nobody has expected. @type {string[]} */
  shown = [];
  unexpected = 0;
  total = 0;

  /** @param {{ isSilent?: boolean }} [options] */
  constructor({ isSilent = false } = {}) {
    this.#isSilent = isSilent;
  }

  /** @param {string} kind @param {Attempt} attempt */
  add(kind, { what, answers, outcome }) {
    this.total += 1;
    const seen = this.kinds.get(kind) ?? { count: 0, longestMs: 0 };
    const longestMs = Math.max(seen.longestMs, outcome.elapsedMs);
    this.kinds.set(kind, { count: seen.count + 1, longestMs });
    if (answers.length === 0) return this.#count('the client has left');
    const fault = judge(answers, outcome);
    if (fault !== null) return this.complain(`${kind}: ${what}: ${fault}`);
    this.#count(causeOf(answers, outcome));
  }

  /** Of anything that should not be. @param {string} text */
  complain(text) {
    this.unexpected += 1;
    if (this.#isSilent || this.shown.length >= MOST_SHOWN) return;
    const line = `${new Date().toISOString()} ${text}`;
    this.shown.push(line);
    console.log(`unexpected: ${line}`);
  }

  /** @param {string} cause */
  #count(cause) {
    this.causes.set(cause, (this.causes.get(cause) ?? 0) + 1);
  }
}

const MOST_SHOWN = 20;

module.exports = { Tally };
