/** Programs of the machine that tests need, and what to do where one is missing. */

import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, onTestFinished } from 'vitest';

export const chromium = findChromium();

export const curl = find('curl');

export const python = find('python3');

/**
 * A `describe` that is skipped, and says so, where a program is missing.
 *
 * @param {string | undefined} path
 * @param {string} what
 */
export function describeWith(path, what) {
  if (path) return describe;
  console.warn(`SKIPPED: ${what} is not installed, so its tests do not run`);
  return describe.skip;
}

/**
 * Runs a program to its end, without the proxy settings of whoever runs the tests.
 *
 * @param {string} path
 * @param {string[]} args
 * @param {Buffer} [input]
 * @returns {Promise<{ code: number | null, stdout: Buffer, stderr: string }>}
 */
export function run(path, args, input = Buffer.alloc(0)) {
  const child = start(path, args);
  child.stdin.on('error', () => {}).end(input);
  const stdout = [];
  const stderr = [];
  child.stdout.on('data', (chunk) => stdout.push(chunk));
  child.stderr.on('data', (chunk) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

/**
 * Starts a program; it does not outlive the test.
 *
 * @param {string} path
 * @param {string[]} args
 */
export function start(path, args) {
  const child = spawn(path, args, { env: withoutProxies(process.env) });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** @param {NodeJS.ProcessEnv} environment */
function withoutProxies(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/_proxy$/i.test(name)));
}

function findChromium() {
  const { CHROMIUM_PATH } = process.env;
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const paths = [CHROMIUM_PATH, ...names.map((name) => `/usr/bin/${name}`)];
  return paths.find((path) => path && isExecutable(path));
}

/** @param {string} name */
function find(name) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * What a program prints about itself.
 *
 * @param {string} path
 */
export const versionOf = (path) => execFileSync(path, ['--version'], { encoding: 'utf8' });
