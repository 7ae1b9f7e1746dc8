// @ts-check
'use strict';

/** Requests that two parsers could read in two ways. */

const { Listener, OK } = require('../listener.js');
const { Subject } = require('../subject.js');
const { exchange } = require('../wire.js');

/** @type {import('./index.js').Row} */
const smuggling = {
  id: 'smuggling',
  promise: 'A request with two readings is refused: 15 kinds, those that an origin answers',
  async measure(peer) {
    const subject = await Subject.start(peer);
    const passed = [];
    for (const [name, bytes] of Object.entries(REQUESTS)) {
      const origin = await Listener.start(answerWhole);
      const request = bytes.replaceAll('HOST', `127.0.0.1:${origin.port}`);
      const { status } = await exchange(subject.port, request, WAIT_MS);
      if (status === 200) passed.push(name);
      await origin.stop();
    }
    await subject.end();
    const names = passed.length > 0 ? `: ${passed.join(', ')}` : '';
    return {
      text: `${passed.length} of ${Object.keys(REQUESTS).length}${names}`,
      isKept: passed.length === 0,
    };
  },
};

/** An origin answers what it takes for a whole request. @param {import('node:net').Socket} socket */
function answerWhole(socket) {
  let text = '';
  socket.on('data', (data) => {
    text += data.toString('latin1');
    if (isWhole(text)) socket.end(OK);
  });
}

/** @param {string} text */
function isWhole(text) {
  const blank = text.search(/\r?\n\r?\n/);
  if (blank < 0) return false;
  const head = text.slice(0, blank);
  const body = text.slice(blank).replace(/^\r?\n\r?\n/, '');
  if (/^transfer-encoding/im.test(head)) return /(^|\n)0+\r?\n/.test(body);
  return body.length >= Number(/^content-length\s*:\s*\+?(\d+)/im.exec(head)?.[1] ?? 0);
}

/** @param {string} fields @param {string} [body] */
function post(fields, body = '') {
  return `POST http://HOST/ HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n${fields}\r\n${body}`;
}

const CHUNKS = '5\r\nhello\r\n0\r\n\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

/** @type {Record<string, string>} */
const REQUESTS = {
  'Transfer-Encoding and Content-Length': post(`${CHUNKED}Content-Length: 4\r\n`, CHUNKS),
  'two lengths': post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!'),
  'a list of lengths': post('Content-Length: 5, 6\r\n', 'hello!'),
  'a length with a sign': post('Content-Length: +5\r\n', 'hello'),
  'a folded field': post('X-Field: one\r\n two\r\n'),
  'bare line feeds': 'GET http://HOST/ HTTP/1.1\nHost: HOST\nConnection: close\n\n',
  'a space before the colon': post('Content-Length : 5\r\n', 'hello'),
  '`chunked, identity`': post('Transfer-Encoding: chunked, identity\r\n', CHUNKS),
  'an unknown coding': post('Transfer-Encoding: xchunked\r\n', CHUNKS),
  'chunked twice': post(`${CHUNKED}${CHUNKED}`, CHUNKS),
  'NUL in a value': post('X-Field: one\0two\r\n'),
  'a bare CR in a value': post('X-Field: one\rX-Other: two\r\n'),
  'two hosts': post('Host: other.example\r\n'),
  'chunks in HTTP/1.0': post(CHUNKED, CHUNKS).replace('HTTP/1.1', 'HTTP/1.0'),
  'a chunk size of `0x5`': post(CHUNKED, CHUNKS.replace('5', '0x5')),
};
const WAIT_MS = 1000;

module.exports = { smuggling };
