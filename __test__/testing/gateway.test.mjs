import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { startSandbox } from '../../lib/testing/index.js';
import {
  absoluteText,
  authorization,
  basic,
  callApi,
  collect,
  connectText,
  converse,
  expectedBytes,
  nodeGet,
  proxy,
  SHOP,
  test,
  upgradeText,
} from '../support/sandbox-test.mjs';

describe('the gateway', () => {
  test('takes a CONNECT to a site, and the site knows', async ({ sandbox, shop }) => {
    const proxied = proxy(sandbox);

    const answer = await proxied(`${shop.https}/a?b=c`);
    const plain = await proxied(`${shop.http}/`);

    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({
      site: SHOP,
      path: '/a?b=c',
      method: 'GET',
      via: 'gateway',
      secure: true,
    });
    expect(answer.headers).not.toHaveProperty('x-aluvia-sandbox-route');
    expect(plain.json()).toMatchObject({ via: 'gateway', secure: false });
    expect(sandbox.gateway.requests[0]).toEqual({
      kind: 'connect',
      method: 'CONNECT',
      host: SHOP,
      port: Number(new URL(shop.https).port),
      path: null,
      username: sandbox.api.config.proxy_username,
      status: 200,
      time: expect.any(Number),
    });
  });

  test('takes absolute-form, and marks it both ways', async ({ sandbox, shop }) => {
    const proxied = proxy(sandbox, { proxyTunnel: false });

    const answer = await proxied(`${shop.http}/a?b=c`);

    expect(answer.headers['x-aluvia-sandbox-route']).toBe('gateway');
    expect(answer.json()).toMatchObject({ path: '/a?b=c', via: 'gateway', secure: false });
    expect(answer.json().headers['x-aluvia-sandbox-route']).toBe('gateway');
    expect(sandbox.gateway.requests).toMatchObject([
      { kind: 'http', method: 'GET', host: SHOP, path: '/a?b=c', status: 200 },
    ]);
  });

  test('knows names that nobody else does', async ({ sandbox, shop }) => {
    const proxied = proxy(sandbox);

    const answer = await proxied(`${shop.gatewayOnly.https}/`);

    expect(answer.json()).toMatchObject({ site: SHOP, via: 'gateway', secure: true });
    expect(answer.json().headers.host).toMatch(/^shop\.test:/);
    expect(sandbox.gateway.requests[0].host).toBe('shop.test');
  });

  test('can speak TLS', async () => {
    const sandbox = await startSandbox({ gatewayProtocol: 'https' });
    const shop = sandbox.sites[SHOP];

    const connect = await proxy(sandbox)(`${shop.https}/bytes/300000`);
    const absolute = await proxy(sandbox, { proxyTunnel: false })(`${shop.http}/`);
    sandbox.gateway.fail({ kind: 'reset' });
    const failed = proxy(sandbox)(`${shop.https}/`);

    expect(connect.bytes.equals(expectedBytes(300_000))).toBe(true);
    expect(absolute.json().via).toBe('gateway');
    await expect(failed).rejects.toThrow();
    await sandbox.stop();
  });

  test('passes fields on byte for byte, but for those of one connection', async ({
    sandbox,
    shop,
  }) => {
    const text = absoluteText(sandbox, `${shop.http}/`, [
      'x-LOWER: 1',
      'Connection: close, X-Private',
      'X-Private: secret',
      'TE: trailers',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'X-Twice: 1',
      'X-Twice: 2',
    ]);

    await converse(sandbox.gateway.port, text.replace(/\r\nHost: .*/, '\r\nHost: evil.example'));

    expect(shop.requests[0].rawHeaders).toEqual([
      ...['Host', new URL(shop.http).host],
      ...['x-LOWER', '1'],
      ...['X-Twice', '1'],
      ...['X-Twice', '2'],
      ...['X-Aluvia-Sandbox-Route', 'gateway'],
      ...['Connection', 'close'],
    ]);
  });

  test('serves several requests on one connection', async ({ sandbox, shop }) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

    const ports = [];
    for (const path of ['/chunked/3', '/status/204', '/bytes/9', '/']) {
      const answer = await nodeGet(sandbox, `${shop.http}${path}`, { agent });
      ports.push(answer.port);
    }

    expect(new Set(ports).size).toBe(1);
    expect(sandbox.gateway.requests.map(({ status }) => status)).toEqual([200, 204, 200, 200]);
    agent.destroy();
  });

  test.for(['absolute-form', 'CONNECT'])(
    'streams %s both ways',
    async (form, { sandbox, shop }) => {
      const head = `Host: ${SHOP}\r\nTransfer-Encoding: chunked\r\n`;
      const socket = net.connect(sandbox.gateway.port, '127.0.0.1');
      const received = collect(socket);

      if (form === 'CONNECT') {
        socket.write(connectText(sandbox, new URL(shop.http).host));
        await received.until(/200 Connection established\r\n\r\n$/);
        socket.write(`POST /echo HTTP/1.1\r\n${head}\r\n`);
      } else {
        socket.write(`POST ${shop.http}/echo HTTP/1.1\r\n${head}${authorization(sandbox)}\r\n`);
      }
      await received.until(/application\/octet-stream/);
      socket.write('5\r\nfirst\r\n');
      await received.until(/first/);
      socket.write('6\r\nsecond\r\n0\r\n\r\n');

      await received.until(/second\r\n0\r\n\r\n$/);
      socket.destroy();
    },
  );

  test('passes events on as they come', async ({ sandbox, shop }) => {
    const socket = net.connect(sandbox.gateway.port, '127.0.0.1');
    const received = collect(socket);

    socket.write(absoluteText(sandbox, `${shop.http}/sse`));
    await received.until(/{"n":1}/);

    expect(received.text).not.toContain('{"n":2}');
    await received.until(/{"n":3}/);
    socket.destroy();
  });

  test('lets one side of a CONNECT end before the other', async ({ sandbox, shop }) => {
    const socket = net.connect({
      port: sandbox.gateway.port,
      host: '127.0.0.1',
      allowHalfOpen: true,
    });
    const received = collect(socket);
    socket.write(connectText(sandbox, new URL(shop.http).host));
    await received.until(/established/);

    socket.end(`GET /bytes/5000000 HTTP/1.1\r\nHost: ${SHOP}\r\nConnection: close\r\n\r\n`);
    await once(socket, 'end');

    const body = received.bytes().subarray(-5_000_000);
    expect(body.equals(expectedBytes(5_000_000))).toBe(true);
  });

  test('takes what a client sends along with its CONNECT', async ({ sandbox, shop }) => {
    const early = `GET /early HTTP/1.1\r\nHost: ${SHOP}\r\nConnection: close\r\n\r\n`;

    const { text } = await converse(
      sandbox.gateway.port,
      connectText(sandbox, new URL(shop.http).host) + early,
    );

    expect(text).toContain('"path":"/early"');
  });

  test('large bodies arrive whole', async ({ sandbox, shop }) => {
    const proxied = proxy(sandbox, { proxyTunnel: false });
    const body = expectedBytes(3_000_000);

    const down = await proxied(`${shop.http}/bytes/3000000`);
    const up = await proxied(`${shop.http}/echo`, { method: 'POST', body });

    expect(down.bytes.equals(body)).toBe(true);
    expect(up.bytes.equals(body)).toBe(true);
  });

  test.for([
    ['no credentials', () => ''],
    ['a wrong password', ({ proxy_username }) => basic(proxy_username, 'wrong')],
    ['a wrong user', ({ proxy_password }) => basic('wrong', proxy_password)],
    ['another scheme', () => 'Proxy-Authorization: Bearer abc\r\n'],
  ])('answers 407 to %s', async ([, credentials], { sandbox, shop }) => {
    const field = credentials(sandbox.api.config);
    const host = new URL(shop.https).host;

    const connect = await converse(
      sandbox.gateway.port,
      `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n`,
    );
    const absolute = await converse(
      sandbox.gateway.port,
      `GET ${shop.http}/ HTTP/1.1\r\nHost: ${SHOP}\r\nConnection: close\r\n${field}\r\n`,
    );

    for (const { text } of [connect, absolute]) {
      expect(text).toMatch(/^HTTP\/1.1 407 Proxy Authentication Required\r\n/);
      expect(text).toMatch(/\r\nProxy-Authenticate: Basic realm=/);
    }
    expect(shop.requests).toEqual([]);
    expect(sandbox.gateway.requests).toMatchObject([{ status: 407 }, { status: 407 }]);
  });

  test('new credentials replace the old ones at once', async ({ sandbox, shop }) => {
    const old = proxy(sandbox, { proxyTunnel: false });
    const { headers } = await callApi(sandbox);

    sandbox.rotateCredentials();

    await expect(old(`${shop.http}/`)).rejects.toThrow('407');
    expect((await proxy(sandbox, { proxyTunnel: false })(`${shop.http}/`)).status).toBe(200);
    const known = { 'If-None-Match': headers.etag };
    expect((await callApi(sandbox, { headers: known })).status).toBe(200);
  });

  test.for([
    ['CONNECT', 'shop.localhost:443', 502],
    ['CONNECT', 'localhost:HTTP', 502],
    ['CONNECT', '127.0.0.1:HTTP', 502],
    ['CONNECT', 'example.com:HTTPS', 502],
    ['CONNECT', '[::1]:HTTPS', 502],
    ['CONNECT', 'shop.localhost', 400],
    ['CONNECT', 'shop.localhost:99999', 400],
    ['GET', 'http://shop.localhost/', 502],
    ['GET', 'http://shop.localhost:HTTPS/', 502],
    ['GET', 'http://example.com:HTTP/', 502],
    ['GET', 'https://shop.localhost:HTTPS/', 400],
    ['GET', 'http://user@shop.localhost:HTTP/', 400],
    ['GET', '/', 400],
  ])('goes nowhere else: %s %s is a %i', async ([method, target, status], { sandbox, shop }) => {
    const place = target
      .replace('HTTPS', new URL(shop.https).port)
      .replace('HTTP', new URL(shop.http).port);

    const { text } = await converse(
      sandbox.gateway.port,
      `${method} ${place} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${authorization(sandbox)}\r\n`,
    );

    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(sandbox.gateway.requests).toMatchObject([{ method, status }]);
  });

  test('survives clients that leave at any moment', async ({ sandbox, shop }) => {
    const texts = [
      connectText(sandbox),
      connectText(sandbox, new URL(shop.http).host),
      absoluteText(sandbox, `${shop.http}/slow/30`),
      absoluteText(sandbox, `${shop.http}/bytes/50000000`),
      upgradeText(sandbox, shop.http),
      'POST',
    ];
    for (const text of texts) {
      for (const moment of [0, 2, 10]) {
        const socket = net.connect(sandbox.gateway.port, '127.0.0.1').on('error', () => {});
        socket.write(text);
        await sleep(moment);
        socket.resetAndDestroy();
      }
    }

    expect((await proxy(sandbox)(`${shop.https}/`)).status).toBe(200);
  });
});
