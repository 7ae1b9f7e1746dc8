// @ts-check
'use strict';

/** Thousands of connects that are opened at once. */

const { readFileSync } = require('node:fs');
const { Listener, echo } = require('../listener.js');
const { Subject } = require('../subject.js');
const { kibibytes } = require('../text.js');
const { openConnects } = require('../wire.js');

/** @type {import('./index.js').Row} */
const manyConnects = {
  id: 'many-connects',
  promise: 'Thousands of connects at once: 5,000 are opened in one go, and each carries a message',
  async measure(peer) {
    const count = Math.min(CONNECTS, affordable());
    const far = await Listener.start(echo);
    const subject = await Subject.start(peer);
    for (const socket of await openConnects(subject.port, far.port, 1)) socket.destroy();
    const before = subject.residentBytes();
    const sockets = await openConnects(subject.port, far.port, count);
    const each = (subject.residentBytes() - before) / count;
    for (const socket of sockets) socket.destroy();
    await Promise.all([subject.end(), far.stop()]);
    return {
      text: `${sockets.length.toLocaleString('en')} of ${count.toLocaleString('en')}; ${kibibytes(each)} a connect`,
      isKept: sockets.length === count,
    };
  },
};

/** Both ends of each are in one process, the clients and the echo. */
function affordable() {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  return Math.floor((Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]) - OTHERS) / 2);
}

const CONNECTS = 5000;
const OTHERS = 200;

module.exports = { manyConnects };
