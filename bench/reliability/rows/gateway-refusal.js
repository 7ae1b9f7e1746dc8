// @ts-check
'use strict';

/** A gateway that refuses, with things in its answer that are not for the client. */

const { Listener, answering } = require('../listener.js');
const { GATEWAY_NAME, Subject } = require('../subject.js');
const { connect, exchange, get } = require('../wire.js');

/** @type {import('./index.js').Row} */
const gatewayRefusal = {
  id: 'gateway-refusal',
  promise: "The gateway's refusal stays with the proxy: a 407 with a body and `Set-Cookie`",
  async measure(peer) {
    const gateway = await Listener.start(answering(REFUSAL));
    const subject = await Subject.start(peer, { gatewayPort: gateway.port });
    const parts = [];
    let isKept = true;
    for (const [name, request] of Object.entries({ CONNECT: connect, GET: get })) {
      const { status, text } = await exchange(subject.port, request(`${GATEWAY_NAME}:80`));
      const seen = SECRETS.filter((secret) => text.includes(`secret-${secret}`));
      isKept &&= seen.length === 0;
      const leak = seen.length > 0 ? `with the gateway's ${seen.join(', ')}` : 'with nothing of it';
      parts.push(`${name}: ${status ?? 'no answer'}, ${leak}`);
    }
    await Promise.all([subject.end(), gateway.stop()]);
    return { text: parts.join('; '), isKept };
  },
};

const SECRETS = ['cookie', 'challenge', 'body'];
const [COOKIE, CHALLENGE, BODY] = SECRETS.map((name) => `secret-${name}`);
const REFUSAL =
  `HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="${CHALLENGE}"\r\n` +
  `Set-Cookie: ${COOKIE}=1\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`;

module.exports = { gatewayRefusal };
