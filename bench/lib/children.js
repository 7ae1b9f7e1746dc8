// @ts-check
'use strict';

/** The processes that a run starts, each of which ends with it. */

const { fork, spawn } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const readline = require('node:readline');
const { setTimeout: sleep } = require('node:timers/promises');

/**
 * @typedef {import('node:child_process').ChildProcess} ChildProcess
 */

/** @type {Set<ChildProcess>} */
const children = new Set();

/**
 * Starts a program, with its errors shown and its output to be read.
 *
 * @param {string} command
 * @param {string[]} args
 */
function start(command, args) {
  return track(spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
}

/**
 * Starts a server that has nothing to say, with as many descriptors as there are to be had. What it complains about is kept for
 * the case that it does not come up.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {number} port where it will listen
 */
async function startServer(command, args, port) {
  const script = 'ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"';
  const child = track(
    spawn('sh', ['-c', script, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  let output = '';
  child.stdout.on('data', (text) => (output = `${output}${text}`.slice(-2000)));
  child.stderr.on('data', (text) => (output = `${output}${text}`.slice(-2000)));
  for (const deadline = Date.now() + START_MS; !(await listens(port)); await sleep(20)) {
    if (Date.now() > deadline || endOf(child)) {
      await stop(child);
      throw new Error(`${command} did not come up: ${output.trim()}`);
    }
  }
  return child;
}

/**
 * Starts a script of ours, to be spoken to by messages.
 *
 * @param {string} script
 * @param {string[]} args
 * @param {Record<string, string>} env
 * @param {import('node:child_process').ForkOptions} [execution]
 */
function startScript(script, args, env, execution) {
  return track(fork(script, args, { env: { ...process.env, ...env }, execArgv: [], ...execution }));
}

/** @template {ChildProcess} Child @param {Child} child @returns {Child} */
function track(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
  // The exit, or the lack of an answer, says enough.
  child.on('error', () => {});
  return child;
}

/** How a process has ended; nothing while it runs. @param {ChildProcess} child @returns {string | undefined} */
function endOf({ exitCode, signalCode }) {
  if (signalCode !== null) return `ended by ${signalCode}`;
  return exitCode === null ? undefined : `ended with ${exitCode}`;
}

/** Ends a process, by force if it takes its time. @param {ChildProcess} child */
async function stop(child) {
  if (child.pid === undefined || endOf(child)) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exit;
  clearTimeout(timer);
}

/** Leaves none behind, whatever happens. */
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Makes an end by a signal a regular one. */
function endOnSignals() {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => process.exit(1));
  }
}

/**
 * The lines of JSON that a program prints, as they come.
 *
 * @param {import('node:stream').Readable} output
 * @returns {AsyncIterable<Record<string, any>>}
 */
async function* messages(output) {
  for await (const line of readline.createInterface({ input: output })) yield JSON.parse(line);
}

/** A port that nobody listens on. @returns {Promise<number>} */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** @param {number} port @returns {Promise<boolean>} */
function listens(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

const START_MS = 10_000;
const STOP_MS = 1000;

module.exports = { endOf, endOnSignals, freePort, messages, start, startScript, startServer, stop };
