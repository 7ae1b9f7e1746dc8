import { readFile } from 'node:fs/promises';
import { describe, expect } from 'vitest';
import { ApiError, InvalidUserTokenError } from '../support/api-package.mjs';
import { ApiServer, send } from '../support/api-server.mjs';
import { changes, failureOf, freePort, messages, until, visit } from '../support/api-test.mjs';
import { ROUTES, routesOf, test } from '../support/state-file.mjs';

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

describe('while the API is down', () => {
  const startsAsBefore = async (session, records) => {
    expect(routesOf(session)).toEqual(ROUTES);
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
  await until(() => expect(changes(records)).toEqual([expect.stringContaining('source')]));
  await until(async () => expect(await readFile(stateFile, 'utf8')).toContain('new.example'));
});
