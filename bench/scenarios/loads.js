// @ts-check
'use strict';

/** The loads that all proxies take, on a process that has run warm. */

const { HOSTS, loadScenario } = require('./scenario.js');

/**
 * @typedef {import('../lib/load.js').Load} Load
 * @typedef {import('../lib/peers.js').Id} Id
 * @typedef {import('../lib/peers.js').Route} Route
 * @typedef {import('./scenario.js').Scenario} Scenario
 */

/** @type {Route[]} */
const ROUTES = ['direct', 'gateway'];

/** @returns {Scenario[]} */
function bulk() {
  return ['down', 'up'].map((direction) =>
    loadScenario({
      id: `bulk-${direction}`,
      title: `bulk ${direction} through 8 connects`,
      unit: 'GB',
      load: {
        args: ['bulk', '--direction', direction, '--connections', '8'],
        route: 'relay',
        to: direction === 'down' ? 'source' : 'sink',
      },
      peers: [...HOSTS, 'haproxy', 'haproxy-splice', 'squid', 'tinyproxy', 'none'],
    }),
  );
}

/** @returns {Scenario[]} */
function connects() {
  return ROUTES.map((route) =>
    loadScenario({
      id: `connects-${route}`,
      title: `connects, ${route}`,
      unit: '10,000 connects',
      load: {
        args: ['connects', '--connections', '32', ...(route === 'direct' ? SPREAD : [])],
        route,
        to: 'echo',
      },
      peers: [...HOSTS, 'haproxy', 'squid', 'tinyproxy'],
    }),
  );
}

/** @returns {Scenario[]} */
function http() {
  return [64, 1, 1000].flatMap((connections) =>
    BODIES.flatMap((body) =>
      ROUTES.map((route) =>
        loadScenario({
          id: `http-${body.id}-${connections}-${route}`,
          title: `GET ${body.title}, ${connections} connection${connections === 1 ? '' : 's'}, ${route}`,
          unit: '10,000 requests',
          load: { ...get(connections, body), route },
          peers: [...HOSTS, ...httpPrograms(connections, route)],
          isQuick: connections === 64 && body === SMALL,
        }),
      ),
    ),
  );
}

/** nginx has no way to a gateway. @param {number} connections @param {Route} route @returns {Id[]} */
function httpPrograms(connections, route) {
  /** @type {Id[]} */
  const more = connections === 64 ? ['squid', 'tinyproxy'] : [];
  return route === 'gateway' ? ['haproxy', ...more] : ['haproxy', 'nginx', ...more, 'none'];
}

/** @param {number} connections @param {typeof SMALL} [body] @returns {Load} */
function get(connections, { path, length } = SMALL) {
  const args = ['http', '--connections', `${connections}`, '--path', path, '--length', `${length}`];
  return { args, route: 'direct', to: 'http' };
}

/** @returns {Scenario} */
function messages() {
  return loadScenario({
    id: 'messages',
    title: 'messages of 100 B, 64 connects',
    unit: '10,000 messages',
    load: { args: ['messages', '--connections', '64'], route: 'relay', to: 'echo' },
    peers: [...HOSTS, 'haproxy', 'haproxy-splice', 'squid', 'tinyproxy', 'none'],
  });
}

/** As a browser makes it: far below what any of them can do. @returns {Scenario} */
function paced() {
  const load = get(64);
  return loadScenario({
    id: 'paced',
    title: 'GET 128 B, 1,000 a second',
    unit: '10,000 requests',
    load: { ...load, args: [...load.args, '--rate', '1000'] },
    peers: [...HOSTS, 'haproxy', 'nginx', 'squid', 'none'],
  });
}

const SMALL = { id: '128', title: '128 B', path: '/128', length: 128 };
const BODIES = [
  SMALL,
  { id: '64k', title: '64 KiB', path: '/64k', length: 65_536 },
  { id: 'chunked', title: 'chunked', path: '/chunked', length: 16_384 },
];
/** Targets on several addresses, so that no proxy runs out of ports. */
const SPREAD = ['--spread', 'yes'];

module.exports = {
  SPREAD,
  get,
  LOADS: [...bulk(), ...connects(), ...http(), messages(), paced()],
};
