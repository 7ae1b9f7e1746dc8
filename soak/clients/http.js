// @ts-check
'use strict';

/** Kinds of HTTP requests: those that are served well, those that meet a fault, bodies that go up, readers that are slow. */

const { answersTo } = require('../lib/answers.js');
const { CHANGING, DIRECT, GATEWAY } = require('../lib/hosts.js');
const { Checker, pieces } = require('../lib/payload.js');
const { IDLE_MS } = require('../lib/timing.js');
const { run } = require('./exchange.js');

/**
 * @typedef {import('./exchange.js').Context} Context
 * @typedef {import('./exchange.js').Exchange} Exchange
 * @typedef {import('../lib/judge.js').Answer} Answer
 * @typedef {import('../lib/judge.js').Outcome} Outcome
 */

/**
 * One thing that a client has done.
 *
 * @typedef {object} Attempt
 * @property {string} what in short, to find it again
 * @property {Answer[]} answers what it may have seen; none where it did not stay to see it
 * @property {Outcome} outcome
 */

/** @param {Context} context */
async function get(context) {
  const { random } = context;
  const service = random.pick([
    'bytes',
    'bytes',
    'bytes',
    'chunked',
    'trailers',
    'until-close',
    'hints',
  ]);
  const length = random.pick([0, 1, 100, 100, 1000, 65_536, 65_536, 1_048_576]);
  return served(context, service, length);
}

/** @param {Context} context */
async function head(context) {
  const { host, offset } = pick(context);
  const path = `/bytes/65536/${offset}`;
  const checker = new Checker(offset, 0);
  const outcome = await run(context, { method: 'HEAD', host, path, checker });
  return { what: `HEAD ${host}${path}`, answers: answersTo(host, 'ok'), outcome };
}

/** @param {Context} context */
async function status(context) {
  const { host } = pick(context);
  const deed = context.random.pick(['status-204', 'status-304', 'status-404', 'status-503']);
  const outcome = await run(context, { host, path: `/${deed}/0/0` });
  return { what: `GET ${host}/${deed}`, answers: answersTo(host, deed), outcome };
}

/** @param {Context} context */
async function drip(context) {
  return served(context, 'drip', context.random.between(5, 30));
}

/** @param {Context} context */
async function slowReader(context) {
  return served(context, 'bytes', 4 * 1024 * 1024, context.random.between(5, 30));
}

/** A reader that stops for longer than the proxy waits: what was buffered comes, and then the break. @param {Context} context */
async function sleeper(context) {
  const { host, offset } = pick(context);
  const length = 64 * 1024 * 1024;
  const path = `/bytes/${length}/${offset}`;
  const checker = new Checker(offset, length);
  const outcome = await run(context, { host, path, checker, sleepMs: IDLE_MS + 2000 });
  return { what: `GET ${host}${path}, asleep`, answers: answersTo(host, 'truncate'), outcome };
}

/** @param {Context} context */
async function fault(context) {
  const { random } = context;
  const { host, offset } = pick(context);
  const deed = random.pickWeighted(FAULTS).deed;
  const length = random.pick([1000, 65_536]);
  const path = `/${deed}/${length}/${offset}`;
  const checker = new Checker(offset, length);
  const method =
    deed === 'reset-until-close' ? 'GET' : random.pick(['GET', 'GET', 'PUT', 'OPTIONS']);
  const outcome = await run(context, { method, host, path, checker });
  return { what: `${method} ${host}${path}`, answers: answersTo(host, deed), outcome };
}

/** A body that goes up and comes back, at the same time. @param {Context} context */
async function echo(context) {
  const length = context.random.pick([0, 1, 1000, 65_536, 1_048_576]);
  return posted(context, 'echo', length, 'ok', true);
}

/** A body that is compared where it arrives. @param {Context} context */
async function upload(context) {
  const length = context.random.pick([1, 1000, 65_536, 1_048_576]);
  const { what, answers, outcome, text } = await postedForText(context, 'count', length);
  const isExact = outcome.status === 200 ? text === 'whole' : outcome.isExact;
  return { what, answers, outcome: { ...outcome, isExact, detail: `${outcome.detail} ${text}` } };
}

/** An answer that comes before the body has gone up. @param {Context} context */
async function refusedUpload(context) {
  return posted(
    context,
    'status-413',
    context.random.pick([1000, 262_144, 8_388_608]),
    'status-413',
    false,
  );
}

/** @param {Context} context */
async function droppedUpload(context) {
  return posted(context, 'drop-body', context.random.pick([1000, 262_144]), 'drop', false);
}

/** Nobody reads the body, which is larger than all buffers on its way. @param {Context} context */
async function stalledUpload(context) {
  return posted(context, 'stall', 32 * 1024 * 1024, 'stall', false);
}

/** @param {Context} context @param {string} service @param {number} length @param {number} [pauseMs] @returns {Promise<Attempt>} */
async function served(context, service, length, pauseMs) {
  const { host, offset } = pick(context);
  const path = `/${service}/${length}/${offset}`;
  const outcome = await run(context, { host, path, checker: new Checker(offset, length), pauseMs });
  if (outcome.end === 'whole' && outcome.status === 200) {
    const piece = outcome.trailers?.['x-piece'];
    const isTold = service !== 'trailers' || piece === `${offset}+${length}`;
    if (!isTold) Object.assign(outcome, { isExact: false, detail: `trailer: ${piece}` });
    const isHinted = service !== 'hints' || outcome.interim === 103;
    if (!isHinted) Object.assign(outcome, { isExact: false, detail: 'no 103 before' });
  }
  return { what: `GET ${host}${path}`, answers: answersTo(host, 'ok'), outcome };
}

/** @param {Context} context @param {string} service @param {number} length @param {string} deed @param {boolean} comesBack @returns {Promise<Attempt>} */
async function posted(context, service, length, deed, comesBack) {
  const { host, offset } = pick(context);
  const path = `/${service}/${length}/${offset}`;
  const checker = comesBack ? new Checker(offset, length) : undefined;
  const outcome = await run(context, { host, path, checker, ...bodyOf(context, offset, length) });
  return { what: `POST ${host}${path}`, answers: answersTo(host, deed), outcome };
}

/** The answer is a few words, which no checker knows. @param {Context} context @param {string} service @param {number} length */
async function postedForText(context, service, length) {
  const { host, offset } = pick(context);
  const path = `/${service}/${length}/${offset}`;
  const words = new Words();
  const checker = /** @type {Checker} */ (words);
  const outcome = await run(context, { host, path, checker, ...bodyOf(context, offset, length) });
  const answers = answersTo(host, 'ok');
  return { what: `POST ${host}${path}`, answers, outcome, text: words.text };
}

/** @param {Context} context @param {number} offset @param {number} length @returns {Partial<Exchange>} */
function bodyOf({ random }, offset, length) {
  const isChunked = random.chance(0.3);
  const isExpecting = random.chance(0.1);
  return {
    method: 'POST',
    headers: {
      ...(isChunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': length }),
      ...(isExpecting ? { Expect: '100-continue' } : {}),
    },
    body: pieces(offset, length),
  };
}

class Words extends Checker {
  text = '';

  constructor() {
    super(0, 0);
  }

  /** @override @param {Buffer} chunk */
  take(chunk) {
    this.text += chunk;
  }
}

/** @param {Context} context */
function pick({ random }) {
  const host = random.pick(random.pick([DIRECT, GATEWAY, CHANGING]));
  return { host, offset: random.between(0, 1_000_000) };
}

/** Stalls hold a worker for seconds, so that there are fewer of them. */
const FAULTS = [
  { deed: 'drop', weight: 4 },
  { deed: 'reset', weight: 4 },
  { deed: 'garbage', weight: 3 },
  { deed: 'status-407', weight: 2 },
  { deed: 'truncate', weight: 4 },
  { deed: 'truncate-chunked', weight: 4 },
  { deed: 'reset-body', weight: 4 },
  { deed: 'garbage-chunk', weight: 3 },
  { deed: 'stall', weight: 1 },
  { deed: 'stall-body', weight: 1 },
];

/** @type {Array<{ name: string, weight: number, attempt: (context: Context) => Promise<Attempt> }>} */
const HTTP_KINDS = [
  { name: 'GET', weight: 300, attempt: get },
  { name: 'HEAD', weight: 20, attempt: head },
  { name: 'GET without a body', weight: 20, attempt: status },
  { name: 'GET, dripping', weight: 5, attempt: drip },
  { name: 'GET, slow reader', weight: 4, attempt: slowReader },
  { name: 'GET, sleeping reader', weight: 0.4, attempt: sleeper },
  { name: 'any method, faults', weight: 80, attempt: fault },
  { name: 'POST, echo', weight: 60, attempt: echo },
  { name: 'POST, upload', weight: 60, attempt: upload },
  { name: 'POST, refused', weight: 15, attempt: refusedUpload },
  { name: 'POST, dropped', weight: 15, attempt: droppedUpload },
  { name: 'POST, stalled', weight: 1, attempt: stalledUpload },
];

module.exports = { HTTP_KINDS, pick };
