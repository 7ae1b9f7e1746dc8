import { once } from 'node:events';
import { expect, test } from 'vitest';
import { testHttpClient } from '../support/http-contract.mjs';
import { curl, describeWith, run, start, versionOf } from '../support/programs.mjs';
import { across, gatewayLog } from '../support/routes.mjs';
import { BY_GATEWAY, DIRECT, setStage } from '../support/stage.mjs';
import { caFile } from '../support/trust.mjs';

const describeCurl = describeWith(curl, 'curl');

const WAYS = [
  { how: 'with a proxy', httpForm: 'absolute', options: [] },
  {
    how: 'with a proxy that it tunnels everything through',
    httpForm: 'connect',
    options: ['--proxytunnel'],
  },
  // Sites of Node.js refuse the protocol `http/1.0` that curl would offer in its TLS handshake.
  { how: 'that speaks HTTP/1.0', httpForm: 'absolute', options: ['--http1.0', '--no-alpn'] },
];

for (const { how, httpForm, options } of WAYS) {
  describeCurl(`curl ${how}`, () => {
    testHttpClient({
      httpForm,
      seesRefusedConnect: failsWithStatus,
      async open({ session, sandbox }) {
        const common = [...options, '--proxy', session.url, '--cacert', await caFile(sandbox.ca)];
        return { send: (url, request) => send(common, url, request) };
      },
    });
  });
}

describeCurl('curl that speaks HTTP/1.0 to its proxy', () => {
  for (const { scheme, secure, way, name, via, gatewayProtocol } of across(['http', 'https'])) {
    test(`gets a page over ${scheme} ${way}`, async () => {
      const { session, sandbox } = await setStage({ gatewayProtocol });
      const url = `${sandbox.sites[name][scheme]}/page`;
      const proxy = ['--proxytunnel', '--proxy1.0', session.url];

      const { status, body } = await send([...proxy, '--cacert', await caFile(sandbox.ca)], url);

      expect(status).toBe(200);
      expect(JSON.parse(body.toString())).toMatchObject({ site: name, via, secure });
      expect(sandbox.gateway.requests).toEqual(gatewayLog(sandbox, { via, form: 'connect', url }));
    });
  }
});

describeCurl('curl that offers HTTP/2 to an http site', () => {
  for (const { way, name, via, gatewayProtocol } of across(['http'])) {
    test(`gets its page in HTTP/1.1 ${way}, and the site sees no offer`, async () => {
      const { session, sandbox } = await setStage({ gatewayProtocol });
      const site = sandbox.sites[name];

      const { status } = await send(['--http2', '--proxy', session.url], `${site.http}/`);

      expect(status).toBe(200);
      expect(site.requests).toMatchObject([{ via }]);
      expect(Object.keys(site.requests[0].headers)).not.toContain('upgrade');
      expect(Object.keys(site.requests[0].headers)).not.toContain('http2-settings');
    });
  }
});

describeCurl('curl that keeps its connection to the proxy', () => {
  test('gets pages from two sites by two routes over it', async () => {
    const { session, sandbox } = await setStage();
    const names = [DIRECT, BY_GATEWAY, DIRECT, BY_GATEWAY];
    const urls = names.map((name) => `${sandbox.sites[name].http}/`);
    const shown = '\n%{num_connects} new\n';

    const { stdout } = await run(curl, ['-sS', '-w', shown, '--proxy', session.url, ...urls]);

    const lines = stdout.toString().trim().split('\n');
    const pages = lines.filter((_, index) => index % 2 === 0).map((line) => JSON.parse(line));
    const connections = lines.filter((_, index) => index % 2 === 1);
    expect(pages.map(({ site }) => site)).toEqual(names);
    expect(pages.map(({ via }) => via)).toEqual(['direct', 'gateway', 'direct', 'gateway']);
    expect(connections).toEqual(['1 new', '0 new', '0 new', '0 new']);
  });
});

describeCurl('curl that is told no address', () => {
  test('shows the reason', async () => {
    const { session, sandbox } = await setStage({ rules: [] });
    const { http, https } = sandbox.sites[BY_GATEWAY].gatewayOnly;

    const [plain, secure] = await Promise.all(
      [http, https].map((url) => run(curl, ['-sS', '-i', '--proxy', session.url, url])),
    );

    expect(plain.stdout.toString()).toMatch(/^HTTP\/1\.1 502 ALUVIA_DNS_FAILED\r\n/);
    expect(secure.stdout.toString()).toMatch(/^HTTP\/1\.1 502 ALUVIA_DNS_FAILED\r\n/);
  });
});

describeCurl('curl as a WebSocket client', () => {
  const knowsWebSocket = curl !== undefined && /^Protocols:.* ws( |$)/m.test(versionOf(curl));

  for (const { scheme, secure, way, name, via, gatewayProtocol } of across(['ws', 'wss'])) {
    test(`gets the greeting over ${scheme} ${way}`, async () => {
      const { session, sandbox } = await setStage({ gatewayProtocol });
      const site = sandbox.sites[name];
      const url = `${site[scheme]}/chat`;
      const greeting = JSON.stringify({ site: name, via, secure });
      const common = ['--proxy', session.url, '--cacert', await caFile(sandbox.ca)];

      const child = start(curl, ['-sSN', ...common, ...(knowsWebSocket ? [url] : handshake(url))]);
      const shown = await waitFor(child.stdout, greeting);

      expect(shown).toContain(greeting);
      expect(site.requests).toMatchObject([{ path: '/chat', via, secure }]);
      expect(sandbox.gateway.requests).toHaveLength(via === 'gateway' ? 1 : 0);
    });
  }
});

/**
 * @param {string[]} common
 * @param {string} url
 * @param {{ method?: string, body?: Buffer }} [request]
 */
async function send(common, url, { method = 'GET', body } = {}) {
  const upload = body ? ['--data-binary', '@-'] : [];
  const args = ['-sS', ...common, '-X', method, ...upload, '-w', '%{stderr}%{http_code}', url];
  const { code, stdout, stderr } = await run(curl, args, body);
  if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
  return { status: Number(stderr), body: stdout };
}

/** @param {Promise<unknown>} sent */
async function failsWithStatus(sent) {
  // 56: a failure to receive, which is what a refused CONNECT counts as.
  await expect(sent).rejects.toThrow(/curl ended with 56: .* 502/);
}

/**
 * What opens a WebSocket in a curl that knows nothing of them: it shows the frames as they are.
 *
 * @param {string} url
 */
function handshake(url) {
  const fields = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  return ['--http1.1', ...fields.flatMap((field) => ['-H', field]), url.replace(/^ws/, 'http')];
}

/**
 * What has come by the time that a text has, or the stream ended.
 *
 * @param {import('node:stream').Readable} stream
 * @param {string} text
 */
async function waitFor(stream, text) {
  let shown = '';
  stream.on('data', (chunk) => {
    shown += chunk;
    if (shown.includes(text)) stream.emit('found');
  });
  await Promise.race([once(stream, 'found'), once(stream, 'end')]);
  return shown;
}
