import http from 'node:http';
import { text } from 'node:stream/consumers';
import { ProxyAgent, fetch as undiciFetch } from 'undici';
import { describe, expect, onTestFinished } from 'vitest';
import { connectHead, speak, startOrigin } from '../support/api-connect.mjs';
import { AluviaClient, InvalidOptionError } from '../support/api-package.mjs';
import {
  test as base,
  freePort,
  isAluviaError,
  messages,
  thrownBy,
  until,
} from '../support/api-test.mjs';
import { curl, describeWith, run } from '../support/programs.mjs';
import { BY_GATEWAY } from '../support/stage.mjs';

/** With `start`, which makes a session of the sandbox whose rules send the site through the gateway. */
const test = base.extend({
  start: async ({ sandbox, newClient }, use) => {
    sandbox.setRules([BY_GATEWAY]);
    await use((options) =>
      newClient({
        ...sandbox.clientOptions,
        pollIntervalMs: 0,
        connectTimeoutMs: 300,
        ...options,
      }).start(),
    );
  },
});

/** Ways in which the gateway is out of order. */
const FAULTS = [
  ['refuses connections', async () => ({ gatewayPort: await freePort() })],
  ['resets them', (gateway) => gateway.fail({ kind: 'reset' })],
  ['does not answer', (gateway) => gateway.fail({ kind: 'hang' })],
  ['talks nonsense', (gateway) => gateway.fail({ kind: 'garbage' })],
  ['does not accept the credentials', (gateway) => gateway.fail({ status: 407 })],
];

/**
 * How clients ask for an http URL; each throws or gets a 5xx where the gateway fails. A request that they do not tunnel has left
 * once there is a connection to the gateway.
 */
const CLIENTS = [
  ['node:http', { ask: (session, url) => visitWith({ agent: session.asNodeAgent() }, url) }],
  ['node:http without a tunnel', { ask: absoluteForm, leaves: true }],
  ['undici', { ask: undici }],
  ['curl', { ask: (session, url) => curlWith([], session, url), leaves: true }],
  ['curl that tunnels', { ask: (session, url) => curlWith(['--proxytunnel'], session, url) }],
];

const ANSWER = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\ndirect';

/** A site with `connections`, which nobody can count better than its server. */
async function startSite() {
  const site = await startOrigin((socket) => {
    socket.once('data', () => socket.end(ANSWER));
  });
  return { url: `http://${BY_GATEWAY}:${site.port}/`, connections: site.sockets };
}

for (const [name, { ask, leaves = false }] of CLIENTS) {
  const describeClient = name.startsWith('curl') ? describeWith(curl, 'curl') : describe;

  describeClient(`with the gateway out of order, ${name}`, () => {
    test.for(FAULTS)('never goes direct: it %s', async ([, spoil], { sandbox, start }) => {
      const session = await start(await spoil(sandbox.gateway));
      const site = await startSite();

      const { status } = await ask(session, site.url).catch(() => ({ status: 'failed' }));

      expect([502, 504, 'failed']).toContain(status);
      expect(site.connections).toEqual([]);
    });

    test.for(leaves ? FAULTS.slice(0, 1) : FAULTS)(
      "goes direct with 'direct', with one warning: it %s",
      async ([, spoil], { sandbox, start, records }) => {
        const failing = await spoil(sandbox.gateway);
        const session = await start({ ...failing, onGatewayFailure: 'direct' });
        const site = await startSite();

        for (let n = 1; n <= 3; n += 1) {
          expect(await ask(session, site.url)).toEqual({ status: 200, body: 'direct' });
        }

        expect(site.connections.length).toBeGreaterThan(0);
        await until(() => expect(messages(records, 'warn')).toHaveLength(1));
        expect(messages(records, 'warn')[0]).toMatch(/gateway is out of order.* direct/);
      },
    );
  });
}

describe("with 'direct'", () => {
  test('the gateway is used again, and said to work, when it does', async ({
    sandbox,
    start,
    records,
  }) => {
    const session = await start({ onGatewayFailure: 'direct' });
    const url = `${sandbox.sites[BY_GATEWAY].http}/`;
    const ask = async () => JSON.parse((await CLIENTS[0][1].ask(session, url)).body).via;
    const news = () =>
      messages(records).filter(
        (message) => message.includes('gateway') && /order|again/.test(message),
      );

    const ways = [];
    for (const outage of [false, true, true, false, false, true, false]) {
      if (outage) sandbox.gateway.fail({ status: 407 });
      else sandbox.gateway.succeed();
      session.asNodeAgent().destroy();
      ways.push(await ask());
    }

    expect(ways).toEqual([
      'gateway',
      'direct',
      'direct',
      'gateway',
      'gateway',
      'direct',
      'gateway',
    ]);
    const [broken, works] = [/out of order/, /works again/].map((said) =>
      expect.stringMatching(said),
    );
    await until(() => expect(news()).toEqual([broken, works, broken, works]));
    expect(messages(records, 'info')).toContainEqual(works);
  });

  test('a request whose bytes have left is not sent again', async ({ sandbox, start }) => {
    const session = await start({ onGatewayFailure: 'direct' });
    const site = await startSite();
    sandbox.gateway.fail({ kind: 'reset' });
    const post = [`POST ${site.url} HTTP/1.1`, `Host: ${new URL(site.url).host}`];

    const request = `${post.join('\r\n')}\r\nContent-Length: 4\r\n\r\npaid`;
    const { socket, head } = await speak(session, request);
    socket.destroy();

    expect(head).toMatch(/^HTTP\/1\.1 50[24] ALUVIA_GATEWAY_/);
    expect(sandbox.gateway.requests).toHaveLength(1);
    expect(site.connections).toEqual([]);
  });

  test('what the gateway says of a site is not taken for its own failure', async ({
    sandbox,
    start,
    records,
  }) => {
    const session = await start({ onGatewayFailure: 'direct' });
    const site = await startSite();
    sandbox.gateway.fail({ status: 502 });

    const { socket, head } = await speak(session, connectHead(new URL(site.url).host));
    socket.destroy();

    expect(head).toMatch(/^HTTP\/1\.1 502 /);
    expect(site.connections).toEqual([]);
    expect(messages(records, 'warn')).toEqual([]);
  });
});

test.for(['', 'Direct', 'open', 'fail '])(
  'a value that is none is an error that names the option: %j',
  (onGatewayFailure) => {
    const error = thrownBy(() => new AluviaClient({ token: 'x', onGatewayFailure }));

    isAluviaError(error, InvalidOptionError, 'ALUVIA_INVALID_OPTION');
    expect(error.message).toContain('onGatewayFailure');
  },
);

describe('a gateway that is spoken to in the clear', () => {
  test.for([
    ['another host', { gatewayHost: 'gateway.example' }, 1],
    ['another address', { gatewayHost: '192.0.2.1', gatewayProtocol: 'http' }, 1],
    ['the default host', { gatewayHost: undefined }, 1],
    ['another host over TLS', { gatewayHost: 'gateway.example', gatewayProtocol: 'https' }, 0],
    ['the default host over TLS', { gatewayHost: undefined, gatewayProtocol: 'https' }, 0],
    ['127.0.0.1', { gatewayHost: '127.0.0.1' }, 0],
    ['127.1.2.3', { gatewayHost: '127.1.2.3' }, 0],
    ['::1', { gatewayHost: '::1' }, 0],
    ['localhost', { gatewayHost: 'localhost' }, 0],
  ])(
    'is warned of where it is not on this machine: %s',
    async ([, options, warnings], { newClient, records }) => {
      const client = newClient(options);

      for (let n = 0; n < 3; n += 1) await (await client.start()).stop();
      await until(() =>
        expect(messages(records).filter((said) => said === 'stopped').length).toBe(3),
      );

      const hint = expect.stringContaining("gatewayProtocol: 'https'");
      expect(messages(records, 'warn')).toEqual(Array(warnings).fill(hint));
    },
  );
});

/** One request of node:http. */
function visitWith(options, url) {
  return new Promise((resolve, reject) => {
    const { host: Host, hostname: host, port } = new URL(url);
    http
      .get({ host, port, path: '/', ...options, headers: { Host } }, async (response) => {
        resolve({ status: response.statusCode, body: await text(response) });
      })
      .on('error', reject);
  });
}

/** One that the proxy is asked for itself. */
function absoluteForm({ host, port }, url) {
  return visitWith({ host, port, path: url, agent: false }, url);
}

/** The same of undici, which tunnels. */
async function undici(session, url) {
  const dispatcher = new ProxyAgent({ uri: session.url, proxyTunnel: true });
  onTestFinished(() => dispatcher.destroy());
  const response = await undiciFetch(url, { dispatcher });
  return { status: response.status, body: await response.text() };
}

/** The same of curl. */
async function curlWith(options, session, url) {
  const common = ['-sS', '--proxy', session.url, '-w', '%{stderr}%{http_code}'];
  const { code, stdout, stderr } = await run(curl, [...common, ...options, url]);
  if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
  return { status: Number(stderr), body: stdout.toString() };
}
