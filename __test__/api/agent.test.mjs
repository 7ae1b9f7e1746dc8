import http from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { AluviaClient } from '../../index.js';
import { startSandbox } from '../../lib/testing/index.js';

let sandbox;

beforeEach(async () => {
  sandbox = await startSandbox();
});

afterEach(() => sandbox.stop());

test('an exchange of the agent that is under way is finished by stop()', async () => {
  // Given a request that the site answers after a while
  const client = new AluviaClient({ ...sandbox.clientOptions, logLevel: 'silent' });
  const session = await client.start();
  const site = sandbox.sites['shop.localhost'];
  const status = new Promise((resolve, reject) => {
    http
      .get(`${site.http}/slow/400`, { agent: session.asNodeAgent() }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      })
      .on('error', reject);
  });
  await expect.poll(() => site.requests.length).toBe(1);

  // When the session stops meanwhile
  await session.stop();

  // Then the answer has come whole
  expect(await status).toBe(200);
});

test('an option that is none is told, and nothing else comes of it', () => {
  const records = [];

  new AluviaClient({ token: 'a', pollInterval: 5, logger: (record) => records.push(record) });

  expect(records).toMatchObject([{ level: 'warn', fields: { option: 'pollInterval' } }]);
});
