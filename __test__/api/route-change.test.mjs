import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished } from 'vitest';
import WebSocket from 'ws';
import { connect, endOf, exchange, startOrigin } from '../support/api-connect.mjs';
import { AluviaClient, InvalidOptionError } from '../support/api-package.mjs';
import { test as base, isAluviaError, thrownBy, until } from '../support/api-test.mjs';
import { bytesOfSite, summary } from '../support/payload.mjs';
import { BY_GATEWAY } from '../support/stage.mjs';

/** A connect that is idle has to be closed by then. */
const SOON = 5000;
/** One that is not closed by then stays: more than the second after which it counts as idle. */
const LATE = 2000;

/** With `start`, which makes a client of the sandbox whose rules send everything direct. */
const test = base.extend({
  start: async ({ sandbox, newClient }, use) =>
    use(async (options) => {
      const client = newClient({ ...sandbox.clientOptions, pollIntervalMs: 0, ...options });
      return { client, session: await client.start() };
    }),
});

/** Sends the site through the gateway from now on. */
const change = (client) => client.updateRules([BY_GATEWAY]);

const targetOf = (sandbox) => new URL(sandbox.sites[BY_GATEWAY].http).host;

/** An echo under a name that the rules can be about. */
async function startEcho() {
  const origin = await startOrigin();
  return `${BY_GATEWAY}:${origin.port}`;
}

/** Whether a socket ends while one waits. */
async function endsWithin(socket, milliseconds) {
  const end = endOf(socket);
  return await Promise.race([end, sleep(milliseconds, undefined, { ref: false })]);
}

/** Asks for a page within a connect, on a connection that is kept. */
async function get(socket, sandbox, path) {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${targetOf(sandbox)}\r\n\r\n`);
  let answer = '';
  for (;;) {
    const chunk = socket.read();
    answer += chunk ?? '';
    const [head, body = ''] = answer.split('\r\n\r\n');
    if (body.length > 0 && body.length >= Number(/content-length: (\d+)/i.exec(head)?.[1])) break;
    await new Promise((resolve) => socket.once('readable', resolve));
  }
  return JSON.parse(answer.split('\r\n\r\n')[1]);
}

test.for(['', 'when_idle', 'CLOSE', 'drop'])(
  'a value that is none is an error that names the option: %j',
  (onRouteChange) => {
    const error = thrownBy(() => new AluviaClient({ token: 'x', onRouteChange }));

    isAluviaError(error, InvalidOptionError, 'ALUVIA_INVALID_OPTION');
    expect(error.message).toContain('onRouteChange');
    expect(error.message).toContain(JSON.stringify(onRouteChange));
  },
);

describe.each([{}, { onRouteChange: 'when-idle' }])('with %j', (options) => {
  test('an idle keep-alive connect is closed in peace, and the next one goes the new way', async ({
    sandbox,
    start,
  }) => {
    const { client, session } = await start(options);
    const socket = await connect(session, targetOf(sandbox));
    expect(await get(socket, sandbox, '/first')).toMatchObject({ via: 'direct' });

    await change(client);
    const { how, after } = await endOf(socket);

    expect(how).toBe('end');
    expect(after).toBeGreaterThan(500);
    expect(after).toBeLessThan(SOON);
    const next = await connect(session, targetOf(sandbox));
    expect(await get(next, sandbox, '/next')).toMatchObject({ via: 'gateway' });
    next.destroy();
  });

  test('an idle WebSocket is closed', async ({ sandbox, start }) => {
    const { client, session } = await start(options);
    const socket = new WebSocket(sandbox.sites[BY_GATEWAY].ws, { agent: session.asNodeAgent() });
    onTestFinished(() => socket.terminate());
    const messages = [];
    socket.on('message', (message) => messages.push(String(message)));
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {}).on('open', () => socket.send('hello'));
    await until(() => expect(messages).toContain('hello'));
    const since = performance.now();

    await change(client);
    const code = await closed;

    // Nobody has said goodbye.
    expect(code).toBe(1006);
    expect(performance.now() - since).toBeLessThan(SOON);
  });

  test('a download goes on whole, and is closed then', async ({ sandbox, start }) => {
    const LENGTH = 48 * 1024 * 1024;
    const { client, session } = await start(options);
    const socket = await connect(session, targetOf(sandbox));
    socket.write(`GET /bytes/${LENGTH} HTTP/1.1\r\nHost: ${targetOf(sandbox)}\r\n\r\n`);
    const hash = createHash('sha256');
    let length = 0;
    let slow = true;
    const read = new Promise((resolve) => {
      let head = '';
      socket.on('data', (chunk) => {
        if (head !== undefined) {
          head += chunk.toString('latin1');
          const end = head.indexOf('\r\n\r\n');
          if (end < 0) return;
          chunk = Buffer.from(head.slice(end + 4), 'latin1');
          head = undefined;
        }
        hash.update(chunk);
        length += chunk.length;
        if (length === LENGTH) resolve();
        // A reader with pauses, which are longer than what counts as idle.
        if (slow && length > LENGTH / 8) {
          slow = false;
          socket.pause();
          setTimeout(() => socket.resume(), LATE);
        }
      });
    });
    await until(() => expect(length).toBeGreaterThan(LENGTH / 8));

    await change(client);
    await read;

    expect({ length, sha256: hash.digest('hex') }).toEqual(summary(bytesOfSite(LENGTH)));
    expect(await endsWithin(socket, SOON)).toMatchObject({ how: 'end' });
  });

  test('a connect of another host stays', async ({ start }) => {
    const { client, session } = await start(options);
    const origin = await startOrigin();
    const socket = await connect(session, `news.localhost:${origin.port}`);
    await exchange(socket);

    await change(client);

    expect(await endsWithin(socket, LATE)).toBeUndefined();
    await exchange(socket);
    socket.destroy();
  });
});

test('a change that a poll brings counts as much', async ({ sandbox, start }) => {
  const { session } = await start({ pollIntervalMs: 50 });
  const socket = await connect(session, await startEcho());
  await exchange(socket);

  sandbox.setRules([BY_GATEWAY]);

  expect(await endsWithin(socket, SOON)).toMatchObject({ how: 'end' });
});

test("with 'keep' a connect goes on as it was made", async ({ start }) => {
  const { client, session } = await start({ onRouteChange: 'keep' });
  const socket = await connect(session, await startEcho());
  await exchange(socket);

  await change(client);

  expect(session.explain(BY_GATEWAY).route).toBe('gateway');
  expect(await endsWithin(socket, LATE)).toBeUndefined();
  await exchange(socket);
  socket.destroy();
});

describe("with 'close'", () => {
  test('an idle connect is reset at once', async ({ start }) => {
    const { client, session } = await start({ onRouteChange: 'close' });
    const socket = await connect(session, await startEcho());
    await exchange(socket);
    const end = endOf(socket);

    await change(client);

    expect((await end).how).toBe('ECONNRESET');
    expect((await end).after).toBeLessThan(900);
  });

  test('a download is cut, and the site learns of it', async ({ start }) => {
    const { client, session } = await start({ onRouteChange: 'close' });
    const errors = [];
    const origin = await startOrigin((socket) => {
      socket.on('error', ({ code }) => errors.push(code));
      socket.on('drain', () => socket.write(Buffer.alloc(2 ** 20))).emit('drain');
    });
    const socket = await connect(session, `${BY_GATEWAY}:${origin.port}`);
    const end = endOf(socket);
    await sleep(100);

    await change(client);

    // Node.js itself may take a reset behind unread bytes for a regular end.
    expect((await end).after).toBeLessThan(1000);
    await until(() => expect(errors).toEqual(['ECONNRESET']));
  });
});
