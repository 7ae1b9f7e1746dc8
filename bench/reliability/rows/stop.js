// @ts-check
'use strict';

/** Stopping while connects are open. */

const { setTimeout: sleep } = require('node:timers/promises');
const { Listener, echo } = require('../listener.js');
const { Subject } = require('../subject.js');
const { milliseconds } = require('../text.js');
const { openConnects } = require('../wire.js');

/**
 * @typedef {import('../subject.js').Peer} Peer
 * @typedef {import('../subject.js').Setting} Setting
 */

/** @type {import('./index.js').Row} */
const stop = {
  id: 'stop',
  promise: 'Stopping is bounded and leaves nothing: 1,000 open connects',
  async measure(peer) {
    if (peer.id !== 'aluvia') {
      const forced = await stopWith(peer, {}, true);
      const gentle = await stopWith(peer, {}, false);
      return { text: `\`close(true)\` ${told(forced)}; \`close()\` ${told(gentle)}` };
    }
    const usual = await stopWith(peer, {}, true);
    const atOnce = await stopWith(peer, { options: { drainTimeoutMs: 0 } }, true);
    return {
      text: `\`stop()\` ${told(usual)}; with \`drainTimeoutMs: 0\` ${told(atOnce)}`,
      isKept: [usual, atOnce].every((end) => end?.socketsLeft === 0) && !isLate(usual),
    };
  },
};

/**
 * Nothing where it does not come to its end.
 *
 * @typedef {{ milliseconds: number, socketsLeft: number, socketsLater: number } | undefined} Stop
 */

/** @param {Peer} peer @param {Setting} setting @param {boolean} isForced @returns {Promise<Stop>} */
async function stopWith(peer, setting, isForced) {
  const far = await Listener.start(echo);
  const subject = await Subject.start(peer, setting);
  const sockets = await openConnects(subject.port, far.port, CONNECTS);
  if (sockets.length < CONNECTS) throw new Error(`only ${sockets.length} connects`);
  const waiting = new AbortController();
  const late = sleep(LONGEST_MS, undefined, { signal: waiting.signal }).catch(() => undefined);
  const end = await Promise.race([subject.order('stop', isForced), late]);
  waiting.abort();
  for (const socket of sockets) socket.destroy();
  await Promise.all([subject.end(), far.stop()]);
  return end;
}

/** @param {Stop} end */
function told(end) {
  if (end === undefined) return `not within ${LONGEST_MS / 1000} s`;
  const left = `${end.socketsLeft} sockets left`;
  const later = end.socketsLeft > 0 ? `, ${end.socketsLater} a second later` : '';
  return `${milliseconds(end.milliseconds)}, ${left}${later}`;
}

/** @param {Stop} end */
function isLate(end) {
  return end === undefined || end.milliseconds > PROMISED_MS;
}

const CONNECTS = 1000;
const LONGEST_MS = 10_000;
/** `drainTimeoutMs` is 2000. */
const PROMISED_MS = 3000;

module.exports = { stop };
