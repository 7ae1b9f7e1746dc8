import { inspect } from 'node:util';
import { describe, expect } from 'vitest';
import { connectHead, speak, startOrigin } from '../support/api-connect.mjs';
import { AluviaClient, InvalidOptionError } from '../support/api-package.mjs';
import { isAluviaError, thrownBy, until } from '../support/api-test.mjs';
import { getThrough, LOGIN, PAIR, PASSWORD, SECRET, test } from '../support/local-auth.mjs';
import { DIRECT } from '../support/stage.mjs';
import { trusting } from '../support/trust.mjs';

describe('a login that is none', () => {
  test.for([
    ['a text', PASSWORD, 'localAuth'],
    ['a number', 1, 'localAuth'],
    ['a list', [LOGIN], 'localAuth'],
    ['an empty object', {}, 'localAuth.username'],
    ['one without a user name', { password: PASSWORD }, 'localAuth.username'],
    ['one without a password', { username: 'me' }, 'localAuth.password'],
    ['a password that is a list', { username: 'me', password: [PASSWORD] }, 'localAuth.password'],
    ['an empty user name', { username: '', password: PASSWORD }, 'localAuth.username'],
    ['an empty password', { username: 'me', password: '' }, 'localAuth.password'],
    ['a user name with a colon', { username: 'canary:', password: PASSWORD }, 'localAuth.username'],
    [
      'a password with a line break',
      { username: 'me', password: `${PASSWORD}\r\nX: y` },
      'localAuth.password',
    ],
    ['a user name with a null', { username: 'canary\0', password: PASSWORD }, 'localAuth.username'],
  ])('is refused: %s', ([, localAuth, named]) => {
    const error = thrownBy(() => new AluviaClient({ token: 'x', localAuth }));

    isAluviaError(error, InvalidOptionError, 'ALUVIA_INVALID_OPTION');
    expect(error.message).toContain(named);
    expect(inspect(error, { showHidden: true })).not.toMatch(SECRET);
  });

  test.for([[undefined], [null], [false]])(
    'is %j: nobody is asked',
    async ([localAuth], { sandbox, newClient }) => {
      const session = await newClient({ ...sandbox.clientOptions, localAuth }).start();

      const page = await getThrough(session.asNodeAgent(), `${sandbox.sites[DIRECT].http}/`);

      expect(JSON.parse(page)).toMatchObject({ via: 'direct' });
      expect(session.getLocalAuth()).toBeUndefined();
      expect(session.getUrlWithLogin()).toBe(session.url);
      expect(session.asPlaywright()).toEqual({ server: session.url });
    },
  );
});

describe('without the login', () => {
  const basic = (pair) => `Proxy-Authorization: Basic ${Buffer.from(pair).toString('base64')}`;

  test.for([
    ['none', []],
    ['another password', [basic(`${LOGIN.username}:other`)]],
    ['another user name', [basic(`other:${PASSWORD}`)]],
    ['half of it', [basic(LOGIN.username)]],
    ['what is no base64', ['Proxy-Authorization: Basic %%%']],
    ['another scheme', [`Proxy-Authorization: Bearer ${PAIR}`]],
    ['what is meant for the site', [`Authorization: Basic ${PAIR}`]],
  ])('a GET and a CONNECT are answered with 407: %s', async ([, fields], { session }) => {
    const origin = await startOrigin();
    const get = [`GET http://${origin.target}/ HTTP/1.1`, `Host: ${origin.target}`, ...fields];

    for (const request of [`${get.join('\r\n')}\r\n\r\n`, connectHead(origin.target, ...fields)]) {
      const { socket, head } = await speak(session, request);
      socket.destroy();

      expect(head).toMatch(/^HTTP\/1\.1 407 ALUVIA_LOGIN_REQUIRED\r\n/);
      expect(head).toMatch(/\r\nProxy-Authenticate: Basic realm=/i);
    }
    expect(origin.sockets).toEqual([]);
  });
});

describe('what a session tells of its login', () => {
  test('is the login, in an object of each caller', ({ session }) => {
    expect(session.getLocalAuth()).toStrictEqual(LOGIN);
    session.getLocalAuth().password = 'changed';

    expect(session.getLocalAuth()).toStrictEqual(LOGIN);
    expect(session.asPlaywright()).toStrictEqual({ server: session.url, ...LOGIN });
    expect(session.url).not.toContain('@');
    const { username, password, origin } = new URL(session.getUrlWithLogin());
    expect({ origin, login: [username, password].map(decodeURIComponent) }).toEqual({
      origin: session.url,
      login: Object.values(LOGIN),
    });
  });

  test('is one warning where Puppeteer cannot be given it', async ({ session, records }) => {
    expect(session.asPuppeteer()).toEqual([`--proxy-server=${session.url}`]);

    const warnings = records.filter(({ level }) => level === 'warn');
    expect(warnings).toMatchObject([{ message: expect.stringContaining('page.authenticate') }]);
  });

  test('is a password for each client where it was asked for one', async ({ newClient }) => {
    const clients = Array.from({ length: 20 }, () => newClient({ localAuth: true }));
    const sessions = await Promise.all(clients.map((client) => client.start()));

    const passwords = sessions.map((session) => session.getLocalAuth().password);

    expect(new Set(passwords).size).toBe(20);
    for (const password of passwords) {
      expect(password).toMatch(/^[\w-]+$/);
      expect(Buffer.from(password, 'base64url').length).toBeGreaterThanOrEqual(128 / 8);
    }
    await clients[0].stop();
    expect((await clients[0].start()).getLocalAuth().password).toBe(passwords[0]);
  });
});

test('the password is in no client, session, agent or record of the log', async ({
  sandbox,
  newClient,
  records,
}) => {
  const client = newClient({ ...sandbox.clientOptions, localAuth: LOGIN, logLevel: 'debug' });
  const session = await client.start();
  const agent = trusting(session.asNodeAgent(), sandbox.ca);
  await getThrough(agent, `${sandbox.sites[DIRECT].https}/`);
  await speak(session, connectHead('127.0.0.1:1', `Proxy-Authorization: Basic ${PAIR}`));
  session.asPuppeteer();
  await until(() => expect(records.length).toBeGreaterThan(4));

  const shown = [client, session, agent, records, session.explain('a.example')].flatMap((thing) => [
    inspect(thing, { showHidden: true, getters: true, depth: 9, maxStringLength: null }),
    thing === agent ? '' : JSON.stringify(thing),
  ]);

  expect(shown.join('\n')).not.toMatch(SECRET);
});
