// @ts-check
'use strict';

/** A script that computes while its proxy is used. */

const { setTimeout: sleep } = require('node:timers/promises');
const { Listener, OK, answering } = require('../listener.js');
const { Subject } = require('../subject.js');
const { milliseconds } = require('../text.js');
const { exchange, get } = require('../wire.js');

/** @type {import('./index.js').Row} */
const blockedScript = {
  id: 'blocked-script',
  promise: 'A script that computes for 5 s stalls no request: 20 a second meanwhile',
  async measure(peer) {
    const origin = await Listener.start(answering(OK));
    const subject = await Subject.start(peer);
    const request = () => exchange(subject.port, get(`127.0.0.1:${origin.port}`), LONGEST_MS);
    await request();
    const blocked = subject.order('block', BLOCKED_MS);
    const requests = [];
    for (const end = performance.now() + BLOCKED_MS; performance.now() < end; ) {
      requests.push(request().catch(() => undefined));
      await sleep(EVERY_MS);
    }
    const answers = await Promise.all(requests);
    await blocked;
    await Promise.all([subject.end(), origin.stop()]);
    const failed = answers.filter((answer) => answer?.status !== 200).length;
    const worst = Math.max(...answers.map((answer) => answer?.milliseconds ?? LONGEST_MS));
    return {
      text: `${failed} of ${answers.length} failed; the slowest took ${milliseconds(worst)}`,
      isKept: failed === 0 && worst < PROMISED_MS,
    };
  },
};

const BLOCKED_MS = 5000;
const EVERY_MS = 50;
const LONGEST_MS = 10_000;
/** The machine may be busy otherwise. */
const PROMISED_MS = 500;

module.exports = { blockedScript };
