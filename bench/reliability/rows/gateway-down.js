// @ts-check
'use strict';

/** A gateway that is not there. */

const { Listener, OK, answering } = require('../listener.js');
const { CLOSED_PORT, GATEWAY_NAME, Subject } = require('../subject.js');
const { spread } = require('../text.js');
const { connect, exchange, get } = require('../wire.js');

/** @type {import('./index.js').Row} */
const gatewayDown = {
  id: 'gateway-down',
  promise: 'What belongs to the gateway never goes direct: the gateway refuses connections',
  async measure(peer) {
    const origin = await Listener.start(answering(OK));
    const subject = await Subject.start(peer, { gatewayPort: CLOSED_PORT });
    const authority = `${GATEWAY_NAME}:${origin.port}`;
    const statuses = [];
    for (let count = 0; count < TRIES; count += 1) {
      for (const request of [get(authority), connect(authority)]) {
        statuses.push((await exchange(subject.port, request)).status ?? 'no answer');
      }
    }
    const { accepted } = origin;
    await Promise.all([subject.end(), origin.stop()]);
    return {
      text: `${accepted} of ${statuses.length} reach the origin; answers: ${spread(statuses)}`,
      isKept: accepted === 0,
    };
  },
};

/** Of each kind. */
const TRIES = 25;

module.exports = { gatewayDown };
