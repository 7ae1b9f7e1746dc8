// @ts-check
'use strict';

/** The names that are asked for, and the ways that requests to them may take. All of them mean this machine. */

/** @typedef {'direct' | 'gateway'} Route */

/** No rule ever names them. */
const DIRECT = ['127.0.0.1', 'direct.localhost', 'also.direct.localhost'];

/** The rules always name them. All but the last could be reached direct, which nobody would notice otherwise. */
const GATEWAY = ['always.gateway.localhost', 'shop.gateway.localhost', 'always-gateway.test'];

/** The rules name them at times. */
const CHANGING = ['one', 'two', 'three', 'four'].map((name) => `${name}.changing.localhost`);

/** The process under test changes its rule, and knows from then on which way it takes. */
const SWITCH = 'switch.localhost';

/** The rules that are always there. */
const BASE_RULES = ['*.gateway.localhost', 'always-gateway.test'];

/** @param {string} host @returns {Route[]} */
function routesOf(host) {
  if (host === SWITCH || host.endsWith('.changing.localhost')) return ['direct', 'gateway'];
  if (host.endsWith('.gateway.localhost') || host.endsWith('.test')) return ['gateway'];
  return ['direct'];
}

/** Whether a request to a host may have taken this way. @param {string} host @param {Route} route */
function mayTake(host, route) {
  return routesOf(host).includes(route);
}

module.exports = { BASE_RULES, CHANGING, DIRECT, GATEWAY, SWITCH, mayTake, routesOf };
