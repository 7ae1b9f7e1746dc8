import { describe, expect } from 'vitest';
import { callApi, patch, SHOP, test } from '../support/sandbox-test.mjs';

describe('the API', () => {
  test('tells the configuration, and 304 as long as it is the same', async ({ sandbox }) => {
    const first = await callApi(sandbox);
    const known = { 'If-None-Match': first.headers.etag };
    const second = await callApi(sandbox, { headers: known });
    sandbox.setRules(['*.test']);
    const third = await callApi(sandbox, { headers: known });

    expect(first.status).toBe(200);
    expect(first.json()).toEqual({
      data: {
        proxy_username: expect.stringMatching(/^sandbox-/),
        proxy_password: expect.any(String),
        rules: [SHOP],
        session_id: null,
        target_geo: null,
      },
    });
    expect(second).toMatchObject({ status: 304, text: '' });
    expect(second.headers.etag).toBe(first.headers.etag);
    expect(third.status).toBe(200);
    expect(third.json().data.rules).toEqual(['*.test']);
    expect(third.headers.etag).not.toBe(first.headers.etag);
  });

  test('finds its tag in a list of weak ones', async ({ sandbox }) => {
    const { headers } = await callApi(sandbox);
    const list = `"other", W/${headers.etag}`;

    expect((await callApi(sandbox, { headers: { 'If-None-Match': list } })).status).toBe(304);
  });

  test('changes rules and session, and answers with the whole', async ({ sandbox }) => {
    const rules = await patch(sandbox, { rules: ['*', '-api.localhost'] });
    const session = await patch(sandbox, { session_id: 'abc' });

    expect(rules.status).toBe(200);
    expect(rules.json().data).toMatchObject({ rules: ['*', '-api.localhost'], session_id: null });
    expect(session.json().data).toMatchObject({
      rules: ['*', '-api.localhost'],
      session_id: 'abc',
      proxy_username: sandbox.api.config.proxy_username,
    });
    expect(session.headers.etag).toBe((await callApi(sandbox)).headers.etag);
  });

  test.for([
    [422, { rules: 'shop.localhost' }],
    [422, { rules: [1] }],
    [422, { session_id: 7 }],
    [422, { rules: ['a'], session_id: null }],
    [422, []],
    [400, '{"rules":'],
  ])('answers %i to the change %j, and changes nothing', async ([status, body], { sandbox }) => {
    const before = sandbox.api.config;

    const answer = await patch(sandbox, body);

    expect(answer.status).toBe(status);
    expect(answer.json()).toEqual({ error: { message: expect.any(String) } });
    expect(sandbox.api.config).toEqual(before);
  });

  test.for([
    [401, { headers: { Authorization: 'Bearer wrong' } }],
    [401, { headers: { Authorization: '' } }],
    [404, { path: '/users' }],
    [405, { method: 'DELETE' }],
  ])('answers %i to %j', async ([status, options], { sandbox }) => {
    const answer = await callApi(sandbox, options);

    expect(answer.status).toBe(status);
    expect(answer.json()).toEqual({ error: { message: expect.any(String) } });
  });

  test('logs requests, with nothing left out', async ({ sandbox }) => {
    await callApi(sandbox);
    await patch(sandbox, { session_id: 'abc' });

    expect(sandbox.api.requests).toMatchObject([
      { method: 'GET', path: '/v1/user', body: '', status: 200, time: expect.any(Number) },
      { method: 'PATCH', path: '/v1/user', body: '{"session_id":"abc"}', status: 200 },
    ]);
    expect(sandbox.api.requests[0].headers.authorization).toBe('Bearer sandbox-token');
  });

  test('its configuration can be looked at, not changed', async ({ sandbox }) => {
    sandbox.api.config.rules.push('*');

    expect(sandbox.api.config.rules).toEqual([SHOP]);
  });

  test('setRules takes an array of strings only', async ({ sandbox }) => {
    expect(() => sandbox.setRules('*')).toThrow(/"rules"/);
    expect(sandbox.api.config.rules).toEqual([SHOP]);
  });
});
