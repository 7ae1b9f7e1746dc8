import { once } from 'node:events';
import net from 'node:net';
import { describe, expect } from 'vitest';
import { AluviaError } from '../support/api-package.mjs';
import { run } from '../support/api-process.mjs';
import { send } from '../support/api-server.mjs';
import {
  failureOf,
  freePort,
  isListening,
  messages,
  test,
  until,
  visit,
} from '../support/api-test.mjs';

/** Node.js 18.17 has no symbol of its own. */
const ASYNC_DISPOSE = Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose');
const KNOWS_AWAIT_USING = compiles('async () => { await using nothing = null; }');

describe('stop of a session', () => {
  test.for(['stop', 'close', ASYNC_DISPOSE])('is %s()', async (method, { newClient }) => {
    const session = await newClient().start();

    const result = await session[method]();

    expect(result).toBeUndefined();
    expect(await isListening(session.port)).toBe(false);
  });

  test('may be called again and again, by any of its names', async ({ newClient, records }) => {
    const session = await newClient().start();

    await Promise.all([session.stop(), session.close(), session.stop()]);
    await session[ASYNC_DISPOSE]();
    await session.close();

    await until(() => expect(messages(records)).toContain('stopped'));
    expect(messages(records).filter((message) => message === 'stopped')).toHaveLength(1);
  });

  test('lets the client start again at once, without waiting for it', async ({ newClient }) => {
    const localPort = await freePort();
    const client = newClient({ localPort });
    const first = await client.start();

    const stopped = first.stop();
    const second = await client.start();
    await stopped;

    expect(second).not.toBe(first);
    expect(await isListening(localPort)).toBe(true);
  });

  test('never touches a later session of the client', async ({ newClient }) => {
    const client = newClient();
    const first = await client.start();
    await first.stop();
    const second = await client.start();

    await first.stop();
    await first.close();
    await first[ASYNC_DISPOSE]();

    expect(await isListening(second.port)).toBe(true);
    expect(await client.start()).toBe(second);
  });

  test('ends polling', async ({ api, newClient }) => {
    const client = newClient({ pollIntervalMs: 50 });
    const session = await client.start();
    await until(() => expect(api.requests.length).toBeGreaterThan(2));
    await session.stop();
    const polls = api.requests.length;

    const other = newClient({ pollIntervalMs: 50, configPath: '/other' });
    await other.start();
    await until(() =>
      expect(api.requests.filter(({ path }) => path === '/v1/other').length).toBeGreaterThan(4),
    );

    expect(api.requests.filter(({ path }) => path === '/v1/user')).toHaveLength(polls);
  });

  test('does not wait for a poll that hangs', async ({ api, newClient }) => {
    const session = await newClient({ pollIntervalMs: 50, drainTimeoutMs: 60_000 }).start();
    api.hang();
    await until(() => expect(api.requests).toHaveLength(2));

    await session.stop();

    await until(() => expect(api.requests[1].wasCut).toBe(true));
  });

  test('leaves a session that still tells where it was', async ({ newClient }) => {
    const session = await newClient().start();
    const { port, url } = session;
    await session.stop();

    expect(session).toMatchObject({ port, url });
    expect(session.getUrl()).toBe(url);
    expect(session.asPlaywright()).toEqual({ server: url });
    expect(session.ref().unref()).toBe(session);
  });
});

describe('stop of a client', () => {
  test('does nothing where nothing runs', async ({ api, newClient }) => {
    const client = newClient();

    await client.stop();
    await Promise.all([client.stop(), client.stop()]);

    expect(api.requests).toEqual([]);
  });

  test('stops the session', async ({ newClient }) => {
    const client = newClient();
    const { port } = await client.start();

    await Promise.all([client.stop(), client.stop()]);
    await client.stop();

    expect(await isListening(port)).toBe(false);
  });

  test('waits for a session that is stopping already', async ({ api, newClient }) => {
    const client = newClient({ drainTimeoutMs: 10_000 });
    const session = await client.start();
    const release = api.hang();
    const page = visit(session, `${api.origin}/page`);
    await until(() => expect(api.requests).toHaveLength(2));
    const order = [];

    const stopping = session.stop().then(() => order.push('session'));
    const stopped = client.stop().then(() => order.push('client'));
    release();
    await Promise.all([stopping, stopped]);

    expect(order).toEqual(['session', 'client']);
    expect((await page).status).toBe(200);
  });

  test('after a failed start does nothing', async ({ api, newClient }) => {
    api.answer = (_, response) => send(response, 500, '');
    const client = newClient();
    await failureOf(client.start());

    expect(await client.stop()).toBeUndefined();
  });
});

describe('what runs when stop is called', () => {
  test('may finish within drainTimeoutMs, while nothing new is taken', async ({
    api,
    newClient,
  }) => {
    const session = await newClient({ drainTimeoutMs: 10_000 }).start();
    const release = api.hang();
    const page = visit(session, `${api.origin}/page`);
    await until(() => expect(api.requests).toHaveLength(2));
    let isStopped = false;

    const stopped = session.stop().then(() => {
      isStopped = true;
    });
    await until(async () => expect(await isListening(session.port)).toBe(false));
    expect(isStopped).toBe(false);
    api.account.rules = ['finished'];
    release();

    expect((await page).body).toContain('finished');
    await stopped;
  });

  test('is cut when drainTimeoutMs is over, with one warning', async ({
    api,
    newClient,
    records,
  }) => {
    const session = await newClient({ drainTimeoutMs: 80 }).start();
    api.hang();
    const page = failureOf(visit(session, `${api.origin}/page`));
    await until(() => expect(api.requests).toHaveLength(2));
    const before = performance.now();

    await session.stop();

    expect(performance.now() - before).toBeGreaterThan(75);
    expect((await page).code).toBe('ECONNRESET');
    await until(() => expect(messages(records, 'warn')).toHaveLength(1));
    await until(() => expect(api.requests[1].wasCut).toBe(true));
  });

  test('is cut at once where drainTimeoutMs is 0', async ({ api, newClient }) => {
    const session = await newClient({ drainTimeoutMs: 0 }).start();
    api.hang();
    const page = failureOf(visit(session, `${api.origin}/page`));
    await until(() => expect(api.requests).toHaveLength(2));

    await session.stop();

    expect((await page).code).toBe('ECONNRESET');
  });

  test('does not hold stop up where it is idle', async ({ newClient }) => {
    const session = await newClient({ drainTimeoutMs: 60_000 }).start();
    const idle = net.connect(session.port, '127.0.0.1').on('error', () => {});
    await once(idle, 'connect');
    const closed = new Promise((resolve) => idle.resume().on('close', resolve));

    await session.stop();

    await closed;
  });
});

// A node that does not know the syntax has nothing to show here.
test.skipIf(!KNOWS_AWAIT_USING)('await using stops the session', async ({ api }) => {
  const script = `
    let port;
    {
      await using session = await newClient().start();
      port = session.port;
    }
    require('node:net').connect(port, '127.0.0.1').on('error', ({ code }) => console.log(code));`;

  const { code, stdout } = await run(script, { api });

  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/stopped\nECONNREFUSED\n$/),
  });
});

describe('start and stop in any order', () => {
  test.for([1, 2, 3, 4, 5, 6])(
    'leave a client that works (seed %i)',
    async (seed, { api, newClient }) => {
      const localPort = await freePort();
      const client = newClient({ localPort, pollIntervalMs: 50, drainTimeoutMs: 20 });
      const random = randomFrom(seed);
      const sessions = [];
      const failures = [];
      const calls = [];
      const fails = (error) => failures.push(error);
      const start = (options) =>
        client.start(options).then((session) => sessions.push(session), fails);
      const actions = [
        () => start(),
        () => start(),
        () => start({ signal: AbortSignal.timeout(Math.floor(random() * 8)) }),
        () => {
          const controller = new AbortController();
          const started = start({ signal: controller.signal });
          controller.abort();
          return started;
        },
        () => client.stop(),
        () => sessions[Math.floor(random() * sessions.length)]?.stop(),
        () => client.updateRules([`round-${calls.length}.example`]),
        () => sessions.at(-1)?.explain('a.example'),
      ];

      for (let step = 0; step < 150; step += 1) {
        calls.push(actions[Math.floor(random() * actions.length)]());
        if (random() < 0.4) await new Promise((resolve) => setTimeout(resolve, random() * 6));
      }
      await Promise.all(calls);
      await client.stop();

      expect(failures.filter(({ name }) => name !== 'AbortError')).toEqual([]);
      expect(failures.filter((error) => error instanceof AluviaError)).toEqual([]);
      expect(sessions.length).toBeGreaterThan(0);
      expect(await isListening(localPort)).toBe(false);
      const last = await client.start();
      expect(await visit(last, `${api.baseUrl}/user`)).toMatchObject({ status: 200 });
    },
  );
});

/** Mulberry32: small, and the same on each run. */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function compiles(source) {
  try {
    return Boolean(new Function(source));
  } catch {
    return false;
  }
}
