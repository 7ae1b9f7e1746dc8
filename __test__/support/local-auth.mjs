/** What tests of the option `localAuth` stand on. */

import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { test as base } from './api-test.mjs';
import { BY_GATEWAY, DIRECT } from './stage.mjs';

export const PASSWORD = 'canary/p@ss:w ö rd%';
export const LOGIN = { username: 'me @/ü%', password: PASSWORD };
export const PAIR = Buffer.from(`${LOGIN.username}:${PASSWORD}`).toString('base64');
export const SECRET = new RegExp(`canary|${PAIR.slice(0, 20)}`);

/** With `session`, of the sandbox, that asks for the login. */
export const test = base.extend({
  session: async ({ sandbox, newClient }, use) => {
    sandbox.setRules([BY_GATEWAY]);
    const client = newClient({ ...sandbox.clientOptions, localAuth: LOGIN, logLevel: 'debug' });
    await use(await client.start());
  },
});

/** Each site by each scheme: once by each route. */
export async function visitsAll({ sandbox, ask }) {
  for (const [name, via] of [
    [DIRECT, 'direct'],
    [BY_GATEWAY, 'gateway'],
  ]) {
    for (const scheme of ['http', 'https']) {
      const page = JSON.parse(await ask(`${sandbox.sites[name][scheme]}/page`));

      expect(page).toMatchObject({ site: name, via, secure: scheme === 'https' });
      expect(Object.keys(page.headers)).not.toContain('proxy-authorization');
    }
  }
}

/** The body of a page that node:http or node:https gets with an agent. */
export function getThrough(agent, url) {
  const { get } = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => resolve(text(response))).on('error', reject);
  });
}
