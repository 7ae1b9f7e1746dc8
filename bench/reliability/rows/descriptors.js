// @ts-check
'use strict';

/** A process that has no file descriptors left. */

const { setTimeout: sleep } = require('node:timers/promises');
const { Listener, OK, answering, echo } = require('../listener.js');
const { Subject } = require('../subject.js');
const { seconds, spread } = require('../text.js');
const { connect, exchange, get, open, statusOf } = require('../wire.js');

/** @type {import('./index.js').Row} */
const descriptors = {
  id: 'descriptors',
  promise: 'Running out of descriptors ends nothing: 400 clients with CONNECT, `ulimit -n 256`',
  async measure(peer) {
    const far = await Listener.start(echo);
    const origin = await Listener.start(answering(OK));
    const subject = await Subject.start(peer, { descriptors: 256 });
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => begin(subject.port, far.port)),
    );
    await sleep(SETTLE_MS);
    const share = subject.isAlive() ? await subject.cpuShare(STARVED_MS) : 0;
    for (const { socket } of clients) socket.destroy();
    const recovery = subject.isAlive() ? await recover(subject.port, origin.port) : undefined;
    const isAlive = subject.isAlive();
    await Promise.all([subject.end(), far.stop(), origin.stop()]);
    if (!isAlive) return { text: 'the process ends', isKept: false };
    const answers = spread(clients.map(({ text }) => statusOf(text) ?? 'no answer'));
    const again = recovery === undefined ? `none within ${LONGEST_MS / 1000} s` : seconds(recovery);
    return {
      text: `survives; ${(share * 100).toFixed(0)} % of a CPU; works again after ${again}; answers: ${answers}`,
      isKept: share < PROMISED_SHARE && recovery !== undefined && recovery < PROMISED_MS,
    };
  },
};

/** @param {number} port @param {number} far */
async function begin(port, far) {
  const client = { socket: await open(port), text: '' };
  client.socket.on('data', (data) => (client.text += data.toString('latin1')));
  client.socket.write(connect(`127.0.0.1:${far}`));
  return client;
}

/** How long it takes until a request succeeds. @param {number} port @param {number} origin */
async function recover(port, origin) {
  const began = performance.now();
  while (performance.now() - began < LONGEST_MS) {
    const answer = await exchange(port, get(`127.0.0.1:${origin}`), 1000).catch(() => undefined);
    if (answer?.status === 200) return performance.now() - began;
    await sleep(20);
  }
  return undefined;
}

const CLIENTS = 400;
const SETTLE_MS = 1000;
const STARVED_MS = 3000;
const LONGEST_MS = 30_000;
/** It has to wait, not to try and try again. */
const PROMISED_SHARE = 0.2;
const PROMISED_MS = 2000;

module.exports = { descriptors };
