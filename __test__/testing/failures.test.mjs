import { describe, expect } from 'vitest';
import { startSandbox } from '../../lib/testing/index.js';
import {
  absoluteText,
  apiRequestText,
  callApi,
  connectText,
  converse,
  patch,
  SHOP,
  test,
  upgradeText,
} from '../support/sandbox-test.mjs';

describe('a failure', () => {
  test('is a 503 until told otherwise', async ({ sandbox }) => {
    sandbox.api.fail({});
    const failed = [await callApi(sandbox), await callApi(sandbox)];
    sandbox.api.succeed();
    const served = await callApi(sandbox);

    expect(failed.map(({ status }) => status)).toEqual([503, 503]);
    expect(failed[0].json()).toEqual({ error: { message: expect.any(String) } });
    expect(served.status).toBe(200);
  });

  test('has the status, fields and body asked for', async ({ sandbox }) => {
    sandbox.api.fail({ status: 429, headers: { 'Retry-After': '7' }, body: { wait: true } });
    const json = await callApi(sandbox);
    sandbox.api.fail({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' });
    const text = await callApi(sandbox);
    sandbox.api.fail({ status: 304, headers: { ETag: '"x"' } });
    const empty = await callApi(sandbox);

    expect(json).toMatchObject({ status: 429, headers: { 'retry-after': '7' } });
    expect(json.json()).toEqual({ wait: true });
    expect(text).toMatchObject({ text: '<html>', headers: { 'content-type': 'text/html' } });
    expect(empty).toMatchObject({ status: 304, text: '', headers: { etag: '"x"' } });
  });

  test('can be meant for one method, a number of times', async ({ sandbox }) => {
    sandbox.api.fail({ method: 'patch', times: 2 });

    expect((await callApi(sandbox)).status).toBe(200);
    expect((await patch(sandbox, {})).status).toBe(503);
    expect((await callApi(sandbox)).status).toBe(200);
    expect((await patch(sandbox, {})).status).toBe(503);
    expect((await patch(sandbox, {})).status).toBe(200);
  });

  test('can be a mere delay', async ({ sandbox }) => {
    sandbox.api.fail({ kind: 'delay', delayMs: 60 });
    const started = performance.now();

    const answer = await callApi(sandbox);

    expect(answer.status).toBe(200);
    expect(performance.now() - started).toBeGreaterThan(55);
  });

  test('can come late', async ({ sandbox }) => {
    sandbox.api.fail({ kind: 'reset', delayMs: 60 });
    const started = performance.now();

    await expect(callApi(sandbox)).rejects.toThrow();

    expect(performance.now() - started).toBeGreaterThan(55);
  });

  test.each([
    [null, 'object'],
    [{ kind: 'explode' }, '"kind"'],
    [{ status: 101 }, '"status"'],
    [{ status: '503' }, '"status"'],
    [{ headers: { 'a b': 'c' } }, '"headers"'],
    [{ headers: { a: 'b\r\nc: d' } }, '"headers"'],
    [{ body: 5 }, '"body"'],
    [{ method: 7 }, '"method"'],
    [{ times: 0 }, '"times"'],
    [{ delayMs: -1 }, '"delayMs"'],
    [{ everyMs: 0 }, '"everyMs"'],
    [{ after: 3 }, '"after"'],
  ])('%j is refused, naming the culprit', async (failure, culprit) => {
    const sandbox = await startSandbox();

    expect(() => sandbox.api.fail(failure)).toThrow(TypeError);
    expect(() => sandbox.gateway.fail(failure)).toThrow(culprit);
    expect((await callApi(sandbox)).status).toBe(200);
    await sandbox.stop();
  });

  // What a client sees of each kind, in each of the places where it can happen.
  const places = {
    'the API': (sandbox) => [new URL(sandbox.api.baseUrl).port, apiRequestText(sandbox)],
    'absolute-form': (sandbox) => [
      sandbox.gateway.port,
      absoluteText(sandbox, `${sandbox.sites[SHOP].http}/`, ['Connection: close']),
    ],
    CONNECT: (sandbox) => [sandbox.gateway.port, connectText(sandbox)],
    'an upgrade': (sandbox) => [
      sandbox.gateway.port,
      upgradeText(sandbox, sandbox.sites[SHOP].http),
    ],
  };

  const kinds = [
    [
      { kind: 'status', status: 418 },
      { text: /^HTTP\/1.1 418 /, ending: 'close', status: 418 },
    ],
    [{ kind: 'reset' }, { text: /^$/, ending: 'ECONNRESET', status: null }],
    [{ kind: 'hang' }, { text: /^$/, ending: 'still open', status: null }],
    [{ kind: 'garbage' }, { text: /^\0/, ending: 'close', status: null }],
    [
      { kind: 'drip', status: 200, body: 'drop', everyMs: 1 },
      { text: /^HTTP\/1.1 200 OK\r\n.*\r\ndrop$/s, ending: 'close', status: 200 },
    ],
    [
      { kind: 'drip', everyMs: 150 },
      { text: /^HT?$/, ending: 'still open', status: 503 },
    ],
  ];

  for (const [place, told] of Object.entries(places)) {
    test.for(kinds)(`at ${place}: %j`, async ([failure, expected], { sandbox }) => {
      sandbox.api.fail(failure);
      sandbox.gateway.fail(failure);
      const patience = expected.ending === 'still open' ? 250 : 4000;

      const { text, ending } = await converse(...told(sandbox), patience);

      expect(text).toMatch(expected.text);
      expect(ending).toBe(expected.ending);
      const [entry] = [...sandbox.api.requests, ...sandbox.gateway.requests];
      expect(entry.status).toBe(expected.status);
    });
  }
});
