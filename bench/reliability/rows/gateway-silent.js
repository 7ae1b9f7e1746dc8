// @ts-check
'use strict';

/** A gateway that accepts connections and says nothing. */

const { Listener } = require('../listener.js');
const { GATEWAY_NAME, Subject } = require('../subject.js');
const { seconds } = require('../text.js');
const { connect, exchange, get } = require('../wire.js');

/** @typedef {import('../wire.js').Answer} Answer */

/** @type {import('./index.js').Row} */
const gatewaySilent = {
  id: 'gateway-silent',
  promise: 'A gateway that says nothing holds nobody up for long: until the client has an answer',
  areTogether: true,
  async measure(peer) {
    const gateway = await Listener.start((socket) => socket.resume());
    const subject = await Subject.start(peer, { gatewayPort: gateway.port });
    const authority = `${GATEWAY_NAME}:80`;
    const answers = await Promise.all(
      [connect(authority), get(authority)].map((bytes) =>
        exchange(subject.port, bytes, LONGEST_MS),
      ),
    );
    await Promise.all([subject.end(), gateway.stop()]);
    return {
      text: `CONNECT ${told(answers[0])}, GET ${told(answers[1])}`,
      isKept: answers.every(({ status, milliseconds }) => status && milliseconds < PROMISED_MS),
    };
  },
};

/** @param {Answer} answer */
function told({ status, milliseconds }) {
  return status ? `${status} after ${seconds(milliseconds)}` : `none within ${LONGEST_MS / 1000} s`;
}

const LONGEST_MS = 60_000;
/** `connectTimeoutMs` is 10,000. */
const PROMISED_MS = 12_000;

module.exports = { gatewaySilent };
