// @ts-check
'use strict';

/** One load on one proxy, by the load tool. */

const { messages, start, stop } = require('./children.js');
const { GATEWAY_DOMAIN } = require('./peers.js');
const { LOAD } = require('./stage.js');

/**
 * @typedef {import('./peers.js').Route} Route
 * @typedef {import('./peers.js').Running} Running
 * @typedef {import('./stage.js').Ports} Ports
 * @typedef {import('./stage.js').Stage} Stage
 * @typedef {import('./host-process.js').EventLoop} EventLoop
 */

/**
 * What the load tool says, with what the hosting script says of the same time. Times are in seconds.
 *
 * @typedef {object} Result
 * @property {number} seconds
 * @property {number} operations
 * @property {number} bytes
 * @property {number} errors
 * @property {string | null} lastError
 * @property {number} reconnects
 * @property {{ p50: number, p90: number, p99: number, max: number } | null} latency
 * @property {number | null} cpu of the proxy
 * @property {number | null} serverCpu
 * @property {number} loadCpu
 * @property {number} machineCpu of everybody on this machine
 * @property {number} stolenCpu taken by other machines on the same host
 * @property {number | null} wakeups of the proxy's threads
 * @property {number | null} residentBytes
 * @property {EventLoop} [eventLoop]
 */

/**
 * @typedef {object} Load
 * @property {string[]} args the load tool's scenario and its options
 * @property {Route | 'relay'} route `relay` is direct, and nothing but connects that stand
 * @property {keyof Ports} to
 * @property {boolean} [isUnwatched] whether the hosting script is left alone
 */

/**
 * @param {Stage} stage
 * @param {Running | undefined} proxy nothing for no proxy
 * @param {Load} load
 * @returns {Promise<Result & Record<string, any>>}
 */
async function runLoad(stage, proxy, { args, route, to, isUnwatched = false }) {
  const host = route === 'gateway' ? `shop${GATEWAY_DOMAIN}` : '127.0.0.1';
  const port = proxy && (proxy.ports[route] ?? proxy.ports.direct);
  const through = proxy ? ['--proxy', `127.0.0.1:${port}`, '--pid', String(proxy.pid)] : [];
  const script = isUnwatched ? undefined : proxy?.host;
  const child = start(LOAD, [
    'run',
    ...args,
    '--target',
    `${host}:${stage.ports[to]}`,
    '--server-pid',
    String(stage.pid),
    ...through,
  ]);
  const timer = setTimeout(() => stop(child), LONGEST_MS);
  /** @type {Promise<EventLoop> | undefined} */
  let eventLoop;
  /** @type {Record<string, any> | undefined} */
  let result;
  for await (const message of messages(child.stdout)) {
    if (message.event === 'begin') script?.begin();
    else if (message.event === 'end') eventLoop = script?.end();
    else if (message.event === 'result') result = message;
    else if (message.event === 'error') throw new Error(proxy?.ended() ?? message.message);
  }
  clearTimeout(timer);
  if (!result) throw new Error(`${args[0]} came to no end within ${LONGEST_MS / 1000} s`);
  return /** @type {Result} */ ({ ...result, eventLoop: await eventLoop });
}

/**
 * Measures something of this machine alone.
 *
 * @param {string[]} args
 * @returns {Promise<Record<string, any>>}
 */
async function runTool(args) {
  for await (const message of messages(start(LOAD, args).stdout)) {
    if (message.event === 'result') return message;
    throw new Error(message.message);
  }
  throw new Error(`${args[0]} said nothing`);
}

const LONGEST_MS = 90_000;

module.exports = { runLoad, runTool };
