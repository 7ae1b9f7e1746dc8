// @ts-check
'use strict';

/** What a client has seen, what it should have seen, and whether these are the same. */

/**
 * @typedef {import('./hosts.js').Route} Route
 */

/**
 * What a client has seen.
 *
 * @typedef {object} Outcome
 * @property {number} [status] none where there was no answer
 * @property {string} [reason]
 * @property {Route} [via] the peer that has answered, as it says itself
 * @property {string} [proxyStatus] the field of RFC 9209
 * @property {'whole' | 'broken' | 'none'} end whether the body ended as one does, or was broken off
 * @property {boolean} isExact whether the bytes are those that were sent: all of them, or as far as they came
 * @property {string} detail how much has come, and what has gone wrong on the client's side
 * @property {number} elapsedMs
 */

/**
 * One thing that a client may see.
 *
 * @typedef {object} Answer
 * @property {Route} [via] who answers; nobody but the proxy itself where there is a code
 * @property {number} status
 * @property {string} [code] of the proxy's own answer
 * @property {number} [received] the gateway's status that the proxy has to tell of
 * @property {'whole' | 'broken'} end
 * @property {boolean} [mayBeShort] it may end before everything has come
 * @property {number} [notBeforeMs] a time-out that comes sooner is none
 */

/**
 * What is wrong with an outcome, or null where it is one of the answers.
 *
 * @param {Answer[]} answers
 * @param {Outcome} outcome
 * @returns {string | null}
 */
function judge(answers, outcome) {
  const faults = answers.map((answer) => faultOf(answer, outcome));
  if (faults.includes(null)) return null;
  const wanted = answers.map(describe).join(', or ');
  return `${describeOutcome(outcome)}; ${[...new Set(faults)].join('; ')}; wanted: ${wanted}`;
}

/** @param {Answer} answer @param {Outcome} outcome @returns {string | null} */
function faultOf(answer, outcome) {
  if (outcome.status === undefined) return 'no answer';
  if (outcome.status !== answer.status) return 'another status';
  if (answer.code !== undefined) {
    const fault = faultOfTold(answer, outcome);
    if (fault !== null) return fault;
  } else if (outcome.via !== answer.via) {
    return 'another route';
  }
  if (outcome.end !== answer.end) {
    return answer.end === 'broken' ? 'a broken body passed off as whole' : 'a broken body';
  }
  if (!outcome.isExact && !answer.mayBeShort) return 'other bytes than were sent';
  if (outcome.elapsedMs < (answer.notBeforeMs ?? 0)) return 'too early';
  return null;
}

/** How the proxy tells of a failure. @param {Answer} answer @param {Outcome} outcome */
function faultOfTold({ code, received }, { reason, via, proxyStatus = '' }) {
  if (via !== undefined) return 'an answer of a peer where the proxy has to answer';
  if (reason !== code) return 'another code in the status line';
  if (!proxyStatus.includes(`details="${code}"`)) return 'another code in Proxy-Status';
  if (received !== undefined && !proxyStatus.includes(`received-status=${received};`)) {
    return 'another received-status in Proxy-Status';
  }
  return null;
}

/** What an answer is counted as. @param {Answer} answer */
function describe({ via, status, code, end }) {
  const whose = code ?? `by ${via}`;
  return `${status} ${whose}${end === 'broken' ? ', broken off' : ''}`;
}

/** The same of what was seen. @param {Outcome} outcome */
function describeOutcome({ status, reason, via, end, detail, elapsedMs }) {
  const whose = via ? `by ${via}` : reason;
  const answer = status === undefined ? 'nothing' : `${status} ${whose}, ${end}`;
  return `got ${answer} (${detail}) after ${Math.round(elapsedMs)} ms`;
}

/** What an expected outcome is counted as: that of the answers which it is. @param {Answer[]} answers @param {Outcome} outcome */
function causeOf(answers, outcome) {
  const answer = answers.find((candidate) => faultOf(candidate, outcome) === null);
  return answer === undefined ? 'unexpected' : describe(answer);
}

module.exports = { causeOf, judge };
