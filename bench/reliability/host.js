// @ts-check
'use strict';

/**
 * A script that hosts one proxy in a process of its own, and does with it what it is told by messages.
 *
 * Its arguments are the name of the package and {@link Settings} as JSON.
 */

const { once } = require('node:events');
const { readFileSync, readdirSync, readlinkSync } = require('node:fs');
const { performance } = require('node:perf_hooks');
const { setTimeout: sleep } = require('node:timers/promises');

/**
 * What a proxy is started with.
 *
 * @typedef {object} Settings
 * @property {string} apiBaseUrl
 * @property {number} gatewayPort
 * @property {string} gatewayName the one host that belongs to the gateway
 * @property {string} username for the gateway
 * @property {string} password
 * @property {object} options further ones of this package
 * @property {boolean} isLoggerAttached whether the logger of this package refers to the session that it logs for
 */

/**
 * @typedef {object} Proxy
 * @property {number} port
 * @property {(isForced: boolean) => Promise<unknown>} stop
 */

/**
 * What a process holds.
 *
 * @typedef {object} Holdings
 * @property {number} descriptors
 * @property {number} sockets
 * @property {number} threads
 * @property {number} residentBytes
 */

/** @type {Settings} */
const settings = JSON.parse(process.argv[3]);

/** @type {Record<string, () => Promise<Proxy>>} */
const STARTS = {
  async aluvia() {
    const { AluviaClient } = require('../../index.js');
    const { apiBaseUrl, gatewayPort, isLoggerAttached, options } = settings;
    /** @type {import('../../index.js').AluviaClientSession | undefined} */
    let session;
    const logger = isLoggerAttached ? () => session : ignore;
    const client = new AluviaClient({
      token: 'reliability',
      apiBaseUrl,
      gatewayHost: '127.0.0.1',
      gatewayPort,
      logger,
      ...options,
    });
    const started = await client.start();
    session = started;
    return { port: started.port, stop: () => started.stop() };
  },
  'proxy-chain-2': () => startProxyChain('proxy-chain-2'),
  'proxy-chain-3': () => startProxyChain('proxy-chain-3'),
};

/** On its own, so that it keeps nothing of what is around it. */
function ignore() {}

/** As the predecessor of this package used it. @param {string} name @returns {Promise<Proxy>} */
async function startProxyChain(name) {
  const { gatewayName, gatewayPort, username, password } = settings;
  const upstreamProxyUrl = `http://${username}:${password}@127.0.0.1:${gatewayPort}`;
  // Version 3 is an ES module, which `require` does not load on Node.js 20.
  const { Server } = await import(name);
  const server = new Server({
    host: '127.0.0.1',
    port: 0,
    prepareRequestFunction: (/** @type {{ hostname: string }} */ { hostname }) =>
      hostname === gatewayName ? { upstreamProxyUrl } : {},
  });
  await server.listen();
  return { port: server.port, stop: (isForced) => server.close(isForced) };
}

/** @returns {Holdings} */
function holdings() {
  global.gc?.();
  const descriptors = readdirSync('/proc/self/fd');
  const status = readFileSync('/proc/self/status', 'utf8');
  return {
    descriptors: descriptors.length,
    sockets: descriptors.filter((descriptor) => isSocket(descriptor)).length,
    threads: Number(/^Threads:\s*(\d+)/m.exec(status)?.[1]),
    residentBytes: process.memoryUsage.rss(),
  };
}

/** @param {string} descriptor */
function isSocket(descriptor) {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:');
  } catch {
    // The one that the list was read with.
    return false;
  }
}

async function main() {
  const start = STARTS[process.argv[2]];
  const atFirst = holdings();
  const proxy = await start();

  /** @type {Record<string, (argument: any) => unknown>} */
  const orders = {
    async stop(isForced) {
      const began = performance.now();
      await proxy.stop(isForced);
      const milliseconds = performance.now() - began;
      const socketsLeft = holdings().sockets - atFirst.sockets;
      await sleep(LATER_MS);
      return { milliseconds, socketsLeft, socketsLater: holdings().sockets - atFirst.sockets };
    },
    /** Each number is of the proxies that are started besides. @param {number} count */
    async cycles(count) {
      for (let cycle = 0; cycle < count; cycle += 1) {
        await (await start()).stop(true);
        // What nobody refers to any more is no leak, whenever it is collected.
        if (cycle % 10 === 0) global.gc?.();
      }
      // What is collected frees what it holds of native memory a turn later.
      global.gc?.();
      await sleep(SETTLE_MS);
      return holdings();
    },
    /** A script that computes. @param {number} milliseconds */
    block(milliseconds) {
      const end = performance.now() + milliseconds;
      while (performance.now() < end);
    },
    exit: () => process.exit(0),
  };
  process.on('message', async (/** @type {any} */ { id, order, argument }) => {
    process.send?.({ id, value: await orders[order](argument) });
  });
  process.send?.({ port: proxy.port });
  await once(process, 'disconnect');
  process.exit(0);
}

/** What ends does so within it. */
const SETTLE_MS = 300;
const LATER_MS = 1000;

main();
