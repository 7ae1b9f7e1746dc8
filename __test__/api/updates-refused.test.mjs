import { describe, expect } from 'vitest';
import { ApiError, InvalidOptionError, InvalidUserTokenError } from '../support/api-package.mjs';
import { ApiServer, send } from '../support/api-server.mjs';
import { failureOf, firstFrame, isAluviaError, test } from '../support/api-test.mjs';

const routeOf = (session, host) => session.explain(host).route;

describe('a refused update', () => {
  test.for([400, 404, 409, 422, 429, 500, 503])(
    'is an ApiError with the status %i, and changes nothing',
    async (status, { api, newClient }) => {
      api.account.rules = ['old.example'];
      const client = newClient();
      const session = await client.start();
      api.answer = (_, response) => send(response, status, { error: { message: 'no such rule' } });

      const { line } = firstFrame(new Error('here'));
      const error = await failureOf(client.updateRules(['new.example']));

      isAluviaError(error, ApiError, 'ALUVIA_API');
      expect(error.statusCode).toBe(status);
      expect(error.message).toContain('no such rule');
      expect(firstFrame(error)).toEqual({ file: 'updates-refused.test.mjs', line: line + 1 });
      expect(routeOf(session, 'old.example')).toBe('gateway');
      expect(routeOf(session, 'new.example')).toBe('direct');
    },
  );

  test.for([401, 403])('is an InvalidUserTokenError on %i', async (status, { api, newClient }) => {
    const client = newClient();
    const session = await client.start();
    api.answer = (_, response) => send(response, status, '');

    const error = await failureOf(client.updateSessionId('x'));

    isAluviaError(error, InvalidUserTokenError, 'ALUVIA_INVALID_USER_TOKEN');
    expect(error.statusCode).toBe(status);
    expect(routeOf(session, 'a.example')).toBe('direct');
  });

  test('is refused before start too', async ({ api, newClient }) => {
    api.answer = (_, response) => send(response, 422, { message: 'bad' });
    const client = newClient();

    const { line } = firstFrame(new Error('here'));
    const error = await failureOf(client.updateSessionId('x'));

    isAluviaError(error, ApiError, 'ALUVIA_API');
    expect(error.statusCode).toBe(422);
    expect(firstFrame(error)).toEqual({ file: 'updates-refused.test.mjs', line: line + 1 });
  });

  test('does not spoil the next one', async ({ api, newClient }) => {
    const client = newClient();
    const session = await client.start();
    const serve = api.answer;
    api.answer = (_, response) => send(response, 422, '');
    await failureOf(client.updateRules(['bad.example']));
    api.answer = serve;

    await client.updateRules(['good.example']);

    expect(routeOf(session, 'good.example')).toBe('gateway');
  });

  test('is one that cannot be sent', async ({ api, newClient }) => {
    const client = newClient({ apiTimeoutMs: 100 });
    const session = await client.start();
    api.hang();
    const timedOut = await failureOf(client.updateRules(['a.example']));
    api.answer = (_, response) => response.socket.resetAndDestroy();
    const reset = await failureOf(client.updateRules(['a.example']));

    for (const error of [timedOut, reset]) {
      isAluviaError(error, ApiError, 'ALUVIA_API');
      expect(error.statusCode).toBeUndefined();
    }
    expect(timedOut.message).toContain('100 ms');
    expect(routeOf(session, 'a.example')).toBe('direct');
  });

  test.for([307, 308, 301])(
    'is one that is redirected to another host by %i',
    async (status, { api, newClient }) => {
      const other = await ApiServer.start();
      const client = newClient();
      await client.start();
      api.answer = (_, response) =>
        send(response, status, '', { Location: `${other.baseUrl}/user` });

      const error = await failureOf(client.updateRules(['a.example']));

      isAluviaError(error, ApiError, 'ALUVIA_API');
      expect(error.statusCode).toBe(status);
      await other.close();
      expect(other.requests).toEqual([]);
    },
  );

  test('is none where 307 or 308 lead to another path of the host', async ({ api, newClient }) => {
    api.answer = (request, response) => {
      if (request.path === '/v1/user') send(response, 308, '', { Location: '/v2/user' });
      else api.serve(request, response);
    };

    await newClient().updateRules(['shop.example']);

    expect(api.updates.map(({ path }) => path)).toEqual(['/v1/user', '/v2/user']);
    expect(api.account.rules).toEqual(['shop.example']);
  });
});

describe('bad arguments', () => {
  test.for([
    ['updateRules', undefined],
    ['updateRules', null],
    ['updateRules', 'shop.example'],
    ['updateRules', 5],
    ['updateRules', {}],
    ['updateRules', new Set(['a'])],
    ['updateRules', ['a', 5]],
    ['updateRules', ['a', null]],
    ['updateRules', ['a', undefined]],
    ['updateRules', new Array(1)],
    ['updateRules', [['a']]],
    ['updateSessionId', undefined],
    ['updateSessionId', null],
    ['updateSessionId', 5],
    ['updateSessionId', {}],
    ['updateSessionId', ['a']],
    ['updateSessionId', Symbol('a')],
  ])('%s(%o) is rejected, and nothing is sent', async ([method, argument], { api, newClient }) => {
    const client = newClient();

    const { line } = firstFrame(new Error('here'));
    const error = await failureOf(client[method](argument));

    isAluviaError(error, InvalidOptionError, 'ALUVIA_INVALID_OPTION');
    expect(error.message).toMatch(
      method === 'updateRules' ? /^rules must be an array/ : /^sessionId must be a string/,
    );
    expect(firstFrame(error)).toEqual({ file: 'updates-refused.test.mjs', line: line + 1 });
    await client.updateRules(['a']);
    expect(api.requests).toHaveLength(1);
  });
});
