import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { ApiError, InvalidUserTokenError } from '../support/api-package.mjs';
import { ApiServer, send } from '../support/api-server.mjs';
import {
  test as base,
  changes,
  failureOf,
  freePort,
  messages,
  TOKEN,
  until,
  visit,
} from '../support/api-test.mjs';

/** With a `folder` of its own, and `stateFile` in it, which is not there yet. */
const test = base.extend({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the pattern to find dependencies
  folder: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'aluvia-state-'));
    await use(folder);
    await rm(folder, { recursive: true });
  },
  stateFile: async ({ folder }, use) => use(join(folder, 'state')),
  /** Starts and stops a client whose configuration is saved then. */
  save: async ({ api, newClient, stateFile }, use) =>
    use(async () => {
      api.account.rules = RULES;
      const client = newClient({ stateFile });
      await client.start();
      await client.stop();
    }),
  /** That a start fails as if there were no file, with one warning, whose reason it returns. */
  isIgnored: async ({ api, newClient, records, stateFile }, use) =>
    use(async (options) => {
      api.answer = (_, response) => send(response, 503, { error: { message: 'out of order' } });

      const error = await failureOf(newClient({ stateFile, ...options }).start());

      expect(error).toBeInstanceOf(ApiError);
      expect(error.statusCode).toBe(503);
      expect(error.message).toContain('out of order');
      await until(() => expect(messages(records, 'warn')).toHaveLength(1));
      const [{ fields }] = records.filter(({ level }) => level === 'warn');
      expect(fields.file).toBe(stateFile);
      return fields.reason;
    }),
});

const RULES = ['shop.example', '*.news.example', '-out.news.example'];
const ROUTES = { 'shop.example': 'gateway', 'a.news.example': 'gateway' };
const DIRECT = { 'out.news.example': 'direct', 'other.example': 'direct' };

const routesOf = (session) =>
  Object.fromEntries(
    Object.keys({ ...ROUTES, ...DIRECT }).map((host) => [host, session.explain(host).route]),
  );

/** What the API may do instead of its work, as a status or an answer. */
const OUTAGES = [
  ['answers 503', (response) => send(response, 503, '')],
  ['answers 500', (response) => send(response, 500, { error: { message: 'out of order' } })],
  ['answers 429', (response) => send(response, 429, '', { 'Retry-After': '60' })],
  ['answers with HTML and 200', (response) => send(response, 200, '<html>Log in to the Wi-Fi')],
  ['answers with no configuration', (response) => send(response, 200, { data: {} })],
  ['resets the connection', (response) => response.socket.resetAndDestroy()],
  ['breaks off', (response) => response.writeHead(200, { 'Content-Length': 9 }).end('{')],
  ['does not answer', () => {}],
];

describe('a configuration that was fetched', () => {
  test('is saved for this user only, without the token', async ({ folder, stateFile, save }) => {
    await save();

    expect(await readdir(folder)).toEqual(['state']);
    expect((await stat(stateFile)).mode & 0o777).toBe(0o600);
    const saved = await readFile(stateFile, 'latin1');
    expect(saved).toContain('shop.example');
    expect(saved).not.toContain(TOKEN);
    expect(saved).not.toContain(Buffer.from(TOKEN).toString('base64').slice(0, 20));
    expect(saved).not.toContain(Buffer.from(TOKEN).toString('hex'));
  });

  test('is saved anew with the rules of an update', async ({ api, newClient, stateFile }) => {
    const client = newClient({ stateFile });
    await client.start();

    await client.updateRules(['updated.example']);
    expect(await readFile(stateFile, 'utf8')).toContain('updated.example');

    api.answer = (_, response) => send(response, 503, '');
    const later = await newClient({ stateFile }).start();
    expect(later.explain('updated.example')).toMatchObject({ route: 'gateway' });
  });

  test('is saved anew with the rules of a poll', async ({ api, newClient, folder, stateFile }) => {
    await newClient({ stateFile, pollIntervalMs: 50 }).start();

    api.account.rules = ['polled.example'];
    await until(async () => expect(await readFile(stateFile, 'utf8')).toContain('polled.example'));

    await until(async () => expect(await readdir(folder)).toEqual(['state']));
  });

  test('is read whole by whoever starts while it is saved', async ({
    api,
    newClient,
    folder,
    stateFile,
  }) => {
    api.account.rules = RULES;
    const client = newClient({ stateFile });
    await client.start();
    const down = await ApiServer.start();
    down.answer = (_, response) => send(response, 503, '');

    const updating = (async () => {
      for (let n = 0; n < 30; n += 1) await client.updateRules([`${n}.example`, ...RULES]);
    })();
    for (let n = 0; n < 30; n += 1) {
      const session = await newClient({ stateFile, apiBaseUrl: down.baseUrl }).start();
      expect(routesOf(session)).toEqual({ ...ROUTES, ...DIRECT });
    }
    await updating;

    await down.close();
    expect(await readdir(folder)).toEqual(['state']);
  });

  test.for([
    ['a folder that is not there', (folder) => join(folder, 'none', 'state')],
    ['the place of a folder', (folder) => folder],
  ])(
    'that cannot be saved in %s is one warning, and the session works',
    async ([, place], { api, newClient, records, folder }) => {
      await mkdir(join(folder, 'in-it'));
      api.account.rules = RULES;
      const session = await newClient({ stateFile: place(folder), pollIntervalMs: 50 }).start();
      await until(() => expect(api.polls.length).toBeGreaterThan(3));

      expect(routesOf(session)).toEqual({ ...ROUTES, ...DIRECT });
      expect((await visit(session, `${api.baseUrl}/user`)).status).toBe(200);
      const warnings = records.filter(({ level }) => level === 'warn');
      expect(warnings).toMatchObject([{ fields: { file: place(folder) } }]);
    },
  );
});

describe('while the API is down', () => {
  const startsAsBefore = async (session, records) => {
    expect(routesOf(session)).toEqual({ ...ROUTES, ...DIRECT });
    expect(session.explain('shop.example').source).toBe('state-file');
    await until(() => expect(messages(records, 'warn')).toHaveLength(1));
  };

  test.for(OUTAGES)(
    'and %s, a client routes as before',
    async ([, fail], { api, newClient, records, stateFile, save }) => {
      await save();
      api.answer = (_, response) => fail(response);

      const session = await newClient({ stateFile, apiTimeoutMs: 150 }).start();

      await startsAsBefore(session, records);
    },
  );

  test('and nobody listens there, a client routes as before', async ({
    newClient,
    records,
    stateFile,
    save,
  }) => {
    await save();
    const apiBaseUrl = `http://127.0.0.1:${await freePort()}`;

    await startsAsBefore(await newClient({ stateFile, apiBaseUrl }).start(), records);
  });

  test('and redirects to another host, a client routes as before', async ({
    api,
    newClient,
    records,
    stateFile,
    save,
  }) => {
    await save();
    const other = await ApiServer.start();
    api.answer = (_, response) => send(response, 302, '', { Location: `${other.baseUrl}/user` });

    await startsAsBefore(await newClient({ stateFile }).start(), records);

    await other.close();
    expect(other.requests).toEqual([]);
  });

  test('the saved credentials are good for the gateway', async ({
    sandbox,
    newClient,
    stateFile,
  }) => {
    const options = { ...sandbox.clientOptions, stateFile };
    sandbox.setRules(['shop.localhost']);
    await (await newClient(options).start()).stop();
    sandbox.api.fail({ status: 503 });

    const session = await newClient(options).start();
    const { body } = await visit(session, `${sandbox.sites['shop.localhost'].http}/`);

    expect(session.explain('shop.localhost').source).toBe('state-file');
    expect(JSON.parse(body)).toMatchObject({ via: 'gateway' });
  });

  test.for([401, 403, 404, 400])(
    '%i fails as ever',
    async (status, { api, newClient, records, stateFile, save }) => {
      await save();
      api.answer = (_, response) => send(response, status, '');

      const error = await failureOf(newClient({ stateFile }).start());

      expect(error).toBeInstanceOf(
        status === 401 || status === 403 ? InvalidUserTokenError : ApiError,
      );
      expect(error.statusCode).toBe(status);
      expect(messages(records, 'warn')).toEqual([]);
    },
  );
});

test('when the API comes back, polls bring its rules', async ({
  api,
  newClient,
  records,
  stateFile,
  save,
}) => {
  await save();
  const serve = api.answer;
  api.answer = (_, response) => send(response, 503, '');
  const session = await newClient({ stateFile, pollIntervalMs: 50 }).start();
  api.account.rules = ['new.example'];

  api.answer = serve;
  await until(() => expect(session.explain('new.example').route).toBe('gateway'));

  expect(session.explain('shop.example')).toMatchObject({ route: 'direct', source: 'api' });
  expect(changes(records)).toEqual([expect.stringContaining('source')]);
  await until(async () => expect(await readFile(stateFile, 'utf8')).toContain('new.example'));
});

describe('a file that is of no use is ignored with one warning', () => {
  const USELESS = [
    ['is empty', () => ''],
    ['is cut off', (saved) => saved.subarray(0, saved.length - 7)],
    ['is only its first line', (saved) => saved.subarray(0, saved.indexOf('\n') + 1)],
    ['is another text', () => '{"rules":["shop.example"]}'],
    ['is damaged', (saved) => Buffer.from(saved.toString('latin1').replace('shop', 'ship'))],
    ['is longer than it was', (saved) => Buffer.concat([saved, Buffer.from(' ')])],
    ['is very large', () => Buffer.alloc(20 * 1024 * 1024, 'x')],
  ];

  test.for(USELESS)('that %s', async ([, spoil], { stateFile, save, isIgnored }) => {
    await save();
    await writeFile(stateFile, spoil(await readFile(stateFile)));

    await isIgnored();
  });

  test('that is of another token', async ({ save, isIgnored }) => {
    await save();

    expect(await isIgnored({ token: 'another' })).toContain('token');
  });

  test('that is too old', async ({ save, isIgnored }) => {
    await save();
    // Its age is counted in whole seconds.
    await sleep(1100);

    const reason = await isIgnored({ stateMaxAgeMs: 1 });

    expect(reason).toContain('stateMaxAgeMs');
  });

  test('but not one that is missing, of which there is nothing to say', async ({
    api,
    newClient,
    records,
    stateFile,
  }) => {
    api.answer = (_, response) => send(response, 503, '');

    expect(await failureOf(newClient({ stateFile }).start())).toMatchObject({ statusCode: 503 });

    expect(messages(records, 'warn')).toEqual([]);
  });
});
