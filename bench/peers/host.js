// @ts-check
'use strict';

/**
 * What every script does that hosts a proxy in its own process: starts it, says where it listens and how long that took, and
 * tells on request what became of the event loop meanwhile.
 */

const { monitorEventLoopDelay, performance } = require('node:perf_hooks');

/**
 * What a host is started with.
 *
 * @typedef {object} Settings
 * @property {number} gatewayPort
 * @property {string} gatewayDomain names below it go through the gateway
 * @property {string} username
 * @property {string} password
 * @property {string} apiBaseUrl
 */

/**
 * Where a proxy listens, and how long it took to get there.
 *
 * @typedef {object} Ready
 * @property {number} port
 * @property {number} requireMs
 * @property {number} startMs
 * @property {number} residentBytes
 */

/**
 * What became of the event loop between two moments.
 *
 * @typedef {object} EventLoop
 * @property {number} utilization from 0 to 1
 * @property {number} delayP50 in seconds, beyond the time that the timer was set to
 * @property {number} delayP99
 */

/**
 * Hosts a proxy until the parent goes away.
 *
 * @template Library
 * @param {object} proxy
 * @param {() => Library | Promise<Library>} proxy.load
 * @param {(library: Library, settings: Settings) => Promise<number>} proxy.start resolves to the port
 */
async function host({ load, start }) {
  const settings = /** @type {Settings} */ (JSON.parse(process.argv[2]));
  const began = performance.now();
  const library = await load();
  const loaded = performance.now();
  const port = await start(library, settings);
  const ready = {
    port,
    requireMs: loaded - began,
    startMs: performance.now() - loaded,
    residentBytes: process.memoryUsage.rss(),
  };
  answer({ ready });
}

/** @param {object} message */
function answer(message) {
  process.send?.(message);
}

let delays = monitorEventLoopDelay();
let utilization = performance.eventLoopUtilization();

/** @type {Record<string, () => void>} */
const orders = {
  begin() {
    delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delays.enable();
    utilization = performance.eventLoopUtilization();
  },
  end() {
    const eventLoop = {
      utilization: performance.eventLoopUtilization(utilization).utilization,
      delayP50: beyondResolution(delays.percentile(50)),
      delayP99: beyondResolution(delays.percentile(99)),
    };
    delays.disable();
    answer({ eventLoop });
  },
  /** A script that computes: half of the time, in pieces of 50 ms. */
  burn() {
    burnAt(performance.now());
  },
};

/** The histogram has the whole time from one tick to the next, in nanoseconds. @param {number} interval */
function beyondResolution(interval) {
  return Math.max(0, interval / 1e9 - RESOLUTION_MS / 1e3);
}

/** @param {number} due */
function burnAt(due) {
  const wait = Math.max(0, due - performance.now());
  setTimeout(() => {
    const end = performance.now() + BURN_MS;
    while (performance.now() < end);
    // A turn that comes late makes no later one late, and none is made up for.
    burnAt(Math.max(due + BURN_EVERY_MS, performance.now()));
  }, wait).unref();
}

process.on('message', (order) => orders[String(order)]());
// Nobody is left to be a proxy for.
process.on('disconnect', () => process.exit(0));

/** Fine enough for the delays that matter, and coarse enough to cost nothing itself. */
const RESOLUTION_MS = 10;
const BURN_MS = 50;
const BURN_EVERY_MS = 100;

module.exports = { host };
