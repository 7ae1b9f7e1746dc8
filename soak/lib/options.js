// @ts-check
'use strict';

/** The options of `npm run soak`, read and checked. */

const { parseArgs } = require('node:util');

/**
 * @typedef {object} Options
 * @property {number} minutes
 * @property {number} seed
 * @property {number} workers
 */

/** @param {string[]} args @returns {Options} @throws {Error} that says which option is wrong, and what it takes */
function parseOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
      workers: { type: 'string', default: '32' },
    },
  });
  return {
    minutes: number('minutes', values.minutes, { least: 0.1, most: 10_000 }),
    seed: whole('seed', values.seed, { least: 0, most: 2 ** 32 - 1 }),
    workers: whole('workers', values.workers, { least: 1, most: 1000 }),
  };
}

/** @param {string} name @param {string} text @param {{ least: number, most: number }} bounds */
function number(name, text, { least, most }) {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw new Error(`--${name} takes a number from ${least} to ${most}, not '${text}'`);
}

/** @param {string} name @param {string} text @param {{ least: number, most: number }} bounds */
function whole(name, text, bounds) {
  const value = number(name, text, bounds);
  if (Number.isInteger(value)) return value;
  throw new Error(`--${name} takes a whole number, not '${text}'`);
}

module.exports = { parseOptions };
