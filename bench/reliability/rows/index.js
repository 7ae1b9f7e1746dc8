// @ts-check
'use strict';

/** All promises, in the order of the table. */

const { blockedScript } = require('./blocked-script.js');
const { brokenBodies } = require('./broken-bodies.js');
const { cycles } = require('./cycles.js');
const { descriptors } = require('./descriptors.js');
const { exit } = require('./exit.js');
const { gatewayDown } = require('./gateway-down.js');
const { gatewayRefusal } = require('./gateway-refusal.js');
const { gatewaySilent } = require('./gateway-silent.js');
const { logins } = require('./logins.js');
const { manyConnects } = require('./many-connects.js');
const { slowHeads } = require('./slow-heads.js');
const { slowReaders } = require('./slow-readers.js');
const { smuggling } = require('./smuggling.js');
const { stop } = require('./stop.js');
const { metadata, ownPort } = require('./targets.js');
const { webPage } = require('./web-page.js');

/**
 * What was reached.
 *
 * @typedef {object} Figure
 * @property {string} text
 * @property {boolean} [isKept] whether that is what this package promises; nothing where it was not measured
 */

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} promise and how it is measured
 * @property {boolean} [areTogether] whether it is nothing but waiting, so that all proxies wait at once
 * @property {(peer: import('../subject.js').Peer) => Promise<Figure>} measure
 */

/** @type {Row[]} */
const ROWS = [
  slowHeads,
  slowReaders,
  descriptors,
  manyConnects,
  stop,
  cycles,
  blockedScript,
  brokenBodies,
  smuggling,
  gatewayDown,
  gatewaySilent,
  gatewayRefusal,
  webPage,
  metadata,
  ownPort,
  logins,
  exit,
];

module.exports = { ROWS };
