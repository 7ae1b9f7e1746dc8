// @ts-check
'use strict';

/** What a peer should never see. */
class Violations {
  /** @type {string[]} */
  list = [];

  /** @param {string} text */
  add(text) {
    if (this.list.length < MOST) this.list.push(text);
  }
}

/** Enough to know what it is. */
const MOST = 100;

module.exports = { Violations };
