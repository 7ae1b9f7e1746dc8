import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { connectHead, speak } from '../support/api-connect.mjs';
import { ApiError } from '../support/api-package.mjs';
import { launch } from '../support/api-process.mjs';
import { ApiServer, send } from '../support/api-server.mjs';
import { failureOf, isAluviaError, messages, TOKEN, test, until } from '../support/api-test.mjs';

const POLLING = { pollIntervalMs: 50 };
const RULES = ['shop.example', '-out.shop.example'];

/** The rules from before the API turned hostile. */
function areInForce(session) {
  const hosts = ['shop.example', 'evil.example', 'out.shop.example'];
  expect(hosts.map((host) => session.explain(host).route)).toEqual(['gateway', 'direct', 'direct']);
}

/** A configuration that nobody shall take over. */
const evil = (changes) => ({
  data: { proxy_username: 'evil', proxy_password: 'evil', rules: ['evil.example'], ...changes },
});

/** Sends a body byte by byte, for ever if need be. */
async function drip(response, body, headers = {}) {
  response.writeHead(200, { 'Content-Type': 'application/json', ...headers });
  for (const byte of body) {
    if (response.destroyed) return;
    response.write(byte);
    await sleep(50);
  }
  response.end();
}

/** Answers to a poll that are no configuration, beside those that polling.test.mjs has. */
const ANSWERS = [
  ['a body that drips', (response) => drip(response, JSON.stringify(evil()))],
  [
    'a body that drips, and tells its length',
    (response) => {
      const body = JSON.stringify(evil());
      return drip(response, body, { 'Content-Length': body.length });
    },
  ],
  ['a head that drips', (response) => dripHead(response)],
  ['rules that are an object', (response) => send(response, 200, evil({ rules: { 0: '*' } }))],
  ['rules that hold a number', (response) => send(response, 200, evil({ rules: ['*', 1] }))],
  ['rules that are null', (response) => send(response, 200, evil({ rules: null }))],
  [
    'a user name that is a list',
    (response) => send(response, 200, evil({ proxy_username: ['a'] })),
  ],
  ['a password that is true', (response) => send(response, 200, evil({ proxy_password: true }))],
  [
    'a password that splits the head',
    (response) => send(response, 200, evil({ proxy_password: 'a\r\nX: y' })),
  ],
  ['data that is a text', (response) => send(response, 200, { data: JSON.stringify(evil().data) })],
  ['two configurations', (response) => send(response, 200, JSON.stringify(evil()).repeat(2))],
  ['half of one', (response) => send(response, 200, JSON.stringify(evil()).slice(0, -2))],
  ['very deep JSON', (response) => send(response, 200, `{"data":${'['.repeat(200_000)}`)],
  [
    'compressed bytes that nobody asked for',
    (response) => send(response, 200, Buffer.from([31, 139, 8, 0]), { 'Content-Encoding': 'gzip' }),
  ],
  ['a head of 2 MiB', (response) => send(response, 200, evil(), manyFields())],
  ['304 that was not asked for', (response) => send(response, 304, '')],
  ['204', (response) => send(response, 204, '')],
  ['400 with a configuration', (response) => send(response, 400, evil())],
  ['300 with a configuration', (response) => send(response, 300, evil())],
];

async function dripHead(response) {
  const { socket } = response;
  socket.write('HTTP/1.1 200 OK\r\nX: ');
  for (let n = 0; n < 200 && !socket.destroyed; n += 1) {
    socket.write('x');
    await sleep(50);
  }
  socket.destroy();
}

function manyFields() {
  return Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`X-${n}`, 'x'.repeat(32_768)]));
}

describe.concurrent('polls that bring', () => {
  test.for(ANSWERS)(
    '%s leave the last good rules in force, and go on',
    async ([, answer], { api, newClient, records }) => {
      api.account.rules = RULES;
      // Without an entity tag no later answer may be a 304.
      api.answer = (_, response) => api.tell(response, {});
      const session = await newClient({ ...POLLING, apiTimeoutMs: 200 }).start();

      api.answer = (_, response) => answer(response);
      await until(() => expect(messages(records, 'warn')).toHaveLength(1));
      const polls = api.polls.length;
      await until(() => expect(api.polls.length).toBeGreaterThan(polls + 1));
      areInForce(session);
      api.answer = (_, response) => api.tell(response, {});
      await until(() => expect(messages(records, 'info')).toContain('the API answers again'));

      areInForce(session);
      expect(messages(records, 'warn')).toHaveLength(1);
      expect(api.mostRunning).toBe(1);
    },
  );

  test('a redirect never show the token to the other host', async ({ api, newClient, records }) => {
    const other = await ApiServer.start();
    other.answer = (_, response) => send(response, 200, evil());
    api.account.rules = RULES;
    const client = newClient(POLLING);
    const session = await client.start();

    const statuses = [301, 302, 303, 307, 308];
    const redirect = (_, response) => {
      const status = statuses[api.requests.length % statuses.length];
      send(response, status, '', { Location: `${other.baseUrl}/user?token=${TOKEN}` });
    };
    api.answer = redirect;
    await until(() => expect(api.polls.length).toBeGreaterThan(5));
    const error = await failureOf(client.updateRules(['evil.example']));

    areInForce(session);
    isAluviaError(error, ApiError, 'ALUVIA_API');
    expect(`${error.stack}${JSON.stringify(records)}`).not.toContain(TOKEN);
    await other.close();
    expect(other.requests).toEqual([]);
  });

  test('nothing but odd entity tags are answered all the same', async ({ api, newClient }) => {
    const tags = ['x'.repeat(8000), '"\xe9\xff"', '*', ', , ,', ' ', 'W/', '"a", "b"'];
    let answers = 0;
    api.answer = (_, response) => {
      answers += 1;
      api.account.rules = [`${answers}.example`];
      return api.tell(response, { ETag: tags[answers % tags.length] });
    };
    const session = await newClient(POLLING).start();

    await until(() => expect(answers).toBeGreaterThan(10));

    await until(() => expect(session.explain('10.example').route).toBe('direct'));
    expect(api.polls.every(({ headers }) => headers['x-injected'] === undefined)).toBe(true);
  });
});

test('a body of 1 GB is cut at 4 MiB at each poll, and takes no memory', {
  timeout: 60_000,
}, async ({ api }) => {
  const MIB = Buffer.alloc(2 ** 20, ' ');
  const sent = [];
  const stream = (_, response) => {
    const index = sent.push(0) - 1;
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const more = () => {
      while (!response.destroyed && sent[index] < 1024) {
        sent[index] += 1;
        if (!response.write(MIB)) return;
      }
      response.end();
    };
    response.on('drain', more);
    more();
  };
  const script = `
    const session = await newClient({ pollIntervalMs: 50, logLevel: 'silent' }).start();
    const rss = () => Math.round(process.memoryUsage().rss / 2 ** 20);
    const before = rss();
    let most = before;
    const watch = setInterval(() => { most = Math.max(most, rss()); }, 5);
    console.log('ready');
    process.stdin.once('data', async () => {
      clearInterval(watch);
      process.stdin.destroy();
      console.log(JSON.stringify({ grown: most - before, ...session.explain('shop.example') }));
      await session.stop();
    });`;
  api.account.rules = RULES;
  const running = launch(script, { api });
  await running.hasSaid('ready');

  api.answer = stream;
  await until(() => expect(sent.length).toBeGreaterThan(4), 30_000);
  running.child.stdin.write('now');
  const { code, stdout } = await running.exit;

  expect(code).toBe(0);
  const { grown, route } = JSON.parse(stdout.split('\n')[1]);
  expect(route).toBe('gateway');
  expect(grown).toBeLessThan(32);
  // What the sockets' buffers take is sent, too.
  expect(Math.max(...sent)).toBeLessThan(32);
});

describe('an API that asks for patience', () => {
  /** Makes the gateway turn the credentials down, which brings a poll at other times. */
  async function isRefusedByGateway(session) {
    const { socket, head } = await speak(session, connectHead('shop.localhost:443'));
    socket.destroy();
    expect(head).toContain('ALUVIA_GATEWAY_REFUSED');
  }

  test.for([
    [429, () => '1'],
    [503, () => '1'],
    [503, () => new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000).toUTCString()],
  ])(
    'with %i is not asked sooner, whatever the gateway says of the credentials',
    async ([status, after], { api, sandbox, newClient, records }) => {
      api.account.rules = ['shop.localhost'];
      const { gatewayHost, gatewayPort } = sandbox.clientOptions;
      const session = await newClient({ ...POLLING, gatewayHost, gatewayPort }).start();
      api.answer = (_, response) => send(response, status, '', { 'Retry-After': after() });
      await until(() => expect(messages(records, 'warn')).toHaveLength(1));
      const { length } = api.polls;
      const { time } = api.polls.at(-1);

      while (performance.now() - time < 900) {
        await isRefusedByGateway(session);
        await sleep(20);
      }

      expect(api.polls).toHaveLength(length);
      expect(session.explain('shop.localhost').route).toBe('gateway');
      await until(() => expect(api.polls).toHaveLength(length + 1));
    },
  );

  test('never has two polls at once, whatever else goes on', async ({
    api,
    sandbox,
    newClient,
  }) => {
    api.account.rules = ['shop.localhost'];
    const { gatewayHost, gatewayPort } = sandbox.clientOptions;
    const client = newClient({ ...POLLING, gatewayHost, gatewayPort });
    const session = await client.start();
    let polling = 0;
    let most = 0;
    api.answer = async (request, response) => {
      if (request.method !== 'GET') return api.serve(request, response);
      polling += 1;
      most = Math.max(most, polling);
      await sleep(60);
      polling -= 1;
      // New credentials each time, which the gateway turns down each time.
      api.account.proxy_password = String(api.polls.length);
      return api.serve(request, response);
    };

    for (let n = 0; api.polls.length < 12; n += 1) {
      await Promise.all([
        isRefusedByGateway(session),
        client.updateRules(['shop.localhost', `${n}.example`]),
      ]);
    }

    expect(most).toBe(1);
  });
});
