import { once } from 'node:events';
import net from 'node:net';
import { describe, expect } from 'vitest';
import { launch, run } from '../support/api-process.mjs';
import { isListening, test, until } from '../support/api-test.mjs';

/** Each of these scripts runs in a process of its own: see the prelude in api-process.js. */
const SILENT = "{ logLevel: 'silent' }";

describe.concurrent('an open session', () => {
  test('keeps the process alive', async ({ api }) => {
    const running = launch(`await newClient(${SILENT}).start(); sayStillHere();`, { api });

    await running.hasSaid('still here');

    expect(running.child.exitCode).toBeNull();
    running.child.kill();
    expect(await running.exit).toMatchObject({ signal: 'SIGTERM' });
  });

  test('keeps the process alive also where nothing refers to it', async ({ api }) => {
    const script = `
      require('node:v8').setFlagsFromString('--expose-gc');
      const { port } = await newClient(${SILENT}).start();
      for (let round = 0; round < 5; round += 1) {
        require('node:vm').runInNewContext('gc')();
        await new Promise(setImmediate);
      }
      console.log('port', port, '.');
      sayStillHere();`;
    const running = launch(script, { api });

    await running.hasSaid('still here');

    expect(await isListening(Number(/port (\d+)/.exec(running.stdout)[1]))).toBe(true);
    running.child.kill();
    await running.exit;
  });

  test('lets the process end after unref', async ({ api }) => {
    const script = `const session = await newClient(${SILENT}).start(); console.log(session.unref() === session);`;

    const { code, stdout, stderr } = await run(script, { api });

    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'true\n', stderr: '' });
  });

  test('keeps it alive again after ref', async ({ api }) => {
    const script = `
      const session = await newClient(${SILENT}).start();
      session.unref().ref().unref().unref();
      console.log(session.ref() === session);
      sayStillHere();`;
    const running = launch(script, { api });

    await running.hasSaid('still here');

    expect(running.stdout).toMatch(/^true\n/);
    running.child.kill();
    await running.exit;
  });

  test('serves on after unref, for as long as something else keeps the process', async ({
    api,
  }) => {
    const script = `
      const session = (await newClient(${SILENT}).start()).unref();
      const { port, hostname } = new URL(process.env.API);
      const request = require('node:http').get({ port: session.port, path: process.env.API + '/user' });
      request.on('response', (response) => response.resume().on('end', () => console.log(response.statusCode)));`;

    const { code, stdout } = await run(script, { api });

    expect({ code, stdout }).toEqual({ code: 0, stdout: '200\n' });
  });

  test('that polls lets the process end after unref', async ({ api }) => {
    const script = `(await newClient({ logLevel: 'silent', pollIntervalMs: 50 }).start()).unref();
      setTimeout(() => {}, 150);`;

    const { code } = await run(script, { api });

    expect(code).toBe(0);
    expect(api.polls.length).toBeGreaterThan(1);
  });
});

describe.concurrent('a process ends by itself', () => {
  test.for([
    ['after stop', 'const session = await client.start(); await session.stop();'],
    ['after stop of the client', 'await client.start(); await client.stop();'],
    ['after stop that nobody waits for', '(await client.start()).stop();'],
    [
      'after stop with a connection that is kept',
      `
      const session = await client.start();
      require('node:net').connect(session.port).on('error', () => {}).on('connect', () => session.stop());`,
    ],
    [
      'after stop of an agent that was used',
      `
      const session = await client.start();
      const agent = session.asNodeAgent();
      const request = require('node:http').get(process.env.API + '/user', { agent });
      request.on('response', (response) => response.resume().on('end', () => session.stop()));`,
    ],
    [
      'after ref of a session that was stopped',
      '(await client.start()).ref().close().then(() => {});',
    ],
    [
      'after ref and stop',
      'const session = await client.start(); await session.stop(); session.ref();',
    ],
    ['with a client that was never started', ''],
    ['after an update', "await client.updateRules(['a.example']);"],
    ['after rules were tried', "require('@aluvia/aluvia-node').shouldProxy('a', ['*']);"],
    [
      'after a start that was cancelled by stop',
      'const failed = client.start().catch(() => {}); await client.stop(); await failed;',
    ],
    [
      'after a start that was cancelled by its signal',
      `
      const signal = AbortSignal.timeout(50);
      await client.start({ signal }).catch(({ name }) => { if (name !== 'AbortError') throw name; });`,
    ],
  ])('%s', async ([name, script], { api }) => {
    if (name.includes('signal')) api.hang();

    const { code, stderr } = await run(`const client = newClient(${SILENT});${script}`, { api });

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('after a start that has failed', async ({ api }) => {
    api.answer = (_, response) => response.writeHead(500).end();
    const script = `await newClient(${SILENT}).start().catch(({ name }) => console.log(name));`;

    const { code, stdout } = await run(script, { api });

    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ApiError\n' });
  });
});

describe.concurrent('a process waits', () => {
  test.for([
    [
      'a start',
      "await newClient({ logLevel: 'silent' }).start().then((session) => session.stop()); console.log('done');",
    ],
    ['an update', "await newClient().updateRules(['a']); console.log('done');"],
  ])('for %s that is under way', async ([, script], { api }) => {
    const answer = api.answer;
    api.answer = (...exchange) => setTimeout(() => answer(...exchange), 200);

    const { code, stdout } = await run(script, { api });

    expect({ code, stdout }).toEqual({ code: 0, stdout: 'done\n' });
  });

  test('for a stop that drains', async ({ api }) => {
    const script = `
      const session = await newClient({ logLevel: 'silent', drainTimeoutMs: 10000 }).start();
      const request = require('node:http').get({ port: session.port, path: process.env.API + '/slow' });
      request.on('error', (error) => console.log(error.code));
      request.on('response', (response) => console.log(response.statusCode));
      setTimeout(() => session.stop().then(() => console.log('stopped')), 100);`;
    api.answer = (request, response) => {
      if (request.path === '/v1/slow') setTimeout(() => api.tell(response), 300);
      else api.tell(response);
    };

    const { code, stdout } = await run(script, { api });

    expect({ code, lines: stdout.trim().split('\n').sort() }).toEqual({
      code: 0,
      lines: ['200', 'stopped'],
    });
  });
});

describe.concurrent('with an open session', () => {
  /** Holds a connect that stands, one that is on its way, and a request without an answer. */
  const BUSY = `
    const net = require('node:net');
    const session = await newClient({ logLevel: 'debug', logger() {} }).start();
    const { host } = new URL(process.env.API);
    const ask = (text) => net.connect(session.port, '127.0.0.1').on('error', () => {}).end(text);
    const connect = (target) => 'CONNECT ' + target + ' HTTP/1.1\\r\\nHost: ' + target + '\\r\\n\\r\\n';
    const standing = net.connect(session.port, '127.0.0.1');
    standing.on('error', () => {}).write(connect(host));
    ask('GET ' + process.env.API + '/hang HTTP/1.1\\r\\nHost: ' + host + '\\r\\n\\r\\n');
    await new Promise((resolve) => standing.once('data', resolve));
    console.log('busy');`;
  const hangOnly = (api) => {
    api.answer = (request, response) => {
      if (request.path !== '/v1/hang') api.serve(request, response);
    };
  };

  test('process.exit(3) ends the process with 3, quickly', async ({ api }) => {
    hangOnly(api);
    const running = launch(`${BUSY} process.stdout.write('now\\n', () => process.exit(3));`, {
      api,
    });
    await running.hasSaid('now');
    const before = performance.now();

    const { code, stderr } = await running.exit;

    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    expect(performance.now() - before).toBeLessThan(2000);
  });

  test('a handler of exit may call everything, and changes nothing', async ({ api }) => {
    const script = `
      const client = newClient(${SILENT});
      const session = await client.start();
      process.on('exit', () => {
        session.stop();
        client.start();
        client.updateRules(['a.example']);
        newClient(${SILENT}).start();
      });
      process.exit(3);`;

    const { code, stdout, stderr } = await run(script, { api });

    expect({ code, stdout, stderr }).toEqual({ code: 3, stdout: '', stderr: '' });
  });

  test('an uncaught exception ends it with 1 and is shown', async ({ api }) => {
    hangOnly(api);

    const { code, stderr } = await run(
      `${BUSY} setTimeout(() => { throw new Error('mine'); }, 1);`,
      { api },
    );

    expect(code).toBe(1);
    expect(stderr).toContain('Error: mine');
  });

  test.for(['SIGTERM', 'SIGINT', 'SIGHUP'])(
    '%s ends it, and closes the port',
    async (signal, { api }) => {
      hangOnly(api);
      const running = launch(`${BUSY} console.log('port', session.port, '.');`, { api });
      await running.hasSaid(' .');

      running.child.kill(signal);

      expect(await running.exit).toMatchObject({ code: null, signal, stderr: '' });
      expect(await isListening(Number(/port (\d+)/.exec(running.stdout)[1]))).toBe(false);
    },
  );

  test('a handler of SIGTERM may stop it', async ({ api }) => {
    const script = `
      const session = await newClient(${SILENT}).start();
      process.once('SIGTERM', () => session.stop().then(() => console.log('stopped')));
      console.log('ready');`;
    const running = launch(script, { api });
    await running.hasSaid('ready');

    running.child.kill('SIGTERM');

    expect(await running.exit).toMatchObject({ code: 0, signal: null, stdout: 'ready\nstopped\n' });
  });
});

describe.concurrent('a start that nobody catches', () => {
  test('shows the class, the code and the line of the caller', async ({ api }) => {
    api.answer = (_, response) => response.writeHead(403).end('{"error":"go away"}');

    const { code, stderr } = await run('await newClient().start();', { api });

    expect(code).toBe(1);
    expect(stderr).toContain('InvalidUserTokenError: ');
    expect(stderr).toContain('go away');
    expect(stderr).toContain("code: 'ALUVIA_INVALID_USER_TOKEN'");
    expect(stderr).toContain('statusCode: 403');
    expect(stderr).toMatch(/InvalidUserTokenError: .*\n\s+at \[eval\]/);
  });
});

test('a port that the system forbids is a ProxyStartError', async ({ api, skip }) => {
  const script = `
    const client = newClient({ logLevel: 'silent', localPort: 1 });
    process.setgroups([]); process.setgid(65534); process.setuid(65534);
    await client.start().then(() => console.log('allowed'), ({ name, cause }) => console.log(name, cause.code));`;
  if (process.getuid?.() !== 0) skip('only root can become somebody else');

  const { stdout } = await run(script, { api });

  if (stdout === 'allowed\n') skip('this system lets everybody listen on low ports');
  expect(stdout).toBe('ProxyStartError EACCES\n');
});

test('a proxy in the environment is not used for the API', async ({ api }) => {
  const proxy = 'http://127.0.0.1:1';
  const env = {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    ALL_PROXY: proxy,
    http_proxy: proxy,
    all_proxy: proxy,
  };

  const { code } = await run(`(await newClient(${SILENT}).start()).stop();`, { api, env });

  expect(code).toBe(0);
  expect(api.requests).toHaveLength(1);
});

test('a connection to the proxy is closed when the process ends', async ({ api }) => {
  const script = `
    const session = await newClient(${SILENT}).start();
    process.stdin.once('data', () => process.exit());
    console.log('port', session.port, '.');`;
  const running = launch(script, { api });
  await running.hasSaid(' .');
  const socket = net.connect(Number(/port (\d+)/.exec(running.stdout)[1]), '127.0.0.1');
  await once(socket, 'connect');
  const closed = once(
    socket.resume().on('error', () => {}),
    'close',
  );

  running.child.stdin.write('now');

  await closed;
  await running.exit;
  await until(() => expect(running.code).toBe(0));
});
