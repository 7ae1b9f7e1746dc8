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

/** @param {string[]} args @param {import('node:child_process').StdioOptions} stdio */
function cargoFuzz(args, stdio) {
  return spawnSync('cargo', ['fuzz', ...args], {
    cwd: ROOT,
    stdio,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    // The stable compiler knows the sanitizer too, but hides its flags.
    env: { ...process.env, RUSTC_BOOTSTRAP: '1' },
  });
}

/** Runs one target. @param {string} target @param {number} seconds @returns {boolean} whether it found nothing */
function fuzz(target, seconds) {
  const found = path.join(FUZZ, 'found', target);
  const dictionary = path.join(FUZZ, 'dictionaries', `${target}.dict`);
  mkdirSync(found, { recursive: true });
  const folders = [found, path.join(FUZZ, 'corpus', target)];
  const options = [`-max_total_time=${seconds}`, '-timeout=10', '-print_final_stats=1'];
  if (existsSync(dictionary)) options.push(`-dict=${dictionary}`);
  const { status, stderr, error } = cargoFuzz(
    ['run', target, ...folders, '--', ...options],
    ['ignore', 'ignore', 'pipe'],
  );
  const output = stderr ?? '';
  const figure = (/** @type {string} */ name) =>
    new RegExp(`^stat::${name}:\\s+(\\d+)`, 'm').exec(output)?.[1] ?? '?';
  const figures = `${figure('number_of_executed_units')} executions, ${figure('new_units_added')} new paths`;
  if (status === 0) {
    console.log(`${target}: ${figures}, nothing found`);
    return true;
  }
  console.error(error ? String(error) : output);
  const input = /Test unit written to (\S+)/.exec(output)?.[1];
  const outcome = input ? `FAILED on ${path.relative(ROOT, input)}` : 'FAILED without an input';
  console.log(`${target}: ${figures}, ${outcome}`);
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
    const run = cargoFuzz(['run', positionals[0], path.resolve(values.input)], 'inherit');
    process.exitCode = run.status ?? 1;
    return;
  }
  // First, and in sight: it takes minutes on a clean clone.
  if (cargoFuzz(['build'], 'inherit').status !== 0) stop('the targets do not build');
  // All of them, so that one finding does not hide another.
  const outcomes = (positionals.length > 0 ? positionals : all).map((name) => fuzz(name, seconds));
  process.exitCode = outcomes.every(Boolean) ? 0 : 1;
}

main();
