// @ts-check
'use strict';

/** What `npm start` and `npm test` need before they can begin: packages and the addon. Uses nothing but Node.js itself. */

const { spawnSync } = require('node:child_process');
const { existsSync, readdirSync, statSync } = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');

/**
 * Runs a command with the terminal of this process, and ends this process if the command fails.
 *
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  console.log(`> ${[command, ...args].join(' ')}`);
  const { status, error } = start(command, args);
  if (error) {
    console.error(`${command}: ${error.message}`);
    process.exit(1);
  }
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 */
function start(command, args, options) {
  // npm and its tools are scripts on Windows, which only a shell starts.
  const shell = process.platform === 'win32';
  return spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', shell, ...options });
}

/** Whether a command can be started. @param {string} command @param {string[]} args */
function works(command, args) {
  return start(command, args, { stdio: 'ignore' }).status === 0;
}

/** The newest change below the paths, in milliseconds. @param {string[]} paths @returns {number} */
function newest(paths) {
  return Math.max(
    ...paths.map((name) => {
      const stat = statSync(name);
      if (!stat.isDirectory()) return stat.mtimeMs;
      return newest(readdirSync(name).map((inner) => path.join(name, inner)));
    }),
    0,
  );
}

/** Installs the packages, unless they are those of the lock file. */
function install() {
  const installed = path.join(ROOT, 'node_modules', '.package-lock.json');
  const lock = path.join(ROOT, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  // Not `npm ci`: it refuses a lock file that was written beside a registry without the packages of every platform.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund']);
}

/** Builds the addon for release, unless it is newer than its sources. */
function build() {
  const sources = [
    'src',
    'crates/engine/src',
    'crates/engine/Cargo.toml',
    'Cargo.toml',
    'Cargo.lock',
  ];
  const addon = readdirSync(ROOT).find((name) => name.endsWith('.node'));
  const isFresh =
    addon !== undefined &&
    existsSync(path.join(ROOT, 'binding.js')) &&
    statSync(path.join(ROOT, addon)).mtimeMs > newest(sources.map((name) => path.join(ROOT, name)));
  if (isFresh) return;
  if (!works('cargo', ['--version'])) {
    console.error('A Rust toolchain is needed to build the addon: see https://rustup.rs');
    process.exit(1);
  }
  run('npm', ['run', 'build']);
}

module.exports = { ROOT, build, install, run, start, works };
