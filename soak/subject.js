// @ts-check
'use strict';

/** The process under test: one session, and nothing else that would need descriptors or memory. */

const { readdirSync, readlinkSync } = require('node:fs');
const { AluviaClient } = require('..');
const { latestMs } = require('./lib/lateness.js');
const { obey } = require('./lib/orders.js');
const { API_MS, CONNECT_MS, DRAIN_MS, IDLE_MS, POLL_MS } = require('./lib/timing.js');

/**
 * What the process takes at a moment. The counts are 0 where the system does not tell.
 *
 * @typedef {object} Sample
 * @property {number} descriptors
 * @property {number} sockets among them
 * @property {number} threads
 * @property {number} residentBytes
 * @property {number} delayMs the longest that the event loop was late since the last sample
 */

/** @type {AluviaClient | undefined} */
let client;
/** Lines of the log by level. @type {Record<string, number>} */
const logged = {};
/** What somebody has to do something about. @type {string[]} */
const errors = [];

obey({
  /** @param {import('./peers/index.js').Places['clientOptions']} options */
  async start(options) {
    client = new AluviaClient({
      ...options,
      pollIntervalMs: POLL_MS,
      apiTimeoutMs: API_MS,
      connectTimeoutMs: CONNECT_MS,
      idleTimeoutMs: IDLE_MS,
      drainTimeoutMs: DRAIN_MS,
      logger: ({ level, message, fields }) => {
        logged[level] = (logged[level] ?? 0) + 1;
        if (level === 'error') errors.push(`${message} ${JSON.stringify(fields)}`);
      },
    });
    return (await client.start()).port;
  },
  /** How the update has ended: the code of the error, or null. @param {string[]} rules */
  async updateRules(rules) {
    try {
      await client?.updateRules(rules);
      return null;
    } catch (error) {
      return /** @type {{ code?: string }} */ (error).code ?? String(error);
    }
  },
  /** Resolves to the milliseconds that it has taken. */
  async stop() {
    const began = performance.now();
    await client?.stop();
    return performance.now() - began;
  },
  sample,
  log: () => ({ logged, errors }),
});

/** @returns {Sample} */
function sample() {
  const descriptors = list('/proc/self/fd');
  return {
    descriptors: descriptors.length,
    sockets: descriptors.filter(isSocket).length,
    threads: list('/proc/self/task').length,
    residentBytes: process.memoryUsage.rss(),
    delayMs: latestMs(),
  };
}

/** @param {string} directory */
function list(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** @param {string} descriptor */
function isSocket(descriptor) {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:');
  } catch {
    // That of the list itself, or one that was closed just now.
    return false;
  }
}
