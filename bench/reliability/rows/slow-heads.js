// @ts-check
'use strict';

/** Clients that begin a head and never end it. */

const { Subject } = require('../subject.js');
const { open, statusOf } = require('../wire.js');
const { range, spread } = require('../text.js');

/** @typedef {import('../subject.js').Peer} Peer */

/** @type {import('./index.js').Row} */
const slowHeads = {
  id: 'slow-heads',
  promise: 'A client that never ends its head is cut: 200 clients with half a head',
  areTogether: true,
  async measure(peer) {
    const subject = await Subject.start(peer);
    const ends = await Promise.all(Array.from({ length: CLIENTS }, () => hold(subject.port)));
    await subject.end();
    const cut = ends.filter(({ seconds }) => seconds < LONGEST_SECONDS);
    if (cut.length === 0) return { text: `none cut within ${LONGEST_SECONDS} s` };
    const statuses = spread(cut.map(({ status }) => status ?? 'no answer'));
    const seconds = cut.map((end) => end.seconds);
    return {
      text: `${cut.length} of ${CLIENTS} cut after ${range(seconds)} s: ${statuses}`,
      isKept: cut.length === CLIENTS && Math.max(...seconds) < PROMISED_SECONDS,
    };
  },
};

/** Sends half a head, and says when and how the connection ends. @param {number} port */
async function hold(port) {
  const socket = await open(port);
  const began = performance.now();
  let text = '';
  socket.on('data', (data) => (text += data.toString('latin1')));
  socket.write('GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAccept');
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, LONGEST_SECONDS * 1000);
    socket.on('close', () => resolve(clearTimeout(timer)));
  });
  socket.destroy();
  return { seconds: (performance.now() - began) / 1000, status: statusOf(text) };
}

const CLIENTS = 200;
/** Node.js looks for late heads every 30 seconds, and gives them 60. */
const LONGEST_SECONDS = 100;
/** The limit is 15. */
const PROMISED_SECONDS = 17;

module.exports = { slowHeads };
