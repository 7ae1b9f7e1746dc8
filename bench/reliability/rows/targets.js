// @ts-check
'use strict';

/** Targets that no request should lead to: the metadata of the machine, and the proxy itself. */

const { Listener, OK, answering } = require('../listener.js');
const { Subject } = require('../subject.js');
const { milliseconds, spread } = require('../text.js');
const { connect, exchange, get } = require('../wire.js');

/** @typedef {import('../wire.js').Answer} Answer */

/** @type {import('./index.js').Row} */
const metadata = {
  id: 'metadata',
  promise: 'The metadata address is refused: a service listens at 169.254.169.254',
  async measure(peer) {
    if (!process.env.ALUVIA_BENCH_DIRECTORY) {
      return { text: 'not measured: the system allows no network namespace' };
    }
    const service = await Listener.start(answering(OK), METADATA);
    const subject = await Subject.start(peer);
    const answers = await ask(subject.port, METADATA_SPELLINGS);
    const { accepted } = service;
    await Promise.all([subject.end(), service.stop()]);
    return {
      text: `${accepted} of ${answers.length} requests reach it; ${told(answers)}`,
      isKept: accepted === 0 && answers.every(({ status }) => status === 403),
    };
  },
};

/** @type {import('./index.js').Row} */
const ownPort = {
  id: 'own-port',
  promise: 'A request for the own port is refused: GET and CONNECT, by four spellings of it',
  async measure(peer) {
    const subject = await Subject.start(peer);
    const spellings = OWN_SPELLINGS.map((host) => `${host}:${subject.port}`);
    const answers = await ask(subject.port, spellings);
    await subject.end();
    return { text: told(answers), isKept: answers.every(({ status }) => status === 403) };
  },
};

/** @param {number} port @param {string[]} authorities @returns {Promise<Answer[]>} */
async function ask(port, authorities) {
  const answers = [];
  for (const authority of authorities) {
    for (const request of [get(authority), connect(authority)]) {
      answers.push(await exchange(port, request));
    }
  }
  return answers;
}

/** @param {Answer[]} answers */
function told(answers) {
  const statuses = spread(answers.map(({ status }) => status ?? 'no answer'));
  const slowest = Math.max(...answers.map((answer) => answer.milliseconds));
  return `answers: ${statuses}, within ${milliseconds(slowest)}`;
}

const METADATA = '169.254.169.254';
const METADATA_SPELLINGS = [`${METADATA}:80`, '2852039166:80', `[::ffff:${METADATA}]:80`];
// No names: `localhost` belongs to the gateway here, and others have nobody to resolve them.
const OWN_SPELLINGS = ['127.0.0.1', '2130706433', '0.0.0.0', '[::ffff:127.0.0.1]'];

module.exports = { metadata, ownPort };
