// @ts-check
'use strict';

/** proxy-chain in a process of its own, as the predecessor of this package used it. Its name in bench/package.json is told. */

const { host } = require('./host.js');

/**
 * @typedef {{ hostname: string }} Request
 * @typedef {object} Library
 * @property {new (options: object) => { port: number, listen(): Promise<void> }} Server
 */

host({
  // Version 3 is an ES module, which `require` does not load on Node.js 20.
  load: async () => /** @type {Library} */ (await import(process.argv[3])),
  async start({ Server }, { gatewayDomain, gatewayPort, username, password }) {
    const upstreamProxyUrl = `http://${username}:${password}@127.0.0.1:${gatewayPort}`;
    const server = new Server({
      host: '127.0.0.1',
      port: 0,
      prepareRequestFunction: (/** @type {Request} */ { hostname }) =>
        hostname.endsWith(gatewayDomain) ? { upstreamProxyUrl } : {},
    });
    await server.listen();
    return server.port;
  },
});
