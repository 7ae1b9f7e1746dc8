// @ts-check
'use strict';

/** All that is measured: this package, the proxies that it is compared with, and no proxy at all. */

const { existsSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { haproxy, haproxySplice } = require('../peers/haproxy.js');
const { nginx } = require('../peers/nginx.js');
const { squid } = require('../peers/squid.js');
const { tinyproxy } = require('../peers/tinyproxy.js');
const { BENCH, ROOT } = require('./prepare.js');
const { Host } = require('./host-process.js');

/** @typedef {import('./stage.js').Stage} Stage */

/**
 * @typedef {'aluvia' | 'against' | 'proxy-chain-2' | 'proxy-chain-3' | 'haproxy' | 'haproxy-splice' | 'nginx' | 'squid'
 *   | 'tinyproxy' | 'none'} Id
 */

/** The ways through a proxy that loads take. @typedef {'direct' | 'gateway'} Route */

/**
 * How a proxy is started.
 *
 * @typedef {object} Setting
 * @property {number} gatewayPort
 * @property {number} rules how many rules the account has, where a proxy has rules
 */

/**
 * A proxy that runs.
 *
 * @typedef {object} Running
 * @property {number} pid its process, whose descendants belong to it
 * @property {{ direct: number, gateway: number, relay?: number }} ports the port that takes each route, and one that is the
 *   better for connects that stand
 * @property {Host} [host] the script around it, where it lives in one
 * @property {() => string | undefined} ended how it has ended; nothing while it runs
 * @property {() => Promise<void>} stop
 */

/**
 * @typedef {object} Peer
 * @property {Id} id
 * @property {string} name
 * @property {() => string | undefined} version nothing where it is not installed
 * @property {string} package how to install it
 * @property {(stage: Stage, setting: Setting) => Promise<Running>} start
 */

/** Names below it go through the gateway, by the first rule of every account. */
const GATEWAY_DOMAIN = '.test';

/** @param {string} [addon] another build than that of the working tree @returns {Peer} */
function aluvia(addon) {
  return {
    id: addon ? 'against' : 'aluvia',
    name: addon ? path.basename(addon, '.node') : 'aluvia',
    version: () => JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version,
    package: 'npm run build',
    start: (stage, setting) => startHost(stage, setting, 'aluvia.js', [], addon ?? stage.addon),
  };
}

/** @param {'proxy-chain-2' | 'proxy-chain-3'} id its name in bench/package.json @returns {Peer} */
function proxyChain(id) {
  const manifest = path.join(BENCH, 'node_modules', id, 'package.json');
  const version = existsSync(manifest)
    ? JSON.parse(readFileSync(manifest, 'utf8')).version
    : undefined;
  return {
    id,
    name: `proxy-chain ${version ?? id.at(-1)}`,
    version: () => version,
    package: 'npm ci --prefix bench',
    start: (stage, setting) => startHost(stage, setting, 'proxy-chain.js', [id]),
  };
}

/** The load goes to the origin itself. @type {Peer} */
const none = {
  id: 'none',
  name: 'no proxy',
  version: () => '',
  package: '',
  async start() {
    throw new Error('there is nothing to start');
  },
};

/**
 * @param {Stage} stage
 * @param {Setting} setting
 * @param {string} script
 * @param {string[]} args
 * @param {string} [addon]
 * @returns {Promise<Running>}
 */
async function startHost(stage, { gatewayPort, rules }, script, args, addon) {
  const settings = {
    gatewayPort,
    gatewayDomain: GATEWAY_DOMAIN,
    username: stage.username,
    password: stage.password,
    apiBaseUrl: `http://127.0.0.1:${stage.ports.api}/rules/${rules}`,
  };
  const host = await Host.start(
    path.join(BENCH, 'peers', script),
    [JSON.stringify(settings), ...args],
    addon ? { NAPI_RS_NATIVE_LIBRARY_PATH: addon } : {},
  );
  const { port } = host.ready;
  return {
    pid: host.pid,
    ports: { direct: port, gateway: port },
    host,
    ended: () => host.ended(),
    stop: () => host.stop(),
  };
}

/** @param {string | undefined} against another build of the addon, to be compared with @returns {Peer[]} */
function allPeers(against) {
  return [
    aluvia(),
    ...(against ? [aluvia(path.resolve(against))] : []),
    proxyChain('proxy-chain-2'),
    proxyChain('proxy-chain-3'),
    haproxy,
    haproxySplice,
    nginx,
    squid,
    tinyproxy,
    none,
  ];
}

module.exports = { GATEWAY_DOMAIN, allPeers };
