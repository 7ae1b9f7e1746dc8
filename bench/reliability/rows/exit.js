// @ts-check
'use strict';

/** `process.exit()` while connects are open. */

const { Listener, echo } = require('../listener.js');
const { Subject } = require('../subject.js');
const { milliseconds } = require('../text.js');
const { openConnects } = require('../wire.js');

/** @type {import('./index.js').Row} */
const exit = {
  id: 'exit',
  promise: '`process.exit(0)` ends the process at once: 1,000 open connects',
  async measure(peer) {
    const far = await Listener.start(echo);
    const subject = await Subject.start(peer);
    const sockets = await openConnects(subject.port, far.port, CONNECTS);
    const end = await subject.exit();
    for (const socket of sockets) socket.destroy();
    await Promise.all([subject.end(), far.stop()]);
    return {
      text: `code ${end.code} after ${milliseconds(end.milliseconds)}, with ${sockets.length} connects`,
      isKept: end.code === 0 && end.milliseconds < PROMISED_MS && sockets.length === CONNECTS,
    };
  },
};

const CONNECTS = 1000;
const PROMISED_MS = 1000;

module.exports = { exit };
