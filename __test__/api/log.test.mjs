import { once } from 'node:events';
import net from 'node:net';
import { describe, expect } from 'vitest';
import { launch, run } from '../support/api-process.mjs';
import { send } from '../support/api-server.mjs';
import { freePort, messages, test, until, visit } from '../support/api-test.mjs';

describe('the console', () => {
  test('shows what happens at info, one line each', async ({ api }) => {
    api.account.rules = ['shop.example', 'AUTO', '-news.example'];
    const script = `
      const client = newClient();
      const session = await client.start();
      await client.updateRules(['*']);
      await client.updateSessionId('seven');
      await session.stop();
      console.log(session.url);`;

    const { stdout, stderr } = await run(script, { api });

    const lines = stdout.trim().split('\n');
    const url = lines.find((line) => line.startsWith('http'));
    expect(stderr).toBe('');
    // Records may come a moment later than the promise that they belong to.
    expect(lines.filter((line) => line !== url)).toEqual([
      '[aluvia][info] configuration loaded rules=2',
      `[aluvia][info] listening on ${url}`,
      expect.stringMatching(/^\[aluvia\]\[info\] configuration changed.*\brules\b/),
      expect.stringMatching(/^\[aluvia\]\[info\] configuration changed.*\bsession id\b/),
      '[aluvia][info] stopped',
    ]);
  });

  test('shows the whole log also where the process ends right after stop', async ({ api }) => {
    const script = 'const session = await newClient().start(); await session.stop();';

    const runs = await Promise.all([1, 2, 3, 4].map(() => run(script, { api })));

    for (const { code, stdout } of runs) {
      expect(code).toBe(0);
      expect(stdout).toMatch(
        /^\[aluvia\]\[info\] configuration loaded.*\n.*listening on .*\n.*stopped\n$/,
      );
    }
  });

  test('shows warnings on the error stream', async ({ api }) => {
    api.account.rules = ['two words'];
    const script = 'const session = await newClient().start(); await session.stop();';

    const { stdout, stderr } = await run(script, { api });

    expect(stderr).toMatch(/^\[aluvia\]\[warn\] unusable rule skipped .*two words.*\n$/);
    expect(stdout).not.toContain('[warn]');
  });

  test('shows nothing but errors where logLevel is silent', async ({ api }) => {
    api.account.rules = ['two words'];
    const script = `
      const client = newClient({ logLevel: 'silent', pollIntervalMs: 50 });
      await client.start();
      await client.updateRules(['a.example', 'bad rule']);
      require('node:http').get(process.env.API.replace('/v1', '/fail-from-now-on'));
      setTimeout(() => client.stop(), 400);`;
    const serve = api.answer;
    api.answer = (request, response) => {
      if (request.path === '/fail-from-now-on') api.answer = (_, next) => send(next, 503, '');
      serve(request, response);
    };

    const { code, stdout, stderr } = await run(script, { api });

    expect(api.polls.length).toBeGreaterThan(2);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('is not fooled by line breaks and control characters in what others say', async ({
    api,
  }) => {
    api.account.rules = ['x\n[aluvia][error] forged', 'y\r\u001b[2Jz', 'w\u2028v\u009b'];
    const script = 'const session = await newClient().start(); await session.stop();';

    const { stderr } = await run(script, { api });

    expect(stderr.trimEnd().split('\n')).toHaveLength(3);
    expect(stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u2028]/u);
    expect(stderr).not.toMatch(/^\[aluvia\]\[error\]/m);
  });

  test('may be closed', async ({ api }) => {
    const script = `
      process.stdout.on('error', () => {});
      const session = await newClient({ logLevel: 'debug' }).start();
      await session.stop();
      console.error('ended');`;

    const running = launch(script, { api });
    running.child.stdout.destroy();
    const { code, stderr } = await running.exit;

    expect({ code, stderr }).toEqual({ code: 0, stderr: 'ended\n' });
  });
});

describe('a logger', () => {
  test('gets records instead of the console', async ({ api }) => {
    const script = `
      const records = [];
      const logger = (...record) => records.push(record);
      const session = await newClient({ logger }).start();
      await session.stop();
      setTimeout(() => console.log(JSON.stringify(records)), 20);`;
    const before = Date.now() - 1;

    const { stdout } = await run(script, { api });

    const records = JSON.parse(stdout);
    expect(records.map((record) => record.length)).toEqual([1, 1, 1]);
    expect(records.map(([{ level, message, fields }]) => ({ level, message, fields }))).toEqual([
      { level: 'info', message: 'configuration loaded', fields: { rules: '0' } },
      {
        level: 'info',
        message: expect.stringMatching(/^listening on http:\/\/127\.0\.0\.1:\d+$/),
        fields: {},
      },
      { level: 'info', message: 'stopped', fields: {} },
    ]);
    expect(new Date(records[0][0].time).getTime()).toBeGreaterThanOrEqual(before);
  });

  test('gets a Date and fields that are strings', async ({ api, newClient, records }) => {
    api.account.rules = ['a b'];
    await newClient({ logLevel: 'debug' }).start();
    await until(() => expect(records.length).toBeGreaterThan(2));

    expect(records.every(({ time }) => time instanceof Date)).toBe(true);
    expect(
      records
        .flatMap(({ fields }) => Object.values(fields))
        .every((value) => typeof value === 'string'),
    ).toBe(true);
  });

  test('gets the records of its own client only', async ({ newClient }) => {
    const [one, other] = [[], []];
    const first = await newClient({ logger: (record) => one.push(record) }).start();
    const second = newClient({ logger: (record) => other.push(record) });
    await first.stop();
    const session = await second.start();
    await until(() => expect(other).toHaveLength(2));
    await until(() => expect(one).toHaveLength(3));

    expect(messages(one)).toEqual(['configuration loaded', `listening on ${first.url}`, 'stopped']);
    expect(messages(other)).toEqual(['configuration loaded', `listening on ${session.url}`]);
  });

  test('gets nothing below the level', async ({ api, newClient, records }) => {
    api.account.rules = ['two words'];
    const client = newClient({ logLevel: 'silent' });
    const session = await client.start();
    await visit(session, api.origin);
    await client.stop();
    const loud = newClient();
    await loud.start();
    await until(() => expect(messages(records)).toContain('configuration loaded'));

    expect(new Set(messages(records))).toEqual(
      new Set([
        'unusable rule skipped',
        'configuration loaded',
        expect.stringContaining('listening'),
      ]),
    );
    expect(messages(records, 'warn')).toHaveLength(1);
  });

  test.for([
    ['an error', "throw new Error('from the logger')", 'from the logger'],
    ['undefined', 'throw undefined', 'undefined'],
    ['a symbol', "throw Symbol('from the logger')", 'from the logger'],
    ['an object without a text', 'throw Object.create(null)', 'logger'],
    ['what fails to be a text', 'throw { toString() { throw 1; } }', 'logger'],
    [
      'a promise that is rejected',
      "return Promise.reject(new Error('from the logger'))",
      'from the logger',
    ],
  ])(
    'that throws %s does not harm the process, and is one warning',
    async ([, body, said], { api }) => {
      const script = `
      let calls = 0;
      const session = await newClient({ logger() { calls += 1; ${body} } }).start();
      await session.stop();
      setTimeout(() => console.log(calls), 20);`;

      const { code, stdout, stderr } = await run(script, { api });

      expect(code).toBe(0);
      expect(stdout).toBe('3\n');
      expect(stderr.match(/ALUVIA_LOGGER/g)).toHaveLength(1);
      expect(stderr).toContain(said);
    },
  );

  test('may call the client', async ({ newClient }) => {
    const stopped = [];
    const client = newClient({
      logger({ message }) {
        if (message.startsWith('listening')) stopped.push(client.stop());
      },
    });

    // The record may come before the promise is fulfilled: then the start is cancelled.
    await client.start().catch(({ name }) => expect(name).toBe('AbortError'));
    await until(() => expect(stopped).toHaveLength(1));

    expect(await stopped[0]).toBeUndefined();
  });
});

describe('at debug', () => {
  /** The records that came after those of the start. */
  async function requestsIn(records, count) {
    const shown = () =>
      records.filter(({ level, fields }) => level === 'debug' && 'host' in fields);
    await until(() => expect(shown()).toHaveLength(count));
    return shown();
  }

  test('each request in absolute-form is one line, with its host and nothing of its path', async ({
    api,
    newClient,
    records,
  }) => {
    const session = await newClient({ logLevel: 'debug' }).start();
    for (let round = 0; round < 3; round += 1)
      await visit(session, `${api.origin}/canary?canary=1`);
    await session.stop();
    await until(() => expect(messages(records)).toContain('stopped'));

    const lines = records.filter(({ level }) => level === 'debug');
    expect(lines).toHaveLength(3);
    expect(lines[0].fields).toMatchObject({
      host: '127.0.0.1',
      port: String(api.port),
      route: 'direct',
      status: '200',
    });
    expect(JSON.stringify(records)).not.toContain('canary');
  });

  test('each connect is one line with its host', async ({ sandbox, newClient, records }) => {
    sandbox.setRules(['shop.localhost']);
    const session = await newClient({
      ...sandbox.clientOptions,
      pollIntervalMs: 0,
      logLevel: 'debug',
    }).start();
    const { port } = new URL(sandbox.sites['shop.localhost'].https);

    await connect(session, `shop.localhost:${port}`);
    await connect(session, `news.localhost:${port}`);

    const lines = await requestsIn(records, 2);
    expect(lines.map(({ fields }) => fields)).toMatchObject([
      { host: 'shop.localhost', port, route: 'gateway' },
      { host: 'news.localhost', port, route: 'direct' },
    ]);
  });

  test('each connect that has ended is one line', async ({ api, newClient, records }) => {
    const session = await newClient({ logLevel: 'debug' }).start();

    await connect(session, `127.0.0.1:${api.port}`);
    await session.stop();
    await until(() => expect(messages(records)).toContain('stopped'));

    expect(messages(records, 'debug')).toEqual(['connect']);
  });

  test('each connect that fails is one line, with the code', async ({ newClient, records }) => {
    const session = await newClient({ logLevel: 'debug' }).start();
    const port = await freePort();

    const status = await connect(session, `127.0.0.1:${port}`);
    await session.stop();
    await until(() => expect(messages(records)).toContain('stopped'));

    expect(status).toMatch(/^HTTP\/1.1 502 ALUVIA_/);
    const lines = records.filter(({ level }) => level === 'debug');
    expect(lines).toMatchObject([
      { fields: { host: '127.0.0.1', code: expect.stringMatching(/^ALUVIA_/) } },
    ]);
  });

  test('polls that fail again are shown, which are not at info', async ({
    api,
    newClient,
    records,
  }) => {
    await newClient({ logLevel: 'debug', pollIntervalMs: 50 }).start();
    api.answer = (_, response) => send(response, 503, '');

    await until(() => expect(messages(records, 'debug')).toContain('poll failed'));

    expect(messages(records, 'warn')).toHaveLength(1);
  });
});

/** Sends a CONNECT, ends the connection, and returns the status line. */
async function connect(session, target) {
  const socket = net.connect(session.port, session.host);
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  const [head] = await once(socket, 'data');
  socket.destroy();
  return head.toString('latin1').split('\r\n')[0];
}
