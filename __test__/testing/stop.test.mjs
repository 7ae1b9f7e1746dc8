import { once } from 'node:events';
import net from 'node:net';
import { describe, expect } from 'vitest';
import { startSandbox } from '../../lib/testing/index.js';
import {
  absoluteText,
  apiRequestText,
  callApi,
  connectThrough,
  eventually,
  runScript,
  SHOP,
  test,
  upgradeText,
} from '../support/sandbox-test.mjs';

describe('stop()', () => {
  test('closes every socket, whatever it is doing, and may be called again', async () => {
    const sandbox = await startSandbox();
    const shop = sandbox.sites[SHOP];
    const { port } = sandbox.gateway;
    sandbox.api.fail({ kind: 'hang' });
    const sockets = [
      await connectThrough(sandbox, new URL(shop.https).host),
      net.connect(new URL(sandbox.api.baseUrl).port, '127.0.0.1'),
      net.connect(port, '127.0.0.1'),
      net.connect(port, '127.0.0.1'),
      net.connect(new URL(shop.https).port, '127.0.0.1'),
    ];
    for (const socket of sockets) socket.on('error', () => {}).resume();
    sockets[1].write(apiRequestText(sandbox));
    sockets[2].write(absoluteText(sandbox, `${shop.http}/slow/60000`));
    sockets[3].write(upgradeText(sandbox, shop.http));
    await eventually(() => shop.requests.length === 2 && sandbox.api.requests.length === 1);

    const closed = sockets.map((socket) => once(socket, 'close'));
    await Promise.all([sandbox.stop(), sandbox.stop()]);
    await sandbox.stop();

    await Promise.all(closed);
    await expect(connectThrough(sandbox, 'x')).rejects.toThrow('ECONNREFUSED');
  });

  test('is what `await using` calls', async () => {
    const sandbox = await startSandbox();

    await sandbox[Symbol.asyncDispose]();

    await expect(callApi(sandbox)).rejects.toThrow();
  });

  test('is what keeps a process from ending, and leaves nothing behind', async () => {
    const output = await runScript(`
      const { host } = new URL(sandbox.sites['shop.localhost'].http);
      const { proxy_username, proxy_password } = sandbox.api.config;
      const basic = Buffer.from(proxy_username + ':' + proxy_password).toString('base64');
      const socket = net.connect(sandbox.gateway.port, '127.0.0.1').on('error', () => {}).resume();
      socket.write('CONNECT ' + host + ' HTTP/1.1\\r\\nProxy-Authorization: Basic ' + basic +
        '\\r\\n\\r\\nGET /slow/60000 HTTP/1.1\\r\\nHost: ' + host + '\\r\\n\\r\\n');
      while (sandbox.sites['shop.localhost'].requests.length === 0) await sleep(5);
      await sandbox.stop();
      await sleep(50);
      print(openResources());
    `);

    expect(output).toBe('none');
  });

  test('is not needed to be rid of clients that leave, be it during the handshake', async () => {
    const output = await runScript(`
      const { port } = new URL(sandbox.sites['shop.localhost'].https);
      for (let i = 0; i < 30; i += 1) {
        const socket = i % 2 === 0
          ? tls.connect({ port, host: '127.0.0.1', ca: sandbox.ca, servername: 'shop.localhost' })
          : net.connect(port, '127.0.0.1');
        socket.on('error', () => {}).resume().write('GET / HTTP/1.1');
        setTimeout(() => socket.destroy(), i / 2);
      }
      await sleep(200);
      print(openResources());
      await sandbox.stop();
    `);

    expect(output).toBe(Array(4).fill('TCPServerWrap').join());
  });
});
