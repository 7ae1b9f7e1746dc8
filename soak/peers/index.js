// @ts-check
'use strict';

/** The process of the peers: the API, the origin, and the gateway. */

const { once } = require('node:events');
const net = require('node:net');
const { CertificateAuthority } = require('../../lib/testing/certificate.js');
const { startSandbox } = require('../../lib/testing/index.js');
const { BASE_RULES } = require('../lib/hosts.js');
const { latestMs } = require('../lib/lateness.js');
const { obey } = require('../lib/orders.js');
const { Random } = require('../lib/random.js');
const { Operator } = require('./account.js');
const { Credentials } = require('./credentials.js');
const { Gateway } = require('./gateway.js');
const { HttpPeer } = require('./http-peer.js');
const { serveStream } = require('./streams.js');
const { Violations } = require('./violations.js');

/**
 * Where the peers are, and what the process under test has to know of them.
 *
 * @typedef {object} Places
 * @property {number} httpPort of the origin
 * @property {number} streamPort where the origin speaks the language of `streams.js`
 * @property {import('../../testing').SandboxClientOptions} clientOptions
 */

const violations = new Violations();
const credentials = new Credentials();
/** @type {Operator | undefined} */
let operator;

obey({
  /** @param {{ seed: number, gatewayProtocol: 'http' | 'https' }} settings @returns {Promise<Places>} */
  async start({ seed, gatewayProtocol }) {
    const authority = new CertificateAuthority();
    const identity = gatewayProtocol === 'https' ? authority.issue(['127.0.0.1']) : undefined;
    const sandbox = await startSandbox({ rules: BASE_RULES });
    operator = new Operator(sandbox, new Random(seed), credentials);
    const origin = new HttpPeer('direct', violations);
    const gateway = new Gateway(credentials, violations, identity);
    const streams = net.createServer({ allowHalfOpen: true }, (socket) => {
      serveStream({ socket, via: 'direct', reset: () => socket.resetAndDestroy() });
    });
    const gatewayPort = await gateway.listen();
    const ca = authority.certificate;
    return {
      httpPort: await origin.listen(),
      streamPort: await listen(streams),
      clientOptions: { ...sandbox.clientOptions, gatewayProtocol, gatewayPort, ca },
    };
  },
  begin: () => operator?.begin(),
  end: () => operator?.end(),
  report: () => ({
    violations: violations.list,
    changes: operator?.changes,
    oldestCredentialsMs: credentials.oldestMs,
    delayMs: latestMs(),
  }),
});

/** @param {net.Server} server */
async function listen(server) {
  server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG });
  await once(server, 'listening');
  return /** @type {net.AddressInfo} */ (server.address()).port;
}

const BACKLOG = 1024;
