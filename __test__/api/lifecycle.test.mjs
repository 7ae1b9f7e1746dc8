import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { connect, connectMany, endOf, exchange, startOrigin } from '../support/api-connect.mjs';
import { launch, run } from '../support/api-process.mjs';
import { isListening, test, until, visit } from '../support/api-test.mjs';

const MANY = 1000;
/** From the trigger to the end of the process. It is a tenth of that on a machine with nothing else to do. */
const SOON = 1000;
/** What a process says that did not end of its own will. */
const CRASH = /abort|core dumped|panick|fatal|segmentation|terminate called/i;
/** In a script: waits for a word on the standard input, which holds the process no longer then. */
const WORD = `
  const word = () => new Promise((resolve) => process.stdin.once('data', () => {
    process.stdin.destroy();
    resolve();
  }));`;

/** Starts a script that says at which port a session listens; `tell` gives it the word. */
async function launchSession(script, api) {
  const running = launch(WORD + script, { api, tooLong: 50_000 });
  await running.hasSaid(' .');
  const session = { host: '127.0.0.1', port: Number(/port (\d+)/.exec(running.stdout)[1]) };
  return { running, session, tell: () => running.child.stdin.write('now') };
}

/** Such a session with {@link MANY} connects, through each of which a byte has gone. */
async function launchBusy(script, api) {
  const origin = await startOrigin();
  const launched = await launchSession(script, api);
  const sockets = await connectMany(MANY, launched.session, origin.target);
  await Promise.all(sockets.map(exchange));
  return { ...launched, sockets };
}

/** {@link SOON}, or more where the machine is so busy that a process with nothing to do takes long. */
async function soon() {
  const since = performance.now();
  await run('', { prelude: '' });
  return Math.max(SOON, 4 * (performance.now() - since));
}

const IN_WORKER = `
  const { Worker } = require('node:worker_threads');
  const worker = new Worker(
    "const { parentPort, workerData } = require('node:worker_threads');" +
    "const { AluviaClient } = require(workerData.main);" +
    "new AluviaClient({ token: 'x', apiBaseUrl: workerData.api, gatewayHost: '127.0.0.1', logLevel: 'silent' })" +
    ".start().then(({ port }) => parentPort.postMessage(port));",
    { eval: true, workerData: { main: require.resolve('@aluvia/aluvia-node'), api: process.env.API } },
  );
  const said = new Promise((resolve) => worker.once('message', resolve));
  console.log('port', await said, '.');`;

const IN_MAIN = `
  let session = await newClient({ logLevel: 'silent', drainTimeoutMs: 100 }).start();
  console.log('port', session.port, '.');`;

describe(`a process with ${MANY} connects`, () => {
  const WAYS = [
    ['process.exit(7)', 'await word(); process.exit(7);', { code: 7 }],
    [
      'an uncaught exception',
      "await word(); setTimeout(() => { throw new Error('mine'); });",
      { code: 1, says: /^Error: mine$/m },
    ],
    ['a rejection', "await word(); Promise.reject(new Error('mine'));", { code: 1, says: /mine/ }],
    ['SIGTERM', '', { signal: 'SIGTERM' }],
    ['SIGKILL', '', { signal: 'SIGKILL' }],
    ['the end of its event loop after stop', 'await word(); await session.stop();', { code: 0 }],
    ['the end of its event loop after unref', 'await word(); session.unref();', { code: 0 }],
  ];

  test.for(WAYS)('ends soon by %s', async ([, way, expected], { api }) => {
    const { code = null, signal = null, says } = expected;
    const { running, tell } = await launchBusy(`${IN_MAIN} ${way}`, api);
    const limit = await soon();
    const since = performance.now();

    if (signal) running.child.kill(signal);
    else tell();
    const ended = await running.exit;

    expect(performance.now() - since).toBeLessThanOrEqual(limit);
    expect(ended).toMatchObject({ code, signal });
    expect(ended.stderr).not.toMatch(CRASH);
    expect(ended.stderr).toMatch(says ?? /^$/);
  });

  test('in a worker ends soon by worker.terminate()', async ({ api }) => {
    const script = `${IN_WORKER} await word(); await worker.terminate(); console.log('terminated');`;
    const { running, tell } = await launchBusy(script, api);
    const limit = await soon();
    const since = performance.now();

    tell();
    const ended = await running.exit;

    expect(performance.now() - since).toBeLessThanOrEqual(limit);
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(ended.stdout).toContain('terminated');
  });

  test('goes on where its session is dropped and garbage is collected', async ({ api }) => {
    const script = `${IN_MAIN}
      require('node:v8').setFlagsFromString('--expose-gc');
      const gc = require('node:vm').runInNewContext('gc');
      session.unref();
      session = undefined;
      const beat = setInterval(gc, 20);
      await word();
      clearInterval(beat);`;
    const { running, session, sockets, tell } = await launchBusy(script, api);

    await sleep(300);
    await Promise.all(sockets.map(exchange));
    expect(await isListening(session.port)).toBe(true);
    tell();

    expect(await running.exit).toMatchObject({ code: 0, signal: null, stderr: '' });
  });
});

describe('an event loop that is blocked', () => {
  const SECONDS = process.env.ALUVIA_SLOW_TESTS ? [3, 30] : [3];

  test.for(SECONDS)(
    'for %i s fails no request meanwhile, and delays none',
    { timeout: 60_000 },
    async (seconds, { api }) => {
      const origin = await startOrigin();
      const script = `${IN_MAIN}
        await word();
        console.log('blocked');
        for (const end = Date.now() + ${seconds * 1000}; Date.now() < end; );
        console.log('free');
        session.stop();`;
      const { running, session, tell } = await launchSession(script, api);
      const kept = await connect(session, origin.target);
      tell();
      await running.hasSaid('blocked');

      const durations = [];
      const end = performance.now() + seconds * 1000 - 500;
      while (performance.now() < end) {
        const since = performance.now();
        const { status } = await visit(session, `${api.baseUrl}/user`);
        expect(status).toBe(200);
        const socket = await connect(session, origin.target);
        await Promise.all([exchange(socket), exchange(kept)]);
        socket.destroy();
        durations.push(performance.now() - since);
        await sleep(20);
      }

      expect(running.stdout).not.toContain('free');
      kept.destroy();
      expect(durations.length).toBeGreaterThan(20);
      expect(Math.max(...durations)).toBeLessThan(1000);
      expect(await running.exit).toMatchObject({ code: 0, stderr: '' });
    },
  );
});

test.skipIf(process.platform !== 'linux')(
  'a process that has started and stopped 200 times is as it was',
  { timeout: 60_000 },
  async ({ api }) => {
    const script = `
      const { readdirSync } = require('node:fs');
      require('node:v8').setFlagsFromString('--expose-gc');
      const gc = require('node:vm').runInNewContext('gc');
      const client = newClient({ logLevel: 'silent', pollIntervalMs: 50 });
      const cycles = async (count) => {
        for (let n = 0; n < count; n += 1) await (await client.start()).stop();
      };
      const measure = async () => {
        for (let n = 0; n < 5; n += 1) {
          gc();
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        return {
          descriptors: readdirSync('/proc/self/fd').length,
          threads: readdirSync('/proc/self/task').length,
          megabytes: process.memoryUsage().rss / 2 ** 20,
        };
      };
      await cycles(50);
      const before = await measure();
      await cycles(200);
      console.log(JSON.stringify([before, await measure()]));`;

    const { code, stdout, stderr } = await run(script, { api });

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [before, after] = JSON.parse(stdout);
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    expect(after.threads).toBeLessThanOrEqual(before.threads);
    expect(after.megabytes - before.megabytes).toBeLessThan(5);
  },
);

describe('stop with 200 open connects', () => {
  test('takes no longer than drainTimeoutMs, and lets an exchange in flight end whole', async ({
    api,
    newClient,
  }) => {
    const drainTimeoutMs = 600;
    const origin = await startOrigin();
    const session = await newClient({ drainTimeoutMs }).start();
    const sockets = await connectMany(200, session, origin.target);
    const ends = sockets.map(endOf);
    const release = api.hang();
    api.account.rules = ['whole.example'];
    const page = visit(session, `${api.baseUrl}/user`);
    await until(() => expect(api.requests).toHaveLength(2));
    setTimeout(release, 250);
    const since = performance.now();

    await session.stop();

    expect(performance.now() - since).toBeLessThanOrEqual(drainTimeoutMs + 250);
    expect(JSON.parse((await page).body).data.rules).toEqual(['whole.example']);
    await Promise.all(ends);
    await until(() => expect(origin.sockets.every(({ destroyed }) => destroyed)).toBe(true));
    expect(await isListening(session.port)).toBe(false);
  });

  test('takes none where drainTimeoutMs is 0', async ({ newClient }) => {
    const origin = await startOrigin();
    const session = await newClient({ drainTimeoutMs: 0 }).start();
    const ends = (await connectMany(200, session, origin.target)).map(endOf);
    const since = performance.now();

    await session.stop();

    expect(performance.now() - since).toBeLessThanOrEqual(250);
    await Promise.all(ends);
  });
});
