import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { describe, expect } from 'vitest';
import {
  AluviaClientSession,
  InvalidOptionError,
  ProxyStartError,
} from '../support/api-package.mjs';
import { send } from '../support/api-server.mjs';
import {
  failureOf,
  firstFrame,
  freePort,
  isAluviaError,
  isListening,
  TOKEN,
  test,
  thrownBy,
  until,
  visit,
} from '../support/api-test.mjs';

describe('a session', () => {
  test('tells where it listens', async ({ newClient }) => {
    const session = await newClient().start();

    expect(session).toBeInstanceOf(AluviaClientSession);
    expect(session.host).toBe('127.0.0.1');
    expect(session.port).toBeGreaterThan(0);
    expect(session.url).toBe(`http://127.0.0.1:${session.port}`);
    expect(session.getUrl()).toBe(session.url);
    expect(await isListening(session.port)).toBe(true);
  });

  test('gives launch options to browsers, and nothing but them', async ({ newClient }) => {
    const session = await newClient().start();

    expect(session.asPlaywright()).toStrictEqual({ server: session.url });
    expect(session.asPuppeteer()).toStrictEqual([`--proxy-server=${session.url}`]);
  });

  test('gives each caller launch options of its own', async ({ newClient }) => {
    const session = await newClient().start();

    session.asPlaywright().server = 'changed';
    session.asPuppeteer().push('changed');

    expect(session.asPlaywright()).toStrictEqual({ server: session.url });
    expect(session.asPuppeteer()).toHaveLength(1);
  });

  test('cannot be told to be somewhere else', async ({ newClient }) => {
    const session = await newClient().start();
    const { port, url } = session;

    expect(() => Object.assign(session, { port: 1 })).toThrow(TypeError);
    expect(() => Object.assign(session, { url: 'http://evil.example' })).toThrow(TypeError);
    expect(session).toMatchObject({ port, url });
  });

  test('listens on 127.0.0.1 and on no other address', async ({ newClient }) => {
    const { port } = await newClient().start();

    const socket = net.connect(port, '127.0.0.2');
    const [error] = await once(socket, 'error');

    expect(error.code).toBe('ECONNREFUSED');
  });

  test('carries requests', async ({ api, newClient }) => {
    const session = await newClient().start();
    api.answer = (_, response) => send(response, 200, 'hello');

    expect(await visit(session, `${api.origin}/x`)).toEqual({ status: 200, body: 'hello' });
  });
});

describe('the agent of a session', () => {
  test('is one for the session, and another for the next', async ({ newClient }) => {
    const client = newClient();
    const first = await client.start();
    const agent = first.asNodeAgent();
    await first.stop();
    const second = await client.start();

    expect(agent).toBeInstanceOf(http.Agent);
    expect(first.asNodeAgent()).toBe(agent);
    expect(second.asNodeAgent()).not.toBe(agent);
  });

  test('serves http and https targets and keeps the connection', async ({ sandbox, newClient }) => {
    sandbox.setRules(['shop.localhost']);
    const session = await newClient(sandbox.clientOptions).start();
    const agent = session.asNodeAgent();
    const shop = sandbox.sites['shop.localhost'];

    const plain = await fetchWith(http, `${shop.http}/a`, { agent });
    const secure = await fetchWith(https, `${shop.https}/b`, { agent, ca: sandbox.ca });
    const again = await fetchWith(https, `${shop.https}/c`, { agent, ca: sandbox.ca });

    expect([plain, secure, again]).toMatchObject([
      { path: '/a', via: 'gateway', secure: false },
      { path: '/b', via: 'gateway', secure: true },
      { path: '/c', via: 'gateway', secure: true },
    ]);
    const { port } = new URL(shop.https);
    const connects = sandbox.gateway.requests.filter((request) => request.port === Number(port));
    expect(connects).toHaveLength(1);
  });

  test('is destroyed by stop', async ({ sandbox, newClient }) => {
    const session = await newClient(sandbox.clientOptions).start();
    const agent = session.asNodeAgent();
    const url = sandbox.sites['shop.localhost'].https;
    await fetchWith(https, url, { agent, ca: sandbox.ca });
    await until(() => expect(Object.values(agent.freeSockets).flat()).toHaveLength(1));
    const [socket] = Object.values(agent.freeSockets).flat();

    await session.stop();

    expect(socket.destroyed).toBe(true);
    const error = await failureOf(fetchWith(https, url, { agent, ca: sandbox.ca }));
    expect(error.code).toBe('ECONNREFUSED');
  });
});

describe('start', () => {
  test('that is called several times at once is one start', async ({ api, newClient }) => {
    const client = newClient();

    const sessions = await Promise.all([client.start(), client.start(), client.start({})]);

    expect(new Set(sessions).size).toBe(1);
    expect(api.requests).toHaveLength(1);
  });

  test('while a session runs returns that session', async ({ api, newClient }) => {
    const client = newClient();
    const session = await client.start();

    expect(await client.start()).toBe(session);
    expect(api.requests).toHaveLength(1);
  });

  test('after a stop makes a new session', async ({ api, newClient }) => {
    const client = newClient();
    const first = await client.start();
    await first.stop();
    const second = await client.start();

    expect(second).not.toBe(first);
    expect(await isListening(second.port)).toBe(true);
    expect(api.requests).toHaveLength(2);
  });

  test('of one client does not touch the session of another', async ({ newClient }) => {
    const one = await newClient().start();
    const other = await newClient().start();

    await one.stop();

    expect(one.port).not.toBe(other.port);
    expect(await isListening(one.port)).toBe(false);
    expect(await isListening(other.port)).toBe(true);
  });

  test('asks the API with the token, and asks for JSON', async ({ api, newClient }) => {
    await newClient().start();

    expect(api.requests).toMatchObject([
      {
        method: 'GET',
        path: '/v1/user',
        body: '',
        headers: { authorization: `Bearer ${TOKEN}`, accept: 'application/json' },
      },
    ]);
    expect(api.requests[0].headers).not.toHaveProperty('if-none-match');
  });

  test('takes the configuration with the data envelope and without', async ({ api, newClient }) => {
    api.account.rules = ['shop.example'];
    api.answer = (_, response) => send(response, 200, { ...api.account, added: { later: [1] } });
    const session = await newClient().start();

    expect(session.explain('shop.example').route).toBe('gateway');
  });

  test('takes a session id and a place that are null, missing, or of an odd type', async ({
    api,
    newClient,
  }) => {
    for (const odd of [null, undefined, 7, '', { a: 1 }]) {
      Object.assign(api.account, { session_id: odd, target_geo: odd });

      const session = await newClient().start();

      expect(session.port).toBeGreaterThan(0);
    }
  });

  test.for([[5], ['now'], [{}], [[]], [true], [() => {}]])(
    'does not take %o for a signal',
    async ([signal], { api, newClient }) => {
      const client = newClient();
      const { line } = firstFrame(new Error('here'));
      const error = await failureOf(client.start({ signal }));

      isAluviaError(error, InvalidOptionError, 'ALUVIA_INVALID_OPTION');
      expect(error.message).toMatch(/^signal must be an AbortSignal/);
      expect(firstFrame(error)).toEqual({ file: 'start.test.mjs', line: line + 1 });
      expect(api.requests).toEqual([]);
    },
  );

  test.for([[undefined], [null], [{}], [{ signal: undefined }], [{ signal: null }]])(
    'needs no options: %o',
    async ([options], { newClient }) => {
      const session = await newClient().start(options);

      expect(session).toBeInstanceOf(AluviaClientSession);
    },
  );
});

describe('a local port', () => {
  test('is the one that was asked for', async ({ newClient }) => {
    const localPort = await freePort();

    const session = await newClient({ localPort }).start();

    expect(session.port).toBe(localPort);
    expect(session.url).toBe(`http://127.0.0.1:${localPort}`);
  });

  test('can be used again at once after stop, also with connections that were open', async ({
    api,
    newClient,
  }) => {
    const localPort = await freePort();
    const client = newClient({ localPort });
    for (let round = 0; round < 5; round += 1) {
      const session = await client.start();
      const idle = net.connect(localPort, '127.0.0.1');
      await once(idle, 'connect');
      expect((await visit(session, `${api.baseUrl}/user`)).status).toBe(200);
      await client.stop();
      idle.destroy();
    }

    expect(api.polls).toHaveLength(10);
  });

  test('that is taken is a ProxyStartError with the cause', async ({ newClient, api }) => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address();
    const client = newClient({ localPort: port });

    const { line } = firstFrame(new Error('here'));
    const error = await failureOf(client.start());

    isAluviaError(error, ProxyStartError, 'ALUVIA_PROXY_START');
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.cause.code).toBe('EADDRINUSE');
    expect(firstFrame(error)).toEqual({ file: 'start.test.mjs', line: line + 1 });

    taken.close();
    await once(taken, 'close');
    expect((await client.start()).port).toBe(port);
    expect(api.requests).toHaveLength(2);
  });

  test('is taken also where the other one is a session', async ({ newClient }) => {
    const { port } = await newClient().start();

    const error = await failureOf(newClient({ localPort: port }).start());

    expect(error.cause.code).toBe('EADDRINUSE');
    expect(await isListening(port)).toBe(true);
  });
});

describe('the stack of a failed start', () => {
  test('starts at the line of the caller', async ({ api, newClient }) => {
    const client = newClient();
    api.answer = (_, response) => send(response, 500, '');

    const { line } = firstFrame(new Error('here'));
    const error = await failureOf(client.start());

    expect(firstFrame(error)).toEqual({ file: 'start.test.mjs', line: line + 1 });
    expect(error.stack.split('\n')[0]).toBe(`ApiError: ${error.message}`);
    expect(inspect(error)).toContain(`start.test.mjs:${line + 1}`);
  });

  test('is that of each caller where several share the start', async ({ api, newClient }) => {
    const client = newClient();
    api.answer = (_, response) => send(response, 500, '');

    const { line } = firstFrame(new Error('here'));
    const first = failureOf(client.start());
    const second = failureOf(client.start());
    const errors = await Promise.all([first, second]);

    expect(errors.map((error) => firstFrame(error).line)).toEqual([line + 1, line + 2]);
  });

  test.for([0, undefined])(
    'may be cut off by Error.stackTraceLimit = %o',
    async (limit, { api, newClient }) => {
      const client = newClient();
      api.answer = (_, response) => send(response, 500, '');
      const before = Error.stackTraceLimit;
      Error.stackTraceLimit = limit;

      const error = await failureOf(client.start()).finally(() => {
        Error.stackTraceLimit = before;
      });

      expect(error).toMatchObject({ name: 'ApiError', statusCode: 500 });
      expect(error.stack ?? '').not.toMatch(/at |500.$/);
    },
  );
});

test('methods of a client that are called on something else throw a TypeError', async ({
  newClient,
}) => {
  const client = newClient();

  expect(await failureOf((async () => client.start.call({}))())).toBeInstanceOf(TypeError);
  expect(thrownBy(() => AluviaClientSession.prototype.explain.call({}, 'a'))).toBeInstanceOf(
    TypeError,
  );
});

async function fetchWith({ get }, url, options) {
  const request = get(url, options);
  const [response] = await once(request, 'response');
  return JSON.parse(await text(response));
}
