// @ts-check
'use strict';

/** A web page that asks the port itself. */

const { Subject } = require('../subject.js');
const { exchange } = require('../wire.js');

/** @type {import('./index.js').Row} */
const webPage = {
  id: 'web-page',
  promise: 'A page that asks the port gets a constant 400: GET, a pre-flight and a rebound name',
  async measure(peer) {
    const subject = await Subject.start(peer);
    const parts = [];
    let isKept = true;
    /** @type {Set<string>} */
    const texts = new Set();
    for (const [name, bytes] of Object.entries(requestsTo(subject.port))) {
      const { status, text } = await exchange(subject.port, bytes);
      const isShared = /^access-control-/im.test(text);
      isKept &&= status === 400 && !isShared;
      parts.push(`${name} ${status ?? 'no answer'}${isShared ? ' with CORS fields' : ''}`);
      texts.add(text.replace(/^date:.*$/im, ''));
    }
    await subject.end();
    const constancy = texts.size === 1 ? 'the same bytes each time' : 'bytes differ';
    return {
      text: `${parts.join(', ')}; ${constancy}; ${isKept ? 'no CORS field' : ''}`.replace(
        /; $/,
        '',
      ),
      isKept: isKept && texts.size === 1,
    };
  },
};

/** @param {number} port */
function requestsTo(port) {
  const origin = 'Origin: http://page.example\r\nConnection: close\r\n\r\n';
  const asking =
    'Access-Control-Request-Method: POST\r\nAccess-Control-Request-Private-Network: true\r\n';
  return {
    GET: `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${origin}`,
    'pre-flight': `OPTIONS / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${asking}${origin}`,
    rebound: `GET /secret HTTP/1.1\r\nHost: page.example:${port}\r\n${origin}`,
  };
}

module.exports = { webPage };
