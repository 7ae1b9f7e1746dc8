// @ts-check
'use strict';

/** Kinds of clients that do not behave: they leave in the middle, break the rules, or ask for what is not there. */

const { setTimeout: sleep } = require('node:timers/promises');
const { answersTo } = require('../lib/answers.js');
const { DIRECT } = require('../lib/hosts.js');
const { Checker, payload } = require('../lib/payload.js');
const { pick } = require('./http.js');
const { Wire } = require('./wire.js');

/**
 * @typedef {import('./exchange.js').Context} Context
 * @typedef {import('./http.js').Attempt} Attempt
 * @typedef {import('../lib/hosts.js').Route} Route
 */

/** Leaves after a moment, whatever has come by then. @param {Context} context @returns {Promise<Attempt>} */
async function vanish(context) {
  const { random, httpPort, streamPort } = context;
  const { host } = pick(context);
  const [start, port] = random.pick([
    ['GET /bytes/4194304/0', httpPort],
    ['GET /drip/100/0', httpPort],
    ['GET /stall/0/0', httpPort],
    ['GET /upgrade/0/0', httpPort],
    ['POST /echo/0/0', httpPort],
    ['CONNECT', streamPort],
    ['CONNECT stalling', streamPort],
    ['half a head', httpPort],
    ['', httpPort],
  ]);
  const wire = new Wire(context);
  wire.write(bytesOf(start, `${start === 'CONNECT stalling' ? STALLING : host}:${port}`));
  await sleep(random.between(0, 100));
  const how = random.pick(['destroy', 'reset', 'end']);
  if (how === 'reset') wire.socket.resetAndDestroy();
  if (how === 'end') wire.end();
  if (how === 'end') await sleep(MOMENT_MS);
  wire.destroy();
  return { what: `${start || 'nothing'}, then ${how}`, answers: [], outcome: wire.outcome({}) };
}

/** @param {string} start @param {string} authority */
function bytesOf(start, authority) {
  const host = `Host: ${authority}\r\n`;
  if (start.startsWith('CONNECT')) {
    return `CONNECT ${authority} HTTP/1.1\r\n${host}\r\necho 100000 0\nsome of them`;
  }
  const [method, path] = start.split(' ');
  const line = `${method} http://${authority}${path} HTTP/1.1\r\n${host}`;
  if (method === 'POST') return `${line}Content-Length: 1000000\r\n\r\n${'x'.repeat(100_000)}`;
  if (path?.startsWith('/upgrade'))
    return `${line}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  if (method === 'GET') return `${line}\r\n`;
  return start === '' ? '' : line;
}

/** What the proxy refuses by itself. @param {Context} context @returns {Promise<Attempt>} */
async function refused(context) {
  const { random, proxyPort } = context;
  const host = random.pick(DIRECT);
  const [deed, bytes] = random.pick([
    ['malformed', `GET http://${host}/ HTTP/1.1\nHost: ${host}\n\n`],
    ['malformed', `GET /bytes/1/1 HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
    ['malformed', `POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1, 2\r\n\r\n`],
    ['malformed', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03'],
    [
      'too-large',
      `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nA: ${'x'.repeat(70_000)}\r\n\r\n`,
    ],
    ['loop', `GET http://${host}:${proxyPort}/ HTTP/1.1\r\nHost: ${host}:${proxyPort}\r\n\r\n`],
    ['loop', `CONNECT ${host}:${proxyPort} HTTP/1.1\r\nHost: ${host}:${proxyPort}\r\n\r\n`],
    ['refused', `GET http://${host}:1/ HTTP/1.1\r\nHost: ${host}:1\r\n\r\n`],
    ['refused', `CONNECT ${host}:1 HTTP/1.1\r\nHost: ${host}:1\r\n\r\n`],
  ]);
  const wire = new Wire(context);
  try {
    wire.write(Buffer.from(bytes, 'latin1'));
    const outcome = await wire.answer(await wire.head());
    return { what: JSON.stringify(bytes.slice(0, 80)), answers: answersTo(host, deed), outcome };
  } catch (error) {
    const outcome = wire.outcome({ detail: String(error) });
    return { what: JSON.stringify(bytes.slice(0, 80)), answers: answersTo(host, deed), outcome };
  } finally {
    wire.destroy();
  }
}

/**
 * A body that ends with its connection, which is reset: nothing but a reset may tell. `node:http` would not notice it.
 *
 * @param {Context} context
 * @returns {Promise<Attempt>}
 */
async function untilReset(context) {
  const { random, httpPort } = context;
  const { host, offset } = pick(context);
  const length = random.pick([1000, 65_536]);
  const what = `GET ${host}, until it is reset`;
  const answers = answersTo(host, 'reset-until-close');
  const checker = new Checker(offset, length);
  const wire = new Wire(context);
  try {
    const path = `/reset-until-close/${length}/${offset}`;
    wire.write(
      `GET http://${host}:${httpPort}${path} HTTP/1.1\r\nHost: ${host}:${httpPort}\r\n\r\n`,
    );
    const head = await wire.head();
    const via = /** @type {Route | undefined} */ (head.fields['x-via']);
    const failure = await wire.drain(checker);
    const outcome = wire.outcome({
      ...head,
      via,
      end: failure === null ? 'whole' : 'broken',
      isExact: checker.isExact,
      detail: `${checker}, ${failure}`,
    });
    return { what, answers, outcome };
  } catch (error) {
    return { what, answers, outcome: wire.outcome({ detail: String(error) }) };
  } finally {
    wire.destroy();
  }
}

/** Several requests at once, on one connection, with or without bodies. @param {Context} context @returns {Promise<Attempt>} */
async function pipelined(context) {
  const { random, httpPort } = context;
  const host = random.pick(DIRECT);
  const requests = Array.from({ length: random.between(2, 8) }, () => ({
    length: random.pick([0, 1, 100, 20_000]),
    offset: random.between(0, 1_000_000),
    isPost: random.chance(0.3),
  }));
  const wire = new Wire(context);
  const what = `${requests.length} requests at once to ${host}`;
  const answers = answersTo(host, 'ok');
  try {
    for (const { length, offset, isPost } of requests) {
      const path = `/${isPost ? 'echo' : 'bytes'}/${length}/${offset}`;
      wire.write(`${isPost ? 'POST' : 'GET'} http://${host}:${httpPort}${path} HTTP/1.1\r\n`);
      wire.write(`Host: ${host}:${httpPort}\r\n`);
      wire.write(isPost ? `Content-Length: ${length}\r\n\r\n` : '\r\n');
      if (isPost) wire.write(payload(offset, length));
    }
    for (const request of requests) {
      const failure = await readOne(wire, request);
      if (failure) return { what, answers, outcome: wire.outcome({ detail: failure }) };
    }
    const seen = wire.outcome({ status: 200, via: 'direct', end: 'whole', isExact: true });
    return { what, answers, outcome: seen };
  } catch (error) {
    return { what, answers, outcome: wire.outcome({ detail: String(error) }) };
  } finally {
    wire.destroy();
  }
}

/** @param {Wire} wire @param {{ length: number, offset: number }} request @returns {Promise<string | null>} */
async function readOne(wire, { length, offset }) {
  const { status, fields } = await wire.head();
  if (status !== 200) return `status ${status}`;
  const checker = new Checker(offset, length);
  const isChunked = fields['transfer-encoding'] !== undefined;
  if (!isChunked) checker.take(await wire.body(Number(fields['content-length'])));
  while (isChunked) {
    const size = Number.parseInt(await wire.until('\r\n'), 16);
    if (size > 0) checker.take(await wire.body(size));
    await wire.until('\r\n');
    if (size === 0) break;
  }
  return checker.isWhole ? null : String(checker);
}

const STALLING = 'connect-stall.gateway.localhost';
const MOMENT_MS = 50;

const ROUGH_KINDS = [
  { name: 'clients that vanish', weight: 60, attempt: vanish },
  { name: 'refused by the proxy', weight: 30, attempt: refused },
  { name: 'GET until a reset', weight: 10, attempt: untilReset },
  { name: 'pipelined', weight: 20, attempt: pipelined },
];

module.exports = { ROUGH_KINDS };
