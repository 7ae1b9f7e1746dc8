// @ts-check
'use strict';

/** What a run needs before it can begin: the addon, the load tool, and the proxies from npm. */

const { existsSync, readdirSync, statSync } = require('node:fs');
const path = require('node:path');
const { ROOT, install, run, works } = require('../../scripts/prepare.js');

const BENCH = path.join(ROOT, 'bench');

/** @param {{ isBuilt: boolean }} options whether everything is taken as it is */
function prepare({ isBuilt }) {
  if (process.platform !== 'linux') {
    console.error(
      'The benchmark needs Linux: it reads /proc and the CPU clocks of other processes.',
    );
    process.exit(1);
  }
  installPeers();
  if (isBuilt) return;
  install();
  if (!works('cargo', ['--version'])) {
    console.error('A Rust toolchain is needed: see https://rustup.rs');
    process.exit(1);
  }
  // Whatever addon lies there may be a debug build: cargo knows what is fresh.
  run('npm', ['run', 'build']);
  run('cargo', ['build', '--release', '-p', 'aluvia-load']);
}

function installPeers() {
  const installed = path.join(BENCH, 'node_modules', '.package-lock.json');
  const lock = path.join(BENCH, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  run('npm', ['ci', '--no-audit', '--no-fund', '--prefix', BENCH]);
}

/** The addon of the working tree, or the one that the environment names. @returns {string} */
function addon() {
  if (process.env.NAPI_RS_NATIVE_LIBRARY_PATH) return process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  const name = readdirSync(ROOT).find((file) => file.endsWith('.node'));
  if (name === undefined) throw new Error('there is no addon: run without --no-build');
  return path.join(ROOT, name);
}

module.exports = { BENCH, ROOT, addon, prepare };
