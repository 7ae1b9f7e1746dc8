import { describe, expect } from 'vitest';
import { ApiError } from '../support/api-package.mjs';
import { send } from '../support/api-server.mjs';
import {
  changes,
  failureOf,
  isAluviaError,
  TOKEN,
  test,
  until,
  visit,
} from '../support/api-test.mjs';

const routeOf = (session, host) => session.explain(host).route;

describe('an update', () => {
  test('of the rules is a PATCH with nothing else in it', async ({ api, newClient }) => {
    await newClient().updateRules(['*', '-news.example', ' Shop.Example ']);

    expect(api.requests).toMatchObject([
      {
        method: 'PATCH',
        path: '/v1/user',
        headers: {
          authorization: `Bearer ${TOKEN}`,
          accept: 'application/json',
          'content-type': 'application/json',
        },
      },
    ]);
    expect(JSON.parse(api.requests[0].body)).toEqual({
      rules: ['*', '-news.example', ' Shop.Example '],
    });
  });

  test('of the session id is a PATCH with nothing else in it', async ({ api, newClient }) => {
    await newClient({ configPath: '/me' }).updateSessionId('sessiön-7"\\');

    expect(api.requests).toMatchObject([{ method: 'PATCH', path: '/v1/me' }]);
    expect(JSON.parse(api.requests[0].body)).toEqual({ session_id: 'sessiön-7"\\' });
  });

  test('resolves to nothing', async ({ newClient }) => {
    const client = newClient();

    expect(await client.updateRules([])).toBeUndefined();
    expect(await client.updateSessionId('')).toBeUndefined();
  });

  test('before start is sent at once, and start finds it', async ({ api, newClient }) => {
    const client = newClient();
    await client.updateRules(['shop.example']);
    expect(api.updates).toHaveLength(1);

    const session = await client.start();

    expect(routeOf(session, 'shop.example')).toBe('gateway');
  });

  test('during start is in force when it resolves', async ({ api, newClient }) => {
    const release = api.hang();
    const client = newClient();
    const started = client.start();
    await until(() => expect(api.polls).toHaveLength(1));

    const updated = client.updateRules(['shop.example']);
    release();
    await updated;

    expect(routeOf(await started, 'shop.example')).toBe('gateway');
  });

  test('during a start that fails is sent all the same', async ({ api, newClient }) => {
    api.answer = (request, response) => {
      if (request.method === 'GET') send(response, 500, '');
      else api.serve(request, response);
    };
    const client = newClient();
    const failed = failureOf(client.start());

    await client.updateRules(['shop.example']);

    expect(await failed).toMatchObject({ statusCode: 500 });
    expect(api.account.rules).toEqual(['shop.example']);
  });

  test('while a session runs is in force when it resolves, without a poll', async ({
    api,
    newClient,
  }) => {
    const client = newClient();
    const session = await client.start();

    for (let round = 0; round < 20; round += 1) {
      await client.updateRules([`round-${round}.example`]);

      expect(routeOf(session, `round-${round}.example`)).toBe('gateway');
      expect(routeOf(session, `round-${round - 1}.example`)).toBe('direct');
    }
    expect(api.polls).toHaveLength(1);
  });

  test('applies to the next request', async ({ sandbox, newClient }) => {
    const client = newClient({ ...sandbox.clientOptions, pollIntervalMs: 0 });
    const session = await client.start();
    const ask = async () =>
      JSON.parse((await visit(session, `${sandbox.sites['shop.localhost'].http}/x`)).body).via;
    const routes = [await ask()];

    await client.updateRules(['shop.localhost']);
    routes.push(await ask());
    await client.updateRules([]);
    routes.push(await ask());

    expect(routes).toEqual(['direct', 'gateway', 'direct']);
  });

  test('brings all that the answer tells', async ({ sandbox, newClient, records }) => {
    sandbox.setRules(['shop.localhost']);
    const client = newClient({ ...sandbox.clientOptions, pollIntervalMs: 0 });
    const session = await client.start();
    sandbox.rotateCredentials();

    await client.updateSessionId('seven');

    expect((await visit(session, `${sandbox.sites['shop.localhost'].http}/x`)).status).toBe(200);
    await until(() =>
      expect(changes(records)).toEqual([expect.stringContaining('credentials, session id')]),
    );
  });

  test('after stop is sent, and the next start finds it', async ({ api, newClient }) => {
    const client = newClient();
    const first = await client.start();
    await client.stop();

    await client.updateRules(['shop.example']);

    expect(routeOf(first, 'shop.example')).toBe('direct');
    expect(routeOf(await client.start(), 'shop.example')).toBe('gateway');
    expect(api.updates).toHaveLength(1);
  });

  test('takes 100,000 rules', async ({ newClient }) => {
    const client = newClient();
    const session = await client.start();
    const rules = Array.from({ length: 100_000 }, (_, index) => `host-${index}.example`);

    await client.updateRules(rules);

    expect(routeOf(session, 'host-99999.example')).toBe('gateway');
  });

  test('sends the rules as they were when it was called', async ({ api, newClient }) => {
    const client = newClient();
    const rules = ['shop.example'];

    const updated = client.updateRules(rules);
    rules[0] = 5;
    rules.push('late.example');
    await updated;

    expect(api.account.rules).toEqual(['shop.example']);
  });

  test('takes rules that cannot be changed', async ({ api, newClient }) => {
    await newClient().updateRules(Object.freeze(['shop.example']));

    expect(api.account.rules).toEqual(['shop.example']);
  });
});

describe('an API that does not answer an update with the whole configuration', () => {
  test.for([
    ['204', (response) => send(response, 204, '')],
    ['200 without a body', (response) => send(response, 200, '')],
    ['a part of it', (response, { rules }) => send(response, 200, { data: { rules } })],
    ['a word', (response) => send(response, 200, '"ok"')],
    ['HTML', (response) => send(response, 200, '<html>')],
    [
      'credentials only',
      (response, { proxy_username, proxy_password }) =>
        send(response, 200, { data: { proxy_username, proxy_password } }),
    ],
    ['202', (response) => send(response, 202, { status: 'ok' })],
  ])('but with %s is asked for it', async ([, reply], { api, newClient }) => {
    const client = newClient();
    const session = await client.start();
    api.answer = (request, response) => {
      if (request.method === 'GET') return api.serve(request, response);
      Object.assign(api.account, JSON.parse(request.body));
      reply(response, api.account);
    };

    await client.updateRules(['shop.example']);

    expect(routeOf(session, 'shop.example')).toBe('gateway');
    expect(api.requests.map(({ method }) => method)).toEqual(['GET', 'PATCH', 'GET']);
    expect(api.polls[1].headers).not.toHaveProperty('if-none-match');
  });

  test('and then does not tell it rejects the update, and what was in force stays', async ({
    api,
    newClient,
  }) => {
    api.account.rules = ['old.example'];
    const client = newClient();
    const session = await client.start();
    api.answer = (request, response) => send(response, request.method === 'PATCH' ? 204 : 500, '');

    const error = await failureOf(client.updateRules(['shop.example']));

    isAluviaError(error, ApiError, 'ALUVIA_API');
    expect(error.statusCode).toBe(500);
    expect(routeOf(session, 'old.example')).toBe('gateway');
  });
});

describe('several updates at once', () => {
  test('reach the API in the order of the calls, and the last one stays', async ({
    api,
    newClient,
  }) => {
    const client = newClient();
    const session = await client.start();
    for (let round = 0; round < 30; round += 1) {
      const names = [1, 2, 3, 4].map((number) => `${round}-${number}.example`);
      api.requests.length = 0;

      await Promise.all(names.map((name) => client.updateRules([name])));

      expect(api.updates.map(({ body }) => JSON.parse(body).rules[0])).toEqual(names);
      expect(routeOf(session, names.at(-1))).toBe('gateway');
    }
  });

  test('before start reach the API in the order of the calls', async ({ api, newClient }) => {
    // Keeps the native side awake, so that this is about nothing but the order.
    await newClient().start();
    const client = newClient();
    for (let round = 0; round < 30; round += 1) {
      const names = [1, 2, 3, 4].map((number) => `${round}-${number}.example`);
      api.requests.length = 0;

      await Promise.all(names.map((name) => client.updateRules([name])));

      expect(api.updates.map(({ body }) => JSON.parse(body).rules[0])).toEqual(names);
    }
  });

  test('that follow each other closely are all sent', async ({ api, newClient }) => {
    const client = newClient();
    const failures = [];
    for (let round = 0; round < 1000; round += 1) {
      await client.updateSessionId(String(round)).catch((error) => failures.push(error.message));
      // The native side lets go of what it needs only while an update runs: meet it while it does.
      const end = performance.now() + Math.random() * 0.1;
      while (performance.now() < end);
    }

    expect(failures).toEqual([]);
    expect(api.account.session_id).toBe('999');
  });

  test('of different things are all in force', async ({ api, newClient, records }) => {
    const client = newClient();
    const session = await client.start();

    await Promise.all([client.updateSessionId('seven'), client.updateRules(['shop.example'])]);

    expect(api.account).toMatchObject({ session_id: 'seven', rules: ['shop.example'] });
    expect(routeOf(session, 'shop.example')).toBe('gateway');
    await until(() => expect(changes(records)).toHaveLength(2));
  });

  test('fail each by itself', async ({ api, newClient }) => {
    const client = newClient();
    const session = await client.start();
    api.answer = (request, response) => {
      if (request.body.includes('bad')) send(response, 422, '');
      else api.serve(request, response);
    };

    const outcomes = await Promise.allSettled(
      ['a.example', 'bad.example', 'b.example'].map((rule) => client.updateRules([rule])),
    );

    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(routeOf(session, 'b.example')).toBe('gateway');
  });
});

// index.d.ts: "in force for every request that starts after the promise has resolved".
describe('an update that is under way', () => {
  test('when start is called is in force when both have resolved', async ({ api, newClient }) => {
    const client = newClient();
    const finish = holdUpdates(api);
    const updated = client.updateRules(['shop.example']);
    await until(() => expect(api.updates).toHaveLength(1));

    const started = client.start();
    // Room for a start that does not wait for the update.
    await Promise.race([started, new Promise((resolve) => setTimeout(resolve, 200))]);
    finish();
    await updated;
    const session = await started;

    expect(routeOf(session, 'shop.example')).toBe('gateway');
  });

  test('when the session stops is settled all the same', async ({ api, newClient }) => {
    const client = newClient();
    await client.start();
    const finish = holdUpdates(api);
    const updated = client.updateRules(['shop.example']);
    await until(() => expect(api.updates).toHaveLength(1));

    await client.stop();
    finish();
    await updated;

    expect(api.account.rules).toEqual(['shop.example']);
  });

  test('does not hold stop up', async ({ api, newClient }) => {
    const client = newClient();
    await client.start();
    api.hang();
    const failed = client.updateRules(['shop.example']).catch(() => {});
    await until(() => expect(api.updates).toHaveLength(1));

    const stopped = client.stop().then(() => 'stopped');

    expect(await Promise.race([stopped, failed])).toBe('stopped');
    await api.close();
    await failed;
    // The fixture closes it again.
    api.close = async () => {};
  });
});

/** Updates wait for their answers, and take no effect before; all else is answered. Returns what ends that. */
function holdUpdates(api) {
  const waiting = [];
  api.answer = (request, response) => {
    if (request.method === 'PATCH') waiting.push([request, response]);
    else api.serve(request, response);
  };
  return () => {
    api.answer = (request, response) => api.serve(request, response);
    for (const exchange of waiting) api.answer(...exchange);
  };
}
