// @ts-check
'use strict';

/** Origins that die in the middle of a body. */

const http = require('node:http');
const { Listener } = require('../listener.js');
const { Subject } = require('../subject.js');
const { spread } = require('../text.js');

/** @typedef {import('node:net').Socket} Socket */

/** @type {import('./index.js').Row} */
const brokenBodies = {
  id: 'broken-bodies',
  promise: 'A body that breaks off never looks complete: 50 tries of each kind',
  async measure(peer) {
    const subject = await Subject.start(peer);
    const parts = [];
    let isKept = true;
    for (const { name, head, end } of KINDS) {
      const origin = await Listener.start((socket) => breakOff(socket, head, end));
      /** @type {string[]} */
      const outcomes = [];
      for (let count = 0; count < TRIES; count += 1) {
        outcomes.push(await fetch(subject.port, origin.port));
      }
      await origin.stop();
      isKept &&= outcomes.every((outcome) => outcome === 'noticed');
      parts.push(`${name}: ${spread(outcomes)}`);
    }
    await subject.end();
    return { text: parts.join('; '), isKept };
  },
};

/** @param {Socket} socket @param {string} head @param {(socket: Socket) => void} end */
function breakOff(socket, head, end) {
  socket.once('data', () => {
    socket.write(`HTTP/1.1 200 OK\r\n${head}`);
    setTimeout(() => end(socket), PAUSE_MS);
  });
}

/** What a client makes of it. @param {number} port @param {number} origin @returns {Promise<string>} */
function fetch(port, origin) {
  return new Promise((resolve) => {
    const path = `http://127.0.0.1:${origin}/`;
    const request = http.get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      response.resume();
      response.on('error', () => resolve('noticed'));
      response.on('end', () => resolve(response.complete ? 'looked complete' : 'noticed'));
    });
    request.setTimeout(LONGEST_MS, () => {
      resolve('left waiting');
      request.destroy();
    });
    request.on('error', () => resolve('noticed'));
  });
}

const LENGTH = 'Content-Length: 1000\r\n\r\nshort';
const CHUNKS = 'Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n';
/** @param {Socket} socket */
const close = (socket) => socket.end();
/** @param {Socket} socket */
const reset = (socket) => socket.resetAndDestroy();

const KINDS = [
  { name: 'length, closed', head: LENGTH, end: close },
  { name: 'length, reset', head: LENGTH, end: reset },
  { name: 'chunked, closed', head: CHUNKS, end: close },
  { name: 'chunked, reset', head: CHUNKS, end: reset },
];
const TRIES = 50;
/** Long enough for what was written to be on its way. */
const PAUSE_MS = 10;
const LONGEST_MS = 2000;

module.exports = { brokenBodies };
