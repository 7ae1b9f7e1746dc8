// @ts-check
'use strict';

/** Credentials that a client sends for a proxy. */

const { Listener, OK, answering } = require('../listener.js');
const { GATEWAY_NAME, Subject } = require('../subject.js');
const { connect, exchange, get } = require('../wire.js');

/** @type {import('./index.js').Row} */
const logins = {
  id: 'logins',
  promise: "A client's `Proxy-Authorization` reaches nobody else: who sees it",
  async measure(peer) {
    /** @type {string[]} */
    const atOrigin = [];
    /** @type {string[]} */
    const atGateway = [];
    const origin = await Listener.start(answering(OK, atOrigin));
    const gateway = await Listener.start(answering(OK, atGateway));
    const subject = await Subject.start(peer, { gatewayPort: gateway.port });
    const authority = `${GATEWAY_NAME}:${origin.port}`;
    await exchange(subject.port, get(`127.0.0.1:${origin.port}`, FIELD));
    await exchange(subject.port, get(authority, FIELD));
    await exchange(subject.port, connect(authority, FIELD));
    await Promise.all([subject.end(), origin.stop(), gateway.stop()]);
    // Each has to have seen its requests: nothing else would say that they were clean.
    if (atOrigin.length < 1 || atGateway.length < 2) {
      return { text: `${atOrigin.length} of 1 and ${atGateway.length} of 2 requests arrived` };
    }
    const seen = { 'the origin': atOrigin, 'the gateway': atGateway };
    const by = Object.entries(seen).filter(([, heads]) => heads.some((head) => shows(head)));
    return {
      text: by.length > 0 ? by.map(([name]) => name).join(', ') : 'nobody',
      isKept: by.length === 0,
    };
  },
};

/** Whether the login of the client is in it, as it was sent or in the clear. @param {string} head */
function shows(head) {
  return head.includes(LOGIN) || head.includes('client-password');
}

const LOGIN = Buffer.from('client-user:client-password').toString('base64');
const FIELD = `Proxy-Authorization: Basic ${LOGIN}\r\n`;

module.exports = { logins };
