import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { describe, expect } from 'vitest';
import {
  absoluteText,
  authorization,
  connectThrough,
  converse,
  expectedBytes,
  loopback,
  open,
  SHOP,
  test,
  upgradeHead,
} from '../support/sandbox-test.mjs';

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
