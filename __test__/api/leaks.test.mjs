import { describe, expect } from 'vitest';
import { run } from '../support/api-process.mjs';
import { test } from '../support/api-test.mjs';

/** Each of these scripts runs in a process of its own: see the prelude in api-process.js. */
const SILENT = "{ logLevel: 'silent' }";

describe('a process that starts and stops often', () => {
  /** Counts descriptors and threads before and after, when both have settled. */
  const COUNTING = `
    const { readdirSync } = require('node:fs');
    const count = () => ({
      descriptors: readdirSync('/proc/self/fd').length,
      threads: readdirSync('/proc/self/task').length,
    });
    const visit = (port) => new Promise((resolve, reject) => {
      const options = { port, path: process.env.API + '/user', agent: false };
      const request = require('node:http').get(options);
      request.on('error', reject);
      request.on('response', (response) => response.resume().on('end', resolve));
    });
    /** Waits until the counts are those that are known, or at least the same for a while. */
    const settle = async (known) => {
      let last;
      for (let same = 0, round = 0; same < 25 && round < 250; round += 1) {
        const now = count();
        if (now.descriptors <= known?.descriptors && now.threads <= known?.threads) break;
        same = JSON.stringify(now) === last ? same + 1 : 0;
        last = JSON.stringify(now);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return count();
    };
    require('node:v8').setFlagsFromString('--expose-gc');
    const gc = require('node:vm').runInNewContext('gc');
    const repeat = async (times, action) => { for (let n = 0; n < times; n += 1) await action(); };
    const measure = async (action) => {
      await repeat(3, action);
      gc();
      await new Promise((resolve) => setTimeout(resolve, 200));
      const before = count();
      await repeat(50, action);
      gc();
      console.log(JSON.stringify({ before, after: await settle(before) }));
    };`;
  const CYCLES = [
    [
      'sessions',
      `async () => {
      const session = await client.start();
      await visit(session.port);
      await session.stop();
    }`,
    ],
    [
      'clients and sessions',
      `async () => {
      const session = await newClient(${SILENT}).start();
      await visit(session.port);
      session.asNodeAgent();
      await session.stop();
    }`,
    ],
    [
      'starts that fail',
      `async () => {
      await newClient({ logLevel: 'silent', configPath: '/missing' }).start().catch(() => {});
    }`,
    ],
    [
      'starts that are cancelled',
      `async () => {
      const failed = client.start().catch(() => {});
      await client.stop();
      await failed;
    }`,
    ],
    ['updates', "() => client.updateRules(['a.example']).catch(() => {})"],
  ];

  test.skipIf(process.platform !== 'linux').for(CYCLES)(
    'has no more descriptors and threads after 50 %s',
    async ([, cycle], { api }) => {
      api.answer = (request, response) => {
        if (request.path === '/v1/missing') response.writeHead(404).end();
        else api.serve(request, response);
      };
      const script = `${COUNTING} const client = newClient(${SILENT}); await measure(${cycle});`;

      const { code, stdout, stderr } = await run(script, { api });

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const { before, after } = JSON.parse(stdout);
      expect(before.threads).toBeGreaterThan(0);
      expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
      expect(after.threads).toBeLessThanOrEqual(before.threads);
    },
  );

  test.skipIf(process.platform !== 'linux')(
    'has no descriptors left for clients that were stopped, but are kept',
    async ({ api }) => {
      const script = `${COUNTING}
      const clients = [];
      const add = async () => {
        const client = newClient(${SILENT});
        clients.push(client);
        await (await client.start()).stop();
      };
      await add();
      const before = await settle();
      await repeat(20, add);
      console.log(JSON.stringify({ before, after: await settle(before) }));`;

      const { stdout } = await run(script, { api });

      const { before, after } = JSON.parse(stdout);
      expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    },
  );

  test('leaves nothing in memory that grows with each session', async ({ api }) => {
    const script = `
      const client = newClient(${SILENT});
      const registry = new FinalizationRegistry(() => { collected += 1; });
      let collected = 0;
      for (let n = 0; n < 30; n += 1) {
        const session = await client.start();
        registry.register(session);
        await session.stop();
      }
      require('node:v8').setFlagsFromString('--expose-gc');
      const gc = require('node:vm').runInNewContext('gc');
      for (let round = 0; round < 50 && collected < 25; round += 1) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      console.log(collected);`;

    const { stdout } = await run(script, { api });

    expect(Number(stdout)).toBeGreaterThanOrEqual(25);
  });
});
