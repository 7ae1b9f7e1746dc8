/** What tests of the option `stateFile` stand on. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ApiError } from './api-package.mjs';
import { send } from './api-server.mjs';
import { test as base, failureOf, messages, until } from './api-test.mjs';

/** With a `folder` of its own, and `stateFile` in it, which is not there yet. */
export const test = base.extend({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the pattern to find dependencies
  folder: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'aluvia-state-'));
    await use(folder);
    // A client that polls may still be writing.
    await rm(folder, { recursive: true, maxRetries: 5 });
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

export const RULES = ['shop.example', '*.news.example', '-out.news.example'];
/** Where these lead. */
export const ROUTES = {
  'shop.example': 'gateway',
  'a.news.example': 'gateway',
  'out.news.example': 'direct',
  'other.example': 'direct',
};

/** The routes of hosts that {@link RULES} name, and of others. */
export const routesOf = (session) =>
  Object.fromEntries(Object.keys(ROUTES).map((host) => [host, session.explain(host).route]));
