import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { ApiServer, send } from '../support/api-server.mjs';
import { failureOf, messages, TOKEN, until, visit } from '../support/api-test.mjs';
import { ROUTES, RULES, routesOf, test } from '../support/state-file.mjs';

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
      expect(routesOf(session)).toEqual(ROUTES);
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

      expect(routesOf(session)).toEqual(ROUTES);
      expect((await visit(session, `${api.baseUrl}/user`)).status).toBe(200);
      await until(() => expect(messages(records, 'warn')).toHaveLength(1));
      const [{ fields }] = records.filter(({ level }) => level === 'warn');
      expect(fields.file).toBe(place(folder));
    },
  );
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
