import { once } from 'node:events';
import net from 'node:net';
import { inspect } from 'node:util';
import { expect } from 'vitest';
import { AluviaClient } from '../support/api-package.mjs';
import { send } from '../support/api-server.mjs';
import {
  failureOf,
  freePort,
  messages,
  test,
  thrownBy,
  until,
  visit,
} from '../support/api-test.mjs';

const TOKEN = 'canary-token-9f8e7d';
const ACCOUNT = { proxy_username: 'canary-user', proxy_password: 'canary-password' };
const PAIR = Buffer.from(`${ACCOUNT.proxy_username}:${ACCOUNT.proxy_password}`).toString('base64');
/** No test says these words by itself. */
const SECRET = new RegExp(`canary|Bearer \\w|Basic \\w|${PAIR.slice(0, 12)}`);

/** Every way in which a thing is shown. */
function shownOf(thing) {
  const shown = [
    inspect(thing, { depth: 9, showHidden: true, getters: true }),
    String(thing),
    JSON.stringify(thing),
  ];
  if (thing instanceof Error) shown.push(thing.stack, thing.message, shownOf(thing.cause ?? ''));
  return shown.join('\n');
}

test('the canary would be seen', () => {
  expect(shownOf(new Error('no', { cause: new Error(TOKEN) }))).toMatch(SECRET);
  expect(shownOf({ nested: { deep: `Basic ${PAIR}` } })).toMatch(SECRET);
  expect(
    shownOf({
      get field() {
        return TOKEN;
      },
    }),
  ).toMatch(SECRET);
  expect(shownOf(new Error('nothing'))).not.toMatch(SECRET);
});

test('no credential is in a client, a session, an agent, or an explanation', async ({
  api,
  newClient,
}) => {
  Object.assign(api.account, ACCOUNT, { rules: ['*'] });
  const client = newClient({ token: TOKEN });
  const session = await client.start();
  const things = [
    client,
    session,
    session.explain('a.example'),
    session.asPlaywright(),
    session.asPuppeteer(),
  ];

  const shown = [...things, AluviaClient, session.asNodeAgent()].map(shownOf);

  expect(api.requests[0].headers.authorization).toContain(TOKEN);
  expect(shown.join('\n')).not.toMatch(SECRET);
});

test('no credential is in an error of the constructor', () => {
  const options = [
    { token: `${TOKEN} and more` },
    { token: `${TOKEN}\n.` },
    { token: [TOKEN] },
    { token: { [TOKEN]: TOKEN } },
    { token: TOKEN, apiBaseUrl: `http://u:${TOKEN}@api.example` },
    { token: TOKEN, apiBaseUrl: `http://api.example/?token=${TOKEN}` },
    { token: TOKEN, ca: TOKEN },
    { token: TOKEN, logLevel: TOKEN },
    { token: TOKEN, logger: TOKEN },
    { token: TOKEN, gatewayPort: 0 },
  ];

  const errors = options.map((each) => thrownBy(() => new AluviaClient(each)));

  expect(errors.map(shownOf).join('\n')).not.toMatch(SECRET);
});

test('no credential is in an error of start', async ({ api, newClient }) => {
  const echo = `${TOKEN} Bearer ${TOKEN}`;
  const answers = [
    (response) => send(response, 401, { error: { message: echo } }),
    (response) => send(response, 403, { message: `"${TOKEN}"` }),
    (response) => send(response, 500, { error: `${'x'.repeat(190)}${TOKEN}` }),
    (response) => send(response, 404, echo),
    (response) => send(response, 200, { data: { ...ACCOUNT, rules: 'none' } }),
    (response) =>
      send(response, 200, { data: { ...ACCOUNT, proxy_password: 'canary\r\n', rules: [] } }),
    (response) => send(response, 200, JSON.stringify({ data: ACCOUNT }).slice(0, -3)),
    (response) =>
      send(response, 302, '', { Location: `http://127.0.0.2:1/${TOKEN}?token=${TOKEN}` }),
    (response) => send(response, 302, '', { Location: `http://u:${TOKEN}@127.0.0.2:1/` }),
    (response) => response.socket.resetAndDestroy(),
    () => {},
  ];
  const errors = [];
  for (const answer of answers) {
    api.answer = (_, response) => answer(response);
    errors.push(await failureOf(newClient({ token: TOKEN, apiTimeoutMs: 200 }).start()));
  }
  const apiBaseUrl = `http://127.0.0.1:${await freePort()}/${TOKEN}`;
  errors.push(await failureOf(newClient({ token: TOKEN, apiBaseUrl }).start()));

  expect(new Set(errors.map(({ message }) => message)).size).toBeGreaterThan(9);
  expect(errors.map(shownOf).join('\n')).not.toMatch(SECRET);
});

test('no credential is in the log of a session, at debug and with all that can go wrong', async ({
  api,
  newClient,
  records,
  onTestFinished,
}) => {
  Object.assign(api.account, ACCOUNT, { rules: ['gateway.test', 'unusable rule'] });
  const gatewayPort = await listen(onTestFinished, (head) => {
    expect(head).toContain(`Basic ${PAIR}`);
    return `HTTP/1.1 407 No ${PAIR}\r\nX-Echo: ${PAIR}\r\nContent-Length: 0\r\n\r\n`;
  });
  const client = newClient({
    token: TOKEN,
    logLevel: 'debug',
    pollIntervalMs: 50,
    gatewayHost: '127.0.0.1',
    gatewayPort,
  });
  const session = await client.start();

  const pages = [
    await visit(session, `${api.origin}/canary?canary=1`),
    await visit(session, 'http://gateway.test/canary?canary=1'),
    await visit(session, `http://127.0.0.1:${await freePort()}/canary`),
  ];
  const serve = api.answer;
  api.answer = (_, response) => send(response, 401, { error: { message: `no ${TOKEN}` } });
  await until(() => expect(messages(records, 'warn').length).toBeGreaterThan(1));
  const errors = [
    await failureOf(client.updateRules(['a'])),
    await failureOf(client.updateSessionId(TOKEN)),
  ];
  api.answer = serve;
  Object.assign(api.account, { proxy_password: 'canary-password-2' });
  await until(() => expect(messages(records, 'info').join()).toContain('credentials'));
  await client.stop();
  await until(() => expect(messages(records)).toContain('stopped'));

  expect(pages.map(({ status }) => status)).toEqual([200, 502, 502]);
  expect(records.length).toBeGreaterThan(8);
  expect(records.map(shownOf).join('\n')).not.toMatch(SECRET);
  expect(errors.map(shownOf).join('\n')).not.toMatch(SECRET);
  expect(pages.slice(1).map(shownOf).join('\n')).not.toMatch(SECRET);
});

/** A server that answers each connection's first bytes with a text. */
async function listen(onTestFinished, reply) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (head) => socket.end(reply(head.toString('latin1'))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => server.close());
  return server.address().port;
}
