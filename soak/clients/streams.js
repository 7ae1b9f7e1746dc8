// @ts-check
'use strict';

/** Kinds of byte streams, both ways: connects, and requests that are upgraded. `peers/streams.js` has the other side. */

const { answersTo } = require('../lib/answers.js');
const { Checker } = require('../lib/payload.js');
const { pick } = require('./http.js');
const { Wire } = require('./wire.js');

/**
 * @typedef {import('./exchange.js').Context} Context
 * @typedef {import('./http.js').Attempt} Attempt
 * @typedef {import('./wire.js').Head} Head
 * @typedef {import('../lib/judge.js').Outcome} Outcome
 * @typedef {import('../lib/hosts.js').Route} Route
 */

/** @typedef {{ mode: string, length: number, offset: number }} Order */

/** @param {Context} context @returns {Promise<Attempt>} */
async function connect(context) {
  const { random } = context;
  const { host, offset } = pick(context);
  const mode = random.pickWeighted(MODES).mode;
  const order = { mode, length: random.pick(LENGTHS), offset };
  const what = `CONNECT ${host} ${mode} ${order.length}`;
  const deed = FAULTY_MODES.includes(mode) ? `stream-${mode}` : 'ok';
  const outcome = await speak(context, host, order, random.chance(0.3));
  return { what, answers: answersTo(host, deed), outcome };
}

/** A connect that the gateway refuses, each in its way; `drip` it only answers slowly. @param {Context} context @returns {Promise<Attempt>} */
async function refusedConnect(context) {
  const deed = context.random.pickWeighted(REFUSALS).deed;
  const host = `${deed}.gateway.localhost`;
  const order = { mode: 'echo', length: 1000, offset: 0 };
  const outcome = await speak(context, host, order, context.random.chance(0.3));
  return {
    what: `CONNECT ${host}`,
    answers: answersTo(host, deed === 'drip' ? 'ok' : deed),
    outcome,
  };
}

/** @param {Context} context @returns {Promise<Attempt>} */
async function upgrade(context) {
  const { random } = context;
  const { host, offset } = pick(context);
  const mode = random.pickWeighted(MODES).mode;
  const order = { mode, length: random.pick(LENGTHS), offset };
  const deed = FAULTY_MODES.includes(mode) ? `upgraded-${mode}` : 'upgraded';
  const outcome = await askForUpgrade(context, host, 'upgrade', order);
  return {
    what: `upgrade ${host} ${mode} ${order.length}`,
    answers: answersTo(host, deed),
    outcome,
  };
}

/** @param {Context} context @returns {Promise<Attempt>} */
async function refusedUpgrade(context) {
  const { host } = pick(context);
  const service = context.random.pick(['refuse', 'drop', 'reset', 'garbage']);
  const deed = service === 'refuse' ? 'status-426' : service;
  const order = { mode: 'echo', length: 0, offset: 0 };
  const outcome = await askForUpgrade(context, host, service, order);
  return { what: `upgrade ${host}/${service}`, answers: answersTo(host, deed), outcome };
}

/** @param {Context} context @param {string} host @param {Order} order @param {boolean} isEarly whether the first line goes along with the head */
async function speak(context, host, order, isEarly) {
  const wire = new Wire(context);
  try {
    const authority = `${host}:${context.streamPort}`;
    const line = lineOf(order);
    const head = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
    wire.write(head + (isEarly ? line : ''));
    const answer = await wire.head();
    if (answer.status !== 200) return await wire.answer(answer);
    if (!isEarly) wire.write(line);
    return await exchangeBytes(wire, answer, order);
  } catch (error) {
    return wire.outcome({ detail: String(error) });
  } finally {
    wire.destroy();
  }
}

/** @param {Context} context @param {string} host @param {string} service @param {Order} order */
async function askForUpgrade(context, host, service, order) {
  const wire = new Wire(context);
  try {
    const authority = `${host}:${context.httpPort}`;
    wire.write(
      `GET http://${authority}/${service}/0/0 HTTP/1.1\r\nHost: ${authority}\r\n` +
        'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    const answer = await wire.head();
    if (answer.status !== 101) return await wire.answer(answer);
    wire.write(lineOf(order));
    return await exchangeBytes(wire, answer, order);
  } catch (error) {
    return wire.outcome({ detail: String(error) });
  } finally {
    wire.destroy();
  }
}

/** @param {Wire} wire @param {Head} head @param {Order} order @returns {Promise<Outcome>} */
async function exchangeBytes(wire, { status, reason }, { mode, length, offset }) {
  const via = /** @type {Route} */ (await wire.until('\n'));
  if (mode === 'echo' || mode === 'take') {
    wire.writePayload(offset, length).then(() => wire.end());
  }
  if (mode === 'take') {
    const text = await wire.until('whole').catch(String);
    const isExact = text === '';
    const failure = await wire.drain(new Checker(0, 0));
    return wire.outcome({
      status,
      reason,
      via,
      end: failure ? 'broken' : 'whole',
      isExact,
      detail: text,
    });
  }
  const checker = new Checker(offset, mode === 'short' ? Math.floor(length / 2) : length);
  const failure = await wire.drain(checker);
  const isExact = failure === null ? checker.isWhole : checker.isExact;
  const detail = [checker, failure].filter(Boolean).join(', ');
  return wire.outcome({ status, reason, via, end: failure ? 'broken' : 'whole', isExact, detail });
}

/** @param {Order} order */
function lineOf({ mode, length, offset }) {
  return `${mode} ${length} ${offset}\n`;
}

/** The largest are moved within the kernel, where the system can. */
const LENGTHS = [1, 100, 1000, 1000, 65_536, 65_536, 1_048_576, 4_194_304];
const FAULTY_MODES = ['reset', 'stall'];
const MODES = [
  { mode: 'echo', weight: 10 },
  { mode: 'send', weight: 5 },
  { mode: 'take', weight: 5 },
  { mode: 'short', weight: 2 },
  { mode: 'reset', weight: 3 },
  { mode: 'stall', weight: 0.5 },
];
const REFUSALS = [
  { deed: 'connect-403', weight: 4 },
  { deed: 'connect-407', weight: 4 },
  { deed: 'connect-502', weight: 4 },
  { deed: 'connect-close', weight: 4 },
  { deed: 'connect-reset', weight: 4 },
  { deed: 'connect-garbage', weight: 4 },
  { deed: 'connect-stall', weight: 1 },
  { deed: 'drip', weight: 2 },
];

const STREAM_KINDS = [
  { name: 'CONNECT', weight: 80, attempt: connect },
  { name: 'CONNECT, refused', weight: 30, attempt: refusedConnect },
  { name: 'upgrade', weight: 40, attempt: upgrade },
  { name: 'upgrade, refused', weight: 15, attempt: refusedUpgrade },
];

module.exports = { STREAM_KINDS };
