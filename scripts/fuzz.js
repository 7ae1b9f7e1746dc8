// @ts-check
'use strict';

/**
 * `npm run fuzz -- [--seconds N] [--input FILE] [TARGET…]`: runs each fuzz target for so many seconds, ten unless told, and
 * prints one line for each. `--input` runs a single input instead. See fuzz/README.md.
 */

const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readdirSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { ROOT, start, works } = require('./prepare.js');

const FUZZ = path.join(ROOT, 'fuzz');
const INSTALLATION = ['install', '--locked', 'cargo-fuzz'];

/** @returns {string[]} */
function targets() {
  return readdirSync(path.join(FUZZ, 'fuzz_targets'))
    .filter((name) => name.endsWith('.rs'))
    .map((name) => path.basename(name, '.rs'))
    .sort();
}

/** Ends this process where cargo-fuzz is missing and may not be installed. */
function prepare() {
  const isThere = () => works('cargo', ['fuzz', '--version']);
  if (!isThere() && process.env.CI) start('cargo', INSTALLATION);
  if (!isThere()) stop(`cargo-fuzz is not installed: cargo ${INSTALLATION.join(' ')}`);
}

/** @param {string} target @param {string[]} args @param {import('node:child_process').StdioOptions} stdio */
function cargoFuzz(target, args, stdio) {
  return spawnSync('cargo', ['fuzz', 'run', target, ...args], {
    cwd: ROOT,
    stdio,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    // The sanitizer's flags are known to the stable compiler too, but kept for those who ask.
    env: { ...process.env, RUSTC_BOOTSTRAP: '1' },
  });
}

/** Runs one target. @param {string} target @param {number} seconds @returns {boolean} whether it found nothing */
function fuzz(target, seconds) {
  const found = path.join(FUZZ, 'found', target);
  const dictionary = path.join(FUZZ, 'dictionaries', `${target}.dict`);
  mkdirSync(found, { recursive: true });
  const { status, stderr, error } = cargoFuzz(
    target,
    [
      found,
      path.join(FUZZ, 'corpus', target),
      '--',
      `-max_total_time=${seconds}`,
      '-timeout=10',
      '-print_final_stats=1',
      ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
    ],
    ['ignore', 'ignore', 'pipe'],
  );
  const number = (/** @type {string} */ name) =>
    new RegExp(`^stat::${name}:\\s+(\\d+)`, 'm').exec(stderr ?? '')?.[1] ?? '?';
  const figures = `${number('number_of_executed_units')} executions, ${number('new_units_added')} new paths`;
  if (status === 0) {
    console.log(`${target}: ${figures}, nothing found`);
    return true;
  }
  const input = /Test unit written to (\S+)/.exec(stderr ?? '')?.[1];
  console.error(error ? String(error) : stderr);
  console.log(`${target}: ${figures}, ${input ? `FAILED on ${input}` : 'DID NOT RUN'}`);
  return false;
}

/** @param {string} message @returns {never} */
function stop(message) {
  console.error(message);
  process.exit(1);
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string', default: '10' }, input: { type: 'string' } },
  });
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 1)
    stop('--seconds takes a whole number from 1 on: 0 would never end');
  const all = targets();
  const unknown = positionals.find((name) => !all.includes(name));
  if (unknown) stop(`${unknown} is no target; there are ${all.join(', ')}`);
  prepare();
  if (values.input) {
    if (positionals.length !== 1) stop('--input needs one target');
    process.exitCode = cargoFuzz(positionals[0], [values.input], 'inherit').status ?? 1;
    return;
  }
  // All of them, so that one finding does not hide another.
  const outcomes = (positionals.length > 0 ? positionals : all).map((name) => fuzz(name, seconds));
  process.exitCode = outcomes.every(Boolean) ? 0 : 1;
}

main();
