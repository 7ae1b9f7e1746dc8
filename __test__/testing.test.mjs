import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Agent, ProxyAgent, request } from 'undici';
import { test as base, describe, expect } from 'vitest';
import WebSocket from 'ws';
import { startSandbox } from '../lib/testing/index.js';

const SHOP = 'shop.localhost';

const test = base.extend({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the pattern to find dependencies
  sandbox: async ({}, use) => {
    const sandbox = await startSandbox({ rules: [SHOP] });
    await use(sandbox);
    await sandbox.stop();
  },
  shop: async ({ sandbox }, use) => use(sandbox.sites[SHOP]),
  direct: async ({ sandbox }, use) => {
    const agent = new Agent({ connect: { ca: sandbox.ca, lookup: loopback } });
    await use((url, options) => ask(url, { ...options, dispatcher: agent }));
    await agent.destroy();
  },
});

describe('options', () => {
  test.each([
    [null, 'options'],
    ['rules', 'options'],
    [{ rule: [] }, '"rule"'],
    [{ rules: 'shop.localhost' }, '"rules"'],
    [{ rules: [1] }, '"rules"'],
    [{ sites: [] }, '"sites"'],
    [{ sites: ['shop.example'] }, '"sites"'],
    [{ sites: ['localhost'] }, '"sites"'],
    [{ sites: ['Shop.localhost'] }, '"sites"'],
    [{ sites: ['-.localhost'] }, '"sites"'],
    [{ sites: [SHOP, SHOP] }, '"sites"'],
    [{ gatewayProtocol: 'socks5' }, '"gatewayProtocol"'],
    [{ token: '' }, '"token"'],
    [{ token: 'two words' }, '"token"'],
  ])('%j are refused, naming the culprit', async (options, culprit) => {
    const started = startSandbox(options);

    await expect(started).rejects.toThrow(TypeError);
    await expect(started).rejects.toThrow(culprit);
  });

  test('every option has a default', async ({ sandbox }) => {
    expect(Object.keys(sandbox.sites)).toEqual([SHOP, 'news.localhost', 'api.localhost']);
    expect(sandbox.clientOptions).toEqual({
      token: 'sandbox-token',
      apiBaseUrl: sandbox.api.baseUrl,
      gatewayProtocol: 'http',
      gatewayHost: '127.0.0.1',
      gatewayPort: sandbox.gateway.port,
      ca: sandbox.ca,
      pollIntervalMs: 100,
    });
  });

  test('sites, rules and token are those asked for', async () => {
    const sandbox = await startSandbox({ sites: ['a.b.localhost'], rules: ['*'], token: 'tok' });

    expect(sandbox.sites['a.b.localhost'].gatewayOnly.name).toBe('a.b.test');
    expect(sandbox.api.config.rules).toEqual(['*']);
    expect(sandbox.clientOptions.token).toBe('tok');
    await sandbox.stop();
  });
});

describe('the API', () => {
  test('tells the configuration, and 304 as long as it is the same', async ({ sandbox }) => {
    const first = await callApi(sandbox);
    const known = { 'If-None-Match': first.headers.etag };
    const second = await callApi(sandbox, { headers: known });
    sandbox.setRules(['*.test']);
    const third = await callApi(sandbox, { headers: known });

    expect(first.status).toBe(200);
    expect(first.json()).toEqual({
      data: {
        proxy_username: expect.stringMatching(/^sandbox-/),
        proxy_password: expect.any(String),
        rules: [SHOP],
        session_id: null,
        target_geo: null,
      },
    });
    expect(second).toMatchObject({ status: 304, text: '' });
    expect(second.headers.etag).toBe(first.headers.etag);
    expect(third.status).toBe(200);
    expect(third.json().data.rules).toEqual(['*.test']);
    expect(third.headers.etag).not.toBe(first.headers.etag);
  });

  test('finds its tag in a list of weak ones', async ({ sandbox }) => {
    const { headers } = await callApi(sandbox);
    const list = `"other", W/${headers.etag}`;

    expect((await callApi(sandbox, { headers: { 'If-None-Match': list } })).status).toBe(304);
  });

  test('changes rules and session, and answers with the whole', async ({ sandbox }) => {
    const rules = await patch(sandbox, { rules: ['*', '-api.localhost'] });
    const session = await patch(sandbox, { session_id: 'abc' });

    expect(rules.status).toBe(200);
    expect(rules.json().data).toMatchObject({ rules: ['*', '-api.localhost'], session_id: null });
    expect(session.json().data).toMatchObject({
      rules: ['*', '-api.localhost'],
      session_id: 'abc',
      proxy_username: sandbox.api.config.proxy_username,
    });
    expect(session.headers.etag).toBe((await callApi(sandbox)).headers.etag);
  });

  test.for([
    [422, { rules: 'shop.localhost' }],
    [422, { rules: [1] }],
    [422, { session_id: 7 }],
    [422, { rules: ['a'], session_id: null }],
    [422, []],
    [400, '{"rules":'],
  ])('answers %i to the change %j, and changes nothing', async ([status, body], { sandbox }) => {
    const before = sandbox.api.config;

    const answer = await patch(sandbox, body);

    expect(answer.status).toBe(status);
    expect(answer.json()).toEqual({ error: { message: expect.any(String) } });
    expect(sandbox.api.config).toEqual(before);
  });

  test.for([
    [401, { headers: { Authorization: 'Bearer wrong' } }],
    [401, { headers: { Authorization: '' } }],
    [404, { path: '/users' }],
    [405, { method: 'DELETE' }],
  ])('answers %i to %j', async ([status, options], { sandbox }) => {
    const answer = await callApi(sandbox, options);

    expect(answer.status).toBe(status);
    expect(answer.json()).toEqual({ error: { message: expect.any(String) } });
  });

  test('logs requests, with nothing left out', async ({ sandbox }) => {
    await callApi(sandbox);
    await patch(sandbox, { session_id: 'abc' });

    expect(sandbox.api.requests).toMatchObject([
      { method: 'GET', path: '/v1/user', body: '', status: 200, time: expect.any(Number) },
      { method: 'PATCH', path: '/v1/user', body: '{"session_id":"abc"}', status: 200 },
    ]);
    expect(sandbox.api.requests[0].headers.authorization).toBe('Bearer sandbox-token');
  });

  test('its configuration can be looked at, not changed', async ({ sandbox }) => {
    sandbox.api.config.rules.push('*');

    expect(sandbox.api.config.rules).toEqual([SHOP]);
  });

  test('setRules takes an array of strings only', async ({ sandbox }) => {
    expect(() => sandbox.setRules('*')).toThrow(/"rules"/);
    expect(sandbox.api.config.rules).toEqual([SHOP]);
  });
});

describe('a failure', () => {
  test('is a 503 until told otherwise', async ({ sandbox }) => {
    sandbox.api.fail({});
    const failed = [await callApi(sandbox), await callApi(sandbox)];
    sandbox.api.succeed();
    const served = await callApi(sandbox);

    expect(failed.map(({ status }) => status)).toEqual([503, 503]);
    expect(failed[0].json()).toEqual({ error: { message: expect.any(String) } });
    expect(served.status).toBe(200);
  });

  test('has the status, fields and body asked for', async ({ sandbox }) => {
    sandbox.api.fail({ status: 429, headers: { 'Retry-After': '7' }, body: { wait: true } });
    const json = await callApi(sandbox);
    sandbox.api.fail({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' });
    const text = await callApi(sandbox);
    sandbox.api.fail({ status: 304, headers: { ETag: '"x"' } });
    const empty = await callApi(sandbox);

    expect(json).toMatchObject({ status: 429, headers: { 'retry-after': '7' } });
    expect(json.json()).toEqual({ wait: true });
    expect(text).toMatchObject({ text: '<html>', headers: { 'content-type': 'text/html' } });
    expect(empty).toMatchObject({ status: 304, text: '', headers: { etag: '"x"' } });
  });

  test('can be meant for one method, a number of times', async ({ sandbox }) => {
    sandbox.api.fail({ method: 'patch', times: 2 });

    expect((await callApi(sandbox)).status).toBe(200);
    expect((await patch(sandbox, {})).status).toBe(503);
    expect((await callApi(sandbox)).status).toBe(200);
    expect((await patch(sandbox, {})).status).toBe(503);
    expect((await patch(sandbox, {})).status).toBe(200);
  });

  test('can be a mere delay', async ({ sandbox }) => {
    sandbox.api.fail({ kind: 'delay', delayMs: 60 });
    const started = performance.now();

    const answer = await callApi(sandbox);

    expect(answer.status).toBe(200);
    expect(performance.now() - started).toBeGreaterThan(55);
  });

  test('can come late', async ({ sandbox }) => {
    sandbox.api.fail({ kind: 'reset', delayMs: 60 });
    const started = performance.now();

    await expect(callApi(sandbox)).rejects.toThrow();

    expect(performance.now() - started).toBeGreaterThan(55);
  });

  test.each([
    [null, 'object'],
    [{ kind: 'explode' }, '"kind"'],
    [{ status: 101 }, '"status"'],
    [{ status: '503' }, '"status"'],
    [{ headers: { 'a b': 'c' } }, '"headers"'],
    [{ headers: { a: 'b\r\nc: d' } }, '"headers"'],
    [{ body: 5 }, '"body"'],
    [{ method: 7 }, '"method"'],
    [{ times: 0 }, '"times"'],
    [{ delayMs: -1 }, '"delayMs"'],
    [{ everyMs: 0 }, '"everyMs"'],
    [{ after: 3 }, '"after"'],
  ])('%j is refused, naming the culprit', async (failure, culprit) => {
    const sandbox = await startSandbox();

    expect(() => sandbox.api.fail(failure)).toThrow(TypeError);
    expect(() => sandbox.gateway.fail(failure)).toThrow(culprit);
    expect((await callApi(sandbox)).status).toBe(200);
    await sandbox.stop();
  });

  // What a client sees of each kind, in each of the places where it can happen.
  const places = {
    'the API': (sandbox) => [new URL(sandbox.api.baseUrl).port, apiRequestText(sandbox)],
    'absolute-form': (sandbox) => [
      sandbox.gateway.port,
      absoluteText(sandbox, `${sandbox.sites[SHOP].http}/`, ['Connection: close']),
    ],
    CONNECT: (sandbox) => [sandbox.gateway.port, connectText(sandbox)],
    'an upgrade': (sandbox) => [
      sandbox.gateway.port,
      upgradeText(sandbox, sandbox.sites[SHOP].http),
    ],
  };

  const kinds = [
    [
      { kind: 'status', status: 418 },
      { text: /^HTTP\/1.1 418 /, ending: 'close', status: 418 },
    ],
    [{ kind: 'reset' }, { text: /^$/, ending: 'ECONNRESET', status: null }],
    [{ kind: 'hang' }, { text: /^$/, ending: 'still open', status: null }],
    [{ kind: 'garbage' }, { text: /^\0/, ending: 'close', status: null }],
    [
      { kind: 'drip', status: 200, body: 'drop', everyMs: 1 },
      { text: /^HTTP\/1.1 200 OK\r\n.*\r\ndrop$/s, ending: 'close', status: 200 },
    ],
    [
      { kind: 'drip', everyMs: 150 },
      { text: /^HT?$/, ending: 'still open', status: 503 },
    ],
  ];

  for (const [place, told] of Object.entries(places)) {
    test.for(kinds)(`at ${place}: %j`, async ([failure, expected], { sandbox }) => {
      sandbox.api.fail(failure);
      sandbox.gateway.fail(failure);
      const patience = expected.ending === 'still open' ? 250 : 4000;

      const { text, ending } = await converse(...told(sandbox), patience);

      expect(text).toMatch(expected.text);
      expect(ending).toBe(expected.ending);
      const [entry] = [...sandbox.api.requests, ...sandbox.gateway.requests];
      expect(entry.status).toBe(expected.status);
    });
  }
});

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

describe('a site', () => {
  test('describes what it got, and logs it', async ({ shop, direct }) => {
    const plain = await direct(`${shop.http}/a?b=c`, { headers: { 'X-Mine': '1' } });
    const secure = await direct(`${shop.https}/`, { method: 'POST', body: 'hello' });

    expect(plain.json()).toEqual({
      site: SHOP,
      path: '/a?b=c',
      method: 'GET',
      via: 'direct',
      secure: false,
      headers: expect.objectContaining({ 'x-mine': '1' }),
    });
    expect(secure.json()).toMatchObject({ method: 'POST', via: 'direct', secure: true });
    expect(plain.headers).not.toHaveProperty('x-aluvia-sandbox-route');
    expect(shop.requests).toMatchObject([plain.json(), secure.json()]);
    expect(shop.requests[0].rawHeaders).toContain('X-Mine');
  });

  test('is not deceived about the route', async ({ sandbox, shop, direct }) => {
    const forged = { 'X-Aluvia-Sandbox-Route': 'gateway' };
    const proxied = proxy(sandbox);

    const vias = [];
    for (let i = 0; i < 20; i += 1) {
      const ask = i % 2 === 0 ? direct : proxied;
      const url = i % 4 < 2 ? shop.http : shop.https;
      vias.push((await ask(`${url}/`, { headers: forged, reset: i % 3 === 0 })).json().via);
    }

    expect(vias).toEqual(Array.from({ length: 20 }, (_, i) => (i % 2 ? 'gateway' : 'direct')));
  });

  test('is told apart by Host, whatever the address', async ({ sandbox, direct }) => {
    const { port } = new URL(sandbox.sites[SHOP].http);

    const news = await direct(`http://127.0.0.1:${port}/`, { headers: { host: 'NEWS.localhost' } });
    const first = await direct(`http://127.0.0.1:${port}/`);
    const unknown = await direct(`http://127.0.0.1:${port}/`, { headers: { host: 'x.example' } });

    expect(news.json().site).toBe('news.localhost');
    expect(first.json().site).toBe(SHOP);
    expect(unknown.status).toBe(421);
    expect(sandbox.sites['news.localhost'].requests).toHaveLength(1);
  });

  test('shows a page to those who prefer one', async ({ shop, direct }) => {
    const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    const asked = async (accept) => {
      const { headers } = await direct(`${shop.http}/<b>`, { headers: { accept } });
      return headers['content-type'].split(';')[0];
    };

    const { text } = await direct(`${shop.http}/%3Cb%3E?<i>`, { headers: { accept: browser } });
    expect(text).toContain(`<h1>${SHOP}</h1>`);
    expect(text).toContain('data-via="direct"');
    expect(text).not.toContain('<i>');
    expect(await asked(browser)).toBe('text/html');
    expect(await asked('text/*')).toBe('text/html');
    expect(await asked('*/*')).toBe('application/json');
    expect(await asked('text/html;q=0.5, application/json')).toBe('application/json');
    expect(await asked('application/json')).toBe('application/json');
  });

  test('echoes with the type it was sent', async ({ shop, direct }) => {
    const headers = { 'content-type': 'text/x-mine' };

    const answer = await direct(`${shop.https}/echo?x`, { method: 'PUT', body: 'hello', headers });

    expect(answer).toMatchObject({ status: 200, text: 'hello', headers });
  });

  test('sends bytes that are known beforehand', async ({ shop, direct }) => {
    const some = await direct(`${shop.http}/bytes/100000`);
    const none = await direct(`${shop.http}/bytes/0`);
    const head = await direct(`${shop.http}/bytes/5`, { method: 'HEAD' });

    expect(some.bytes.equals(expectedBytes(100_000))).toBe(true);
    expect(some.headers['content-length']).toBe('100000');
    expect(none).toMatchObject({ text: '', headers: { 'content-length': '0' } });
    expect(head).toMatchObject({ text: '', headers: { 'content-length': '5' } });
  });

  test('sends chunks, each on its own', async ({ shop }) => {
    const { text } = await converse(
      new URL(shop.http).port,
      `GET /chunked/3 HTTP/1.1\r\nHost: ${SHOP}\r\nConnection: close\r\n\r\n`,
    );

    expect(text).toMatch(/8\r\nchunk 1\n\r\n8\r\nchunk 2\n\r\n8\r\nchunk 3\n\r\n0\r\n\r\n$/);
  });

  test('sends events, statuses, and late answers', async ({ shop, direct }) => {
    const events = await direct(`${shop.http}/sse`);
    const teapot = await direct(`${shop.http}/status/418`);
    const moved = await direct(`${shop.http}/status/302`);
    const started = performance.now();
    const late = await direct(`${shop.http}/slow/60`);

    expect(events.headers['content-type']).toBe('text/event-stream');
    expect(events.text.match(/data: .*/g)).toHaveLength(3);
    expect(teapot.status).toBe(418);
    expect(moved).toMatchObject({ status: 302, headers: { location: '/' } });
    expect(late.json().path).toBe('/slow/60');
    expect(performance.now() - started).toBeGreaterThan(55);
  });

  test.for([
    ['/status/99', 400],
    ['/status/999', 400],
    ['/status/abc', 200],
    ['/constructor/1', 200],
    ['/bytes/1e3', 200],
    ['/bytes', 200],
  ])('%s is a %i', async ([path, status], { shop, direct }) => {
    expect((await direct(`${shop.http}${path}`)).status).toBe(status);
  });
});

describe('a WebSocket', () => {
  const ways = {
    'direct, ws': (_sandbox, shop) => open(`${shop.ws}/chat`, { lookup: loopback }),
    'direct, wss': (sandbox, shop) =>
      open(`${shop.wss}/chat`, { lookup: loopback, ca: sandbox.ca }),
    'CONNECT, wss': async (sandbox, shop) => {
      const { host, hostname } = new URL(shop.wss);
      const socket = await connectThrough(sandbox, host);
      const secure = tls.connect({ socket, servername: hostname, ca: sandbox.ca });
      return open(`${shop.wss}/chat`, { createConnection: () => secure });
    },
    'CONNECT, ws': async (sandbox, shop) => {
      const socket = await connectThrough(sandbox, new URL(shop.ws).host);
      return open(`${shop.ws}/chat`, { createConnection: () => socket });
    },
    'absolute-form, ws': (sandbox, shop) =>
      open(`${shop.ws}/chat`, {
        lookup: loopback,
        finishRequest: (request) => {
          request.path = `${shop.http}/chat`;
          request.setHeader('Proxy-Authorization', authorization(sandbox).split(': ')[1].trim());
          request.end();
        },
        createConnection: () => net.connect(sandbox.gateway.port, '127.0.0.1'),
      }),
  };

  for (const [way, connect] of Object.entries(ways)) {
    test(`${way}: greets, and sends everything back`, async ({ sandbox, shop }) => {
      const { socket, next, upgrade } = await connect(sandbox, shop);

      expect(JSON.parse(await next())).toEqual({
        site: SHOP,
        via: way.startsWith('direct') ? 'direct' : 'gateway',
        secure: way.endsWith('wss'),
      });
      for (const message of ['', 'ö'.repeat(10), 'x'.repeat(125), 'x'.repeat(126)]) {
        socket.send(message);
        expect(await next()).toBe(message);
      }
      for (const length of [65_535, 65_536, 2_000_000]) {
        socket.send(expectedBytes(length));
        expect((await next()).equals(expectedBytes(length))).toBe(true);
      }
      socket.ping('are you there');
      expect(String((await once(socket, 'pong'))[0])).toBe('are you there');
      socket.close(4321, 'bye');
      expect((await once(socket, 'close'))[0]).toBe(4321);

      const isAbsolute = way.startsWith('absolute');
      expect(upgrade.headers['x-aluvia-sandbox-route']).toBe(isAbsolute ? 'gateway' : undefined);
      expect(shop.requests).toMatchObject([{ method: 'GET', path: '/chat' }]);
      if (isAbsolute)
        expect(sandbox.gateway.requests[0]).toMatchObject({ kind: 'http', status: 101 });
    });
  }

  test('puts fragments together, with a ping in between', async ({ shop }) => {
    const { socket, next } = await open(`${shop.ws}/`, { lookup: loopback });
    await next();

    socket.send('one ', { fin: false });
    socket.ping();
    socket.send('two ', { fin: false });
    socket.send('three', { fin: true });

    expect(await next()).toBe('one two three');
    socket.terminate();
  });

  test('keeps up with many messages at once', async ({ shop }) => {
    const { socket, next } = await open(`${shop.ws}/`, { lookup: loopback });
    await next();

    for (let i = 0; i < 2000; i += 1) socket.send(`${i} ${'x'.repeat(1000)}`);

    for (let i = 0; i < 2000; i += 1) expect(await next()).toMatch(new RegExp(`^${i} x`));
    socket.terminate();
  });

  test('takes a subprotocol that is offered', async ({ shop }) => {
    const { socket } = await open(`${shop.ws}/`, { lookup: loopback }, ['chat', 'other']);

    expect(socket.protocol).toBe('chat');
    socket.terminate();
  });

  test.for([
    ['a frame without a mask', [0x81, 0x01, 0x61], 1002],
    ['a reserved bit', [0xc1, 0x80, 0, 0, 0, 0], 1002],
    ['an unknown opcode', [0x83, 0x80, 0, 0, 0, 0], 1002],
    ['an unknown control opcode', [0x8b, 0x80, 0, 0, 0, 0], 1002],
    ['a continuation of nothing', [0x80, 0x80, 0, 0, 0, 0], 1002],
    ['a message within a message', [0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0], 1002],
    ['a ping in fragments', [0x09, 0x80, 0, 0, 0, 0], 1002],
    ['a ping that is too long', [0x89, 0xfe, 0, 126], 1002],
    ['text that is not UTF-8', [0x81, 0x81, 0, 0, 0, 0, 0xff], 1007],
    ['a message without end', [0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0], 1009],
    ['a close without a code', [0x88, 0x80, 0, 0, 0, 0], undefined],
  ])('%s closes it', async ([, bytes, code], { shop }) => {
    const { host, port } = new URL(shop.http);
    const head = upgradeHead(`GET / HTTP/1.1\r\nHost: ${host}\r\n`);

    const { bytes: received } = await converse(port, [Buffer.from(head), Buffer.from(bytes)]);

    const close = code === undefined ? [0x88, 0] : [0x88, 2, code >> 8, code & 0xff];
    expect([...received.subarray(-close.length)]).toEqual(close);
  });

  test.for([
    ['websocket', ['Sec-WebSocket-Version: 8'], 426],
    ['websocket', ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: short'], 426],
    ['h2c', [], 400],
  ])('an upgrade to %s with %j is a %i', async ([protocol, fields, status], { sandbox, shop }) => {
    const extra = [...fields, 'Connection: Upgrade', `Upgrade: ${protocol}`];
    const text = `GET / HTTP/1.1\r\nHost: ${SHOP}\r\n${extra.join('\r\n')}\r\n\r\n`;

    const straight = await converse(new URL(shop.http).port, text);
    const proxied = await converse(
      sandbox.gateway.port,
      absoluteText(sandbox, `${shop.http}/`, extra),
    );

    expect(straight.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(proxied.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(proxied.text).toMatch(/error/);
  });
});

describe('certificates', () => {
  test('have what RFC 5280 asks for', async ({ sandbox, shop }) => {
    const authority = new X509Certificate(sandbox.ca);
    const server = new X509Certificate((await handshake(sandbox, shop)).raw);

    expect(authority.ca).toBe(true);
    expect(authority.verify(authority.publicKey)).toBe(true);
    expect(server.ca).toBe(false);
    expect(server.verify(authority.publicKey)).toBe(true);
    expect(server.checkIssued(authority)).toBe(true);
    expect(server.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    for (const name of [SHOP, 'shop.test', 'news.localhost', 'api.test', 'localhost']) {
      expect(server.checkHost(name)).toBe(name);
    }
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(server.checkHost('other.localhost')).toBeUndefined();
    expect(new Date(server.validFrom).getTime()).toBeLessThan(Date.now() - 3_500_000);
    const days = (new Date(server.validTo).getTime() - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThan(30.1);
  });

  test('are accepted by those who trust the authority, and by nobody else', async ({
    sandbox,
    shop,
  }) => {
    await expect(handshake(sandbox, shop)).resolves.toMatchObject({ subject: {} });
    await expect(handshake(sandbox, shop, { ca: undefined })).rejects.toThrow();
    const other = await startSandbox();
    await expect(handshake(sandbox, shop, { ca: other.ca })).rejects.toThrow();
    await other.stop();
  });

  test.skipIf(spawnSync('openssl', ['version']).status !== 0)(
    'pass the strict checks of OpenSSL, time after time',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'aluvia-sandbox-'));
      const openssl = (...args) => execFileSync('openssl', args, { cwd: folder }).toString();
      // Serial numbers, keys and signatures are random, and so is the length of their encodings.
      for (let round = 0; round < 10; round += 1) {
        const sandbox = await startSandbox();
        const { raw } = await handshake(sandbox, sandbox.sites[SHOP]);
        await sandbox.stop();
        writeFileSync(join(folder, 'ca.pem'), sandbox.ca);
        writeFileSync(join(folder, 'server.pem'), new X509Certificate(raw).toString());

        for (const name of ['shop.localhost', 'shop.test']) {
          const checks = ['-x509_strict', '-purpose', 'sslserver', '-verify_hostname', name];
          expect(openssl('verify', ...checks, '-CAfile', 'ca.pem', 'server.pem')).toMatch(/: OK/);
        }
        expect(openssl('verify', '-x509_strict', '-CAfile', 'ca.pem', 'ca.pem')).toMatch(/: OK/);
      }
      const authority = openssl('x509', '-in', 'ca.pem', '-noout', '-text');
      expect(authority).toMatch(/Basic Constraints: critical\s+CA:TRUE/);
      expect(authority).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/);
      expect(authority).toMatch(/Subject Key Identifier/);
      const server = openssl('x509', '-in', 'server.pem', '-noout', '-text');
      expect(server).toMatch(/Version: 3/);
      expect(server).toMatch(/Key Usage: critical\s+Digital Signature/);
      expect(server).toMatch(/Extended Key Usage:\s+TLS Web Server Authentication/);
      expect(server).toMatch(/Authority Key Identifier/);
      rmSync(folder, { recursive: true });
    },
  );
});

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

/**
 * Runs code beside a fresh sandbox in a process of its own, which has to end by itself.
 * @returns what it has printed
 */
async function runScript(code) {
  const library = fileURLToPath(new URL('../lib/testing/index.js', import.meta.url));
  const script = `
    const net = require('node:net');
    const tls = require('node:tls');
    const sleep = require('node:util').promisify(setTimeout);
    const print = (text) => process.stdout.write(text);
    const isOpen = (resource) => !['PipeWrap', 'Timeout'].includes(resource);
    const openResources = () => process.getActiveResourcesInfo().filter(isOpen).join() || 'none';
    require(${JSON.stringify(library)}).startSandbox().then(async (sandbox) => {${code}});`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], {
    timeout: 10_000,
  });
  return stdout;
}

/** The whole of an answer, the body as `bytes`, `text` or `json()`. */
async function ask(url, options) {
  const { statusCode, headers, body } = await request(url, options);
  const bytes = Buffer.from(await body.arrayBuffer());
  const text = bytes.toString();
  return { status: statusCode, headers, bytes, text, json: () => JSON.parse(text) };
}

function callApi(sandbox, { path = '/user', headers, ...options } = {}) {
  const authorization = { Authorization: `Bearer ${sandbox.token}`, ...headers };
  return ask(`${sandbox.api.baseUrl}${path}`, { ...options, reset: true, headers: authorization });
}

function patch(sandbox, change) {
  const body = typeof change === 'string' ? change : JSON.stringify(change);
  return callApi(sandbox, { method: 'PATCH', body });
}

/** A way to ask through the sandbox's gateway, with the credentials of this moment. */
function proxy({ gateway, ca, api }, options) {
  const { proxy_username, proxy_password } = api.config;
  const dispatcher = new ProxyAgent({
    uri: `${gateway.protocol}://${gateway.host}:${gateway.port}`,
    token: basic(proxy_username, proxy_password).split(': ')[1].trim(),
    requestTls: { ca },
    proxyTls: { ca, servername: 'localhost' },
    ...options,
  });
  return (url, requestOptions) => ask(url, { ...requestOptions, dispatcher });
}

/** With node:http, which shows the connection that was used. */
async function nodeGet(sandbox, url, options) {
  const [name, value] = authorization(sandbox).trim().split(': ');
  const { hostname: host, port } = new URL(`http://127.0.0.1:${sandbox.gateway.port}`);
  const asked = http.get({ host, port, path: url, headers: { [name]: value }, ...options });
  const [answer] = await once(asked, 'response');
  const localPort = answer.socket.localPort;
  answer.resume();
  await once(answer, 'end');
  return { status: answer.statusCode, port: localPort };
}

/** Says something to a port, and listens until the other side has nothing more to say. */
async function converse(port, said, patience = 4000) {
  const socket = net.connect(port, '127.0.0.1');
  const received = collect(socket);
  for (const part of [said].flat()) socket.write(part);
  const over = once(socket, 'close').then(
    () => 'close',
    (error) => error.code,
  );
  const ending = await Promise.race([over, sleep(patience, 'still open', { ref: false })]);
  socket.destroy();
  return { ending, text: received.text, bytes: received.bytes() };
}

function collect(socket) {
  const chunks = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  return {
    bytes: () => Buffer.concat(chunks),
    get text() {
      return Buffer.concat(chunks).toString('latin1');
    },
    until(pattern) {
      return eventually(() => pattern.test(this.text));
    },
  };
}

async function eventually(isTrue) {
  const patience = performance.now() + 4000;
  while (!isTrue()) {
    if (performance.now() > patience) throw new Error(`It never came true: ${isTrue}`);
    await sleep(2);
  }
}

function connectText(sandbox, host = new URL(sandbox.sites[SHOP].https).host) {
  return `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n${authorization(sandbox)}\r\n`;
}

function absoluteText(sandbox, url, fields = []) {
  const lines = [`GET ${url} HTTP/1.1`, `Host: ${SHOP}`, ...fields];
  return `${lines.join('\r\n')}\r\n${authorization(sandbox)}\r\n`;
}

function upgradeText(sandbox, origin) {
  return upgradeHead(`GET ${origin}/ HTTP/1.1\r\nHost: ${SHOP}\r\n${authorization(sandbox)}`);
}

function upgradeHead(head) {
  const key = Buffer.alloc(16).toString('base64');
  return `${head}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
}

function apiRequestText(sandbox) {
  return `GET /v1/user HTTP/1.1\r\nHost: api\r\nConnection: close\r\nAuthorization: Bearer ${sandbox.token}\r\n\r\n`;
}

function authorization({ api }) {
  return basic(api.config.proxy_username, api.config.proxy_password);
}

function basic(username, password) {
  const credentials = Buffer.from(`${username}:${password}`).toString('base64');
  return `Proxy-Authorization: Basic ${credentials}\r\n`;
}

async function connectThrough(sandbox, host) {
  const socket = net.connect(sandbox.gateway.port, '127.0.0.1');
  socket.write(connectText(sandbox, host));
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1.1 200 /);
  return socket;
}

/** An open WebSocket, and `next()` for one message after the other. */
async function open(url, options, protocols = []) {
  const socket = new WebSocket(url, protocols, options);
  const messages = [];
  socket.on('message', (data, isBinary) => messages.push(isBinary ? data : String(data)));
  const [[upgrade]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')]);
  const next = async () => {
    await eventually(() => messages.length > 0);
    return messages.shift();
  };
  return { socket, next, upgrade };
}

/** The certificate that a site shows, once it has been verified. */
async function handshake(sandbox, site, options) {
  const { hostname, port } = new URL(site.https);
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    servername: hostname,
    ca: sandbox.ca,
    ...options,
  });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerCertificate();
  socket.destroy();
  return certificate;
}

function expectedBytes(length) {
  return Buffer.alloc(length, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
}

/** Resolves every name to this machine. */
function loopback(_hostname, options, callback) {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
}
