// @ts-check
'use strict';

/** Starting and stopping, again and again, in one process. */

const { Subject } = require('../subject.js');
const { mebibytes } = require('../text.js');

/** @typedef {import('../host.js').Holdings} Holdings */

/** @type {import('./index.js').Row} */
const cycles = {
  id: 'cycles',
  promise: 'A stopped session leaves nothing behind: 1,000 times started and stopped',
  async measure(peer) {
    const usual = await grow(peer, false);
    if (peer.id !== 'aluvia') return usual;
    // A cycle of references by way of native code, which no garbage collector sees.
    const attached = await grow(peer, true);
    return {
      text: `${usual.text}; with a \`logger\` that refers to its session: ${attached.text}`,
      isKept: usual.isKept && attached.isKept,
    };
  },
};

/** @param {import('../subject.js').Peer} peer @param {boolean} isLoggerAttached */
async function grow(peer, isLoggerAttached) {
  const subject = await Subject.start(peer, { isLoggerAttached });
  await subject.order('stop', true);
  /** @type {Holdings} */
  const before = await subject.order('cycles', WARM_UP);
  /** @type {Holdings} */
  const after = await subject.order('cycles', CYCLES);
  await subject.end();
  const growth = after.residentBytes - before.residentBytes;
  return {
    text:
      `descriptors ${before.descriptors} → ${after.descriptors}, ` +
      `threads ${before.threads} → ${after.threads}, memory ${mebibytes(growth)}`,
    isKept:
      after.descriptors <= before.descriptors &&
      after.threads <= before.threads &&
      growth < PROMISED_BYTES,
  };
}

/** Until the allocator has what it keeps. */
const WARM_UP = 100;
const CYCLES = 1000;
/** What the allocator keeps, not what is lost in each cycle. */
const PROMISED_BYTES = 5 * 1024 * 1024;

module.exports = { cycles };
