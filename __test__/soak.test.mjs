import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';

const require = createRequire(import.meta.url);
const { answersTo } = require('../soak/lib/answers.js');
const { causeOf, judge } = require('../soak/lib/judge.js');
const { parseOptions } = require('../soak/lib/options.js');
const { Checker, payload } = require('../soak/lib/payload.js');

const DIRECT = 'direct.localhost';
const GATEWAY = 'always.gateway.localhost';
const CHANGING = 'one.changing.localhost';

/** What a client sees of a request that was served well. */
const served = { status: 200, reason: 'OK', via: 'direct', end: 'whole', isExact: true };

/** What a client sees of a failure that the proxy tells of. */
const told = (status, code, received) => ({
  status,
  reason: code,
  proxyStatus: `aluvia; error=x${received ? `; received-status=${received}` : ''}; details="${code}"`,
  end: 'whole',
  isExact: true,
});

/** @param {object} seen */
const outcome = (seen) => ({ detail: '', elapsedMs: 10, ...seen });

describe('the judge of a soak', () => {
  test.for([
    [DIRECT, 'ok', served, '200 by direct'],
    [CHANGING, 'ok', { ...served, via: 'gateway' }, '200 by gateway'],
    [DIRECT, 'truncate', { ...served, end: 'broken' }, '200 by direct, broken off'],
    [DIRECT, 'drop', told(502, 'ALUVIA_CONNECTION_RESET'), '502 ALUVIA_CONNECTION_RESET'],
    [GATEWAY, 'drop', told(502, 'ALUVIA_GATEWAY_CLOSED'), '502 ALUVIA_GATEWAY_CLOSED'],
    [
      GATEWAY,
      'connect-403',
      told(502, 'ALUVIA_GATEWAY_REFUSED', 403),
      '502 ALUVIA_GATEWAY_REFUSED',
    ],
  ])('takes what %s has to show of %s', ([host, deed, seen, cause]) => {
    const answers = answersTo(host, deed);

    expect(judge(answers, outcome(seen))).toBeNull();
    expect(causeOf(answers, outcome(seen))).toBe(cause);
  });

  test.for([
    ['a short body that ends well', DIRECT, 'truncate', served, 'passed off as whole'],
    ['a whole body that breaks', DIRECT, 'ok', { ...served, end: 'broken' }, 'a broken body'],
    ['other bytes', DIRECT, 'ok', { ...served, isExact: false }, 'other bytes'],
    [
      'other bytes before a break',
      DIRECT,
      'truncate',
      { ...served, end: 'broken', isExact: false },
      'other bytes',
    ],
    ['the wrong way', GATEWAY, 'ok', served, 'another route'],
    ['no answer', DIRECT, 'ok', { end: 'none', isExact: false }, 'no answer'],
    ['another status', DIRECT, 'ok', { ...served, status: 206 }, 'another status'],
    ['another code', DIRECT, 'drop', told(502, 'ALUVIA_UNREACHABLE'), 'another code'],
    [
      'the code of another route',
      DIRECT,
      'drop',
      told(502, 'ALUVIA_GATEWAY_CLOSED'),
      'another code',
    ],
    [
      'another status of the gateway',
      GATEWAY,
      'connect-403',
      told(502, 'ALUVIA_GATEWAY_REFUSED', 407),
      'received-status',
    ],
    [
      'no Proxy-Status',
      DIRECT,
      'drop',
      { ...told(502, 'ALUVIA_CONNECTION_RESET'), proxyStatus: '' },
      'Proxy-Status',
    ],
    [
      'a peer that answers for the proxy',
      DIRECT,
      'drop',
      { ...told(502, 'ALUVIA_CONNECTION_RESET'), via: 'direct' },
      'a peer',
    ],
    [
      'a time-out that comes too soon',
      DIRECT,
      'stall',
      told(504, 'ALUVIA_RESPONSE_TIMEOUT'),
      'too early',
    ],
  ])('refuses %s', ([, host, deed, seen, words]) => {
    expect(judge(answersTo(host, deed), outcome(seen))).toContain(words);
  });
});

test('bytes of another exchange are noticed, and so are missing ones and those too many', () => {
  const check = (...chunks) => {
    const checker = new Checker(7, 1000);
    for (const chunk of chunks) checker.take(chunk);
    return [checker.isExact, checker.isWhole];
  };

  expect(check(payload(7, 400), payload(407, 600))).toEqual([true, true]);
  expect(check(payload(7, 400))).toEqual([true, false]);
  expect(check(payload(7, 400), payload(408, 600))).toEqual([false, false]);
  expect(check(payload(7, 1001))).toEqual([false, false]);
});

test('an option of the soak that is wrong is named', () => {
  expect(parseOptions(['--minutes', '0.5', '--seed', '7'])).toEqual({
    minutes: 0.5,
    seed: 7,
    workers: 32,
  });
  for (const args of [
    ['--minutes', 'x'],
    ['--seed', '-1'],
    ['--workers', '1.5'],
    ['--minutes', ''],
  ]) {
    expect(() => parseOptions([args[0], args[1]])).toThrow(args[0]);
  }
  expect(() => parseOptions(['--turbo'])).toThrow('--turbo');
});
