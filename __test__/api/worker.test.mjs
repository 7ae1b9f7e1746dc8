import { describe, expect } from 'vitest';
import { launch } from '../support/api-process.mjs';
import { freePort, test, until } from '../support/api-test.mjs';

/** Starts a session in a worker; `tell` reports to the main thread. */
const IN_WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const tell = (message) => parentPort.postMessage(message);
  const { AluviaClient } = require(workerData.main);
  const newClient = (options) => new AluviaClient({
    token: 'token-of-the-tests',
    apiBaseUrl: workerData.api,
    pollIntervalMs: 50,
    logLevel: 'debug',
    logger() {},
    ...options,
  });`;

/** In the main thread: makes workers, and looks whether a port is listened on. */
const IN_MAIN = `
  const { once } = require('node:events');
  const net = require('node:net');
  const { Worker } = require('node:worker_threads');
  const main = require.resolve('@aluvia/aluvia-node');
  const newWorker = (script) => new Worker(
    ${JSON.stringify(IN_WORKER)} + '(async () => {' + script + '})();',
    { eval: true, workerData: { main, api: process.env.API } },
  );
  const isListening = (port) => new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); }).on('error', () => resolve(false));
  });
  const untilClosed = async (port) => {
    while (await isListening(port)) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const silent = { logLevel: 'silent' };`;

const launchMain = (script, options) => launch(`${IN_MAIN}${script}`, options);
const inMain = (script, options) => launchMain(script, options).exit;

describe.concurrent('in a worker', () => {
  test('a session runs, and lets the worker end after stop', async ({ api }) => {
    const script = `
      const worker = newWorker("const session = await newClient().start(); tell(session.port); await session.stop(); tell('stopped');");
      const messages = [];
      worker.on('message', (message) => messages.push(typeof message));
      const [code] = await once(worker, 'exit');
      console.log(code, messages.join());`;

    const { code, stdout, stderr } = await inMain(script, { api });

    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '0 number,string\n', stderr: '' });
  });

  test('an open session ends with the worker that is terminated', async ({ api }) => {
    const script = `
      const worker = newWorker('tell((await newClient().start()).port);');
      const [port] = await once(worker, 'message');
      console.log(await isListening(port));
      console.log(await worker.terminate());
      await untilClosed(port);
      console.log('closed');`;

    const { code, stdout, stderr } = await inMain(script, { api });

    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'true\n1\nclosed\n', stderr: '' });
  });

  test('an open session ends with process.exit() of the worker', async ({ api }) => {
    const script = `
      const worker = newWorker('tell((await newClient().start()).port); setTimeout(() => process.exit(7), 50);');
      const [port] = await once(worker, 'message');
      console.log((await once(worker, 'exit'))[0]);
      await untilClosed(port);
      console.log('closed');`;

    const { code, stdout } = await inMain(script, { api });

    expect({ code, stdout }).toEqual({ code: 0, stdout: '7\nclosed\n' });
  });

  test('an uncaught exception ends the worker, and not the process', async ({ api }) => {
    const script = `
      const worker = newWorker("tell((await newClient().start()).port); setTimeout(() => { throw new Error('mine'); }, 50);");
      const failed = new Promise((resolve) => worker.on('error', resolve));
      const port = await new Promise((resolve) => worker.on('message', resolve));
      console.log((await failed).message);
      await untilClosed(port);
      console.log('closed');`;

    const { code, stdout } = await inMain(script, { api });

    expect({ code, stdout }).toEqual({ code: 0, stdout: 'mine\nclosed\n' });
  });

  test('terminate during start leaves nothing that listens, and a process that works', async ({
    api,
  }) => {
    const localPort = await freePort();
    const late = [];
    api.answer = (request, response) => {
      if (request.path === '/v1/late') late.push(response);
      else api.serve(request, response);
    };
    const script = `
      const worker = newWorker("newClient({ configPath: '/late', localPort: ${localPort} }).start(); setTimeout(tell, 100);");
      await once(worker, 'message');
      await worker.terminate();
      const session = await newClient(silent).start();
      console.log(await isListening(session.port));
      await once(process.stdin, 'data');
      console.log(await isListening(${localPort}));
      await session.stop();
      process.stdin.destroy();`;
    const running = launchMain(script, { api });

    await running.hasSaid('true');
    expect(late).toHaveLength(1);
    api.tell(late[0]);
    await until(() => expect(late[0].closed).toBe(true));
    running.child.stdin.write('now');

    expect(await running.exit).toMatchObject({ code: 0, stdout: 'true\nfalse\n', stderr: '' });
  });

  test('a session does not disturb one of the main thread', async ({ api }) => {
    const script = `
      const session = await newClient(silent).start();
      for (let round = 0; round < 3; round += 1) {
        const worker = newWorker('tell((await newClient().start()).port);');
        await once(worker, 'message');
        await worker.terminate();
      }
      console.log(await isListening(session.port));
      const request = require('node:http').get({ port: session.port, path: process.env.API + '/user' });
      const [response] = await once(request, 'response');
      console.log(response.resume().statusCode);
      await session.stop();`;

    const { code, stdout } = await inMain(script, { api });

    expect({ code, stdout }).toEqual({ code: 0, stdout: 'true\n200\n' });
  });

  test('the end of the main thread ends all', async ({ api }) => {
    const script = `
      const worker = newWorker('tell((await newClient().start()).port);');
      await once(worker, 'message');
      process.exit(4);`;

    const { code, stderr } = await inMain(script, { api });

    expect({ code, stderr }).toEqual({ code: 4, stderr: '' });
  });
});
