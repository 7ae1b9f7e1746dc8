// @ts-check
'use strict';

/**
 * haproxy, whose configuration names the destination: it parses no target, resolves no name and has no rules, and is a lower
 * bound rather than an equal. It has no CONNECT of its own, but passes it on to an origin or gateway that has. Where nothing but
 * the relay counts it does not even read that, but relays TCP.
 */

const { endOf, freePort, startServer, stop } = require('../lib/children.js');
const { DESCRIPTORS, versionOf } = require('../lib/programs.js');

/**
 * @typedef {import('../lib/peers.js').Peer} Peer
 * @typedef {import('../lib/stage.js').Stage} Stage
 */

/** @type {Peer} */
const haproxy = {
  id: 'haproxy',
  name: 'haproxy',
  version: () => versionOf('haproxy', ['-v'], /version (\S+?)-/),
  package: 'apt install haproxy',
  start: (stage, { gatewayPort }) => start(stage, gatewayPort, ''),
};

/** Bulk by splice(2). @type {Peer} */
const haproxySplice = {
  ...haproxy,
  id: 'haproxy-splice',
  name: 'haproxy, splice',
  start: (stage, { gatewayPort }) =>
    start(stage, gatewayPort, 'option splice-request\n  option splice-response'),
};

/**
 * @param {Stage} stage
 * @param {number} gatewayPort
 * @param {string} splice
 */
async function start(stage, gatewayPort, splice) {
  const ports = {
    direct: await freePort(),
    gateway: await freePort(),
    relay: await freePort(),
  };
  const credentials = Buffer.from(`${stage.username}:${stage.password}`).toString('base64');
  // Two threads: as many workers as this package has.
  const configuration = `
global
  nbthread 2
  maxconn ${Math.floor(DESCRIPTORS / 2) - 200}
  maxpipes 64
defaults
  mode http
  http-reuse always
  ${splice}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 600s
frontend direct
  bind 127.0.0.1:${ports.direct}
  default_backend origin
frontend gateway
  bind 127.0.0.1:${ports.gateway}
  http-request set-header Proxy-Authorization "Basic ${credentials}"
  default_backend gateway
frontend relay
  mode tcp
  bind 127.0.0.1:${ports.relay}
  default_backend terminator
backend origin
  server origin 127.0.0.1:${stage.ports.http}
backend gateway
  server gateway 127.0.0.1:${gatewayPort}
backend terminator
  mode tcp
  server origin 127.0.0.1:${stage.ports.http}
`;
  const file = stage.write(`haproxy-${ports.direct}.cfg`, configuration);
  const child = await startServer('haproxy', ['-db', '-f', file], ports.direct);
  return { pid: Number(child.pid), ports, ended: () => endOf(child), stop: () => stop(child) };
}

module.exports = { haproxy, haproxySplice };
