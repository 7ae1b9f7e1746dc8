// @ts-check
'use strict';

/** Chance that can be repeated: the same seed gives the same numbers (mulberry32). */
class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. @param {number} least @param {number} most */
  between(least, most) {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** @param {number} probability from 0 to 1 */
  chance(probability) {
    return this.next() < probability;
  }

  /** @template Item @param {readonly Item[]} list @returns {Item} */
  pick(list) {
    return list[this.between(0, list.length - 1)];
  }

  /** One of those with a weight, the heavier the likelier. @template {{ weight: number }} Item @param {readonly Item[]} list */
  pickWeighted(list) {
    let left = this.next() * list.reduce((sum, { weight }) => sum + weight, 0);
    for (const item of list) {
      left -= item.weight;
      if (left < 0) return item;
    }
    return list[list.length - 1];
  }

  /** Another one, for somebody who draws at a pace of his own. */
  fork() {
    return new Random(this.between(0, 2 ** 32 - 1));
  }
}

module.exports = { Random };
