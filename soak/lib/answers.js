// @ts-check
'use strict';

/** What becomes of each thing that a peer does, by the route: the README's table of errors, as a client has to find it. */

const { routesOf } = require('./hosts.js');
const { IDLE_MS, CONNECT_MS } = require('./timing.js');

/**
 * @typedef {import('./hosts.js').Route} Route
 * @typedef {import('./judge.js').Answer} Answer
 * @typedef {Omit<Answer, 'via'>} AnswerOfAnyone
 */

/** What a client may see of a host that does this. @param {string} host @param {string} deed @returns {Answer[]} */
function answersTo(host, deed) {
  const answers = DEEDS[deed];
  if (answers === undefined) throw new Error(`nobody knows what becomes of ${deed}`);
  const routes = routesOf(host);
  // What changes its way is closed in peace at its first idle moment, which comes before the idle time-out.
  const others = routes.length > 1 ? (WHEN_ITS_ROUTE_CHANGES[deed] ?? []) : [];
  return routes.flatMap((via) =>
    [...answers[via], ...others].map((answer) => ({ via, ...answer })),
  );
}

/** The proxy's own answer. @param {number} status @param {string} code @param {Partial<Answer>} [rest] @returns {AnswerOfAnyone} */
function told(status, code, rest) {
  return { status, code, end: 'whole', ...rest };
}

/** A peer's answer, passed on. @param {number} status @returns {AnswerOfAnyone} */
function passedOn(status) {
  return { status, end: 'whole' };
}

/** A peer's answer that breaks off. @param {number} status @param {Partial<Answer>} [rest] @returns {AnswerOfAnyone} */
function brokenOff(status, rest) {
  return { status, end: 'broken', ...rest };
}

/** @param {...AnswerOfAnyone} answers @returns {Record<Route, AnswerOfAnyone[]>} */
function eitherWay(...answers) {
  return { direct: answers, gateway: answers };
}

/** @param {AnswerOfAnyone} direct @param {AnswerOfAnyone} gateway @returns {Record<Route, AnswerOfAnyone[]>} */
function byRoute(direct, gateway) {
  return { direct: [direct], gateway: [gateway] };
}

// The clock of the proxy starts a moment after that of the client, and timers may fire a millisecond early.
const AFTER_IDLE = { notBeforeMs: IDLE_MS - 50 };

const NO_ANSWER = byRoute(told(502, 'ALUVIA_CONNECTION_RESET'), told(502, 'ALUVIA_GATEWAY_CLOSED'));
const NO_HTTP = byRoute(told(502, 'ALUVIA_BAD_RESPONSE'), told(502, 'ALUVIA_GATEWAY_BAD_RESPONSE'));

/** @param {number} received */
const refused = (received) => eitherWay(told(502, 'ALUVIA_GATEWAY_REFUSED', { received }));

/** @type {Record<string, Record<Route, AnswerOfAnyone[]>>} */
const DEEDS = {
  // Served well.
  ok: eitherWay(passedOn(200)),
  'status-204': eitherWay(passedOn(204)),
  'status-304': eitherWay(passedOn(304)),
  'status-404': eitherWay(passedOn(404)),
  'status-413': eitherWay(passedOn(413)),
  'status-426': eitherWay(passedOn(426)),
  'status-503': eitherWay(passedOn(503)),
  upgraded: eitherWay(passedOn(101)),

  // Faults before an answer.
  drop: NO_ANSWER,
  reset: NO_ANSWER,
  garbage: NO_HTTP,
  // A gateway has to answer what it has whole; an upload that it does not take is idle.
  stall: {
    direct: [told(504, 'ALUVIA_RESPONSE_TIMEOUT', AFTER_IDLE)],
    gateway: [
      told(504, 'ALUVIA_GATEWAY_TIMEOUT', { notBeforeMs: CONNECT_MS - 50 }),
      told(504, 'ALUVIA_RESPONSE_TIMEOUT', AFTER_IDLE),
    ],
  },
  'status-407': byRoute(
    told(502, 'ALUVIA_BAD_RESPONSE'),
    told(502, 'ALUVIA_GATEWAY_REFUSED', { received: 407 }),
  ),

  // Faults in its middle.
  truncate: eitherWay(brokenOff(200)),
  'truncate-chunked': eitherWay(brokenOff(200)),
  'reset-body': eitherWay(brokenOff(200)),
  'reset-until-close': eitherWay(brokenOff(200)),
  'stall-body': eitherWay(brokenOff(200, AFTER_IDLE)),
  // Where head and fault come in one piece, nothing was passed on yet.
  'garbage-chunk': {
    direct: [brokenOff(200), told(502, 'ALUVIA_BAD_RESPONSE')],
    gateway: [brokenOff(200), told(502, 'ALUVIA_GATEWAY_BAD_RESPONSE')],
  },

  // Connects, and what is upgraded.
  'stream-reset': eitherWay(brokenOff(200)),
  'stream-stall': eitherWay(brokenOff(200, AFTER_IDLE)),
  'upgraded-reset': eitherWay(brokenOff(101)),
  'upgraded-stall': eitherWay(brokenOff(101, AFTER_IDLE)),
  'connect-403': refused(403),
  'connect-407': refused(407),
  'connect-502': refused(502),
  'connect-close': eitherWay(told(502, 'ALUVIA_GATEWAY_CLOSED')),
  'connect-reset': eitherWay(told(502, 'ALUVIA_GATEWAY_CLOSED')),
  'connect-garbage': eitherWay(told(502, 'ALUVIA_GATEWAY_BAD_RESPONSE')),
  'connect-stall': eitherWay(told(504, 'ALUVIA_GATEWAY_TIMEOUT', { notBeforeMs: CONNECT_MS - 50 })),

  // Requests that reach nobody.
  refused: eitherWay(told(502, 'ALUVIA_CONNECTION_REFUSED')),
  loop: eitherWay(told(403, 'ALUVIA_LOOP')),
  malformed: eitherWay(told(400, 'ALUVIA_BAD_REQUEST')),
  'too-large': eitherWay(told(431, 'ALUVIA_HEAD_TOO_LARGE')),
};

/** @type {Record<string, AnswerOfAnyone[]>} */
const WHEN_ITS_ROUTE_CHANGES = {
  'stream-stall': [{ ...passedOn(200), mayBeShort: true }],
  'upgraded-stall': [{ ...passedOn(101), mayBeShort: true }],
};

module.exports = { answersTo };
