/** What every driver of Chromium has to get from a session. */

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { bytesOfSite, LARGE, summary } from './payload.mjs';
import { BY_GATEWAY, DIRECT, setStage, startStage } from './stage.mjs';

/** What Chromium needs to run as root and on a machine without a display, and to be quiet. */
export const CHROMIUM_ARGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking'];

/**
 * Whatever Chromium asks the Internet for nevertheless goes to the gateway of the sandbox, which
 * refuses it. Names of loopback, as sites have, are not covered by the `*`.
 */
export const BROWSER_RULES = ['*', BY_GATEWAY];

/**
 * @typedef {Awaited<ReturnType<typeof startStage>>} Stage
 * @typedef {import('playwright-core').Page | import('puppeteer-core').Page} Page
 *
 * @typedef {object} Browser
 * @property {() => Promise<Page>} newPage one that shares no connection with other pages
 * @property {() => Promise<void>} close
 */

/**
 * @param {object} contract
 * @param {(session: Stage['session']) => Promise<Browser>} contract.launch trusts any certificate
 */
export function testBrowser({ launch }) {
  /** @type {Stage} */
  let stage;
  /** @type {Browser} */
  let browser;

  beforeAll(async () => {
    stage = await startStage({ rules: BROWSER_RULES });
    browser = await launch(stage.session);
  });

  afterAll(async () => {
    await browser?.close();
    await stage?.stop();
  });

  /** A new page, and what has been seen of it since. */
  async function given() {
    const { sites, gateway } = stage.sandbox;
    const before = {
      [GATEWAY]: gateway.requests.length,
      [BY_GATEWAY]: sites[BY_GATEWAY].requests.length,
      [DIRECT]: sites[DIRECT].requests.length,
    };
    return {
      page: await browser.newPage(),
      sites,
      seenBySite: (name) => sites[name].requests.slice(before[name]).filter(isNoIcon),
      // The browser opens more connections than it needs, as it pleases.
      seenByGateway: () => {
        const seen = gateway.requests.slice(before[GATEWAY]).filter(isForSite).filter(isNoIcon);
        return distinct(seen.map(withoutTime));
      },
    };
  }

  /** Changes the rules until the test is over. */
  async function changeRules(rules) {
    onTestFinished(() => stage.changeRules(BROWSER_RULES));
    await stage.changeRules(rules);
  }

  /** What the gateway's log has of one URL, however often. */
  function gatewayLog({ via, url, method = 'GET' }) {
    if (via === 'direct') return [];
    const { protocol, hostname: host, port, pathname } = new URL(url);
    const username = stage.sandbox.api.config.proxy_username;
    const common = { host, port: Number(port), username, status: 200 };
    if (protocol === 'http:') return [{ ...common, kind: 'http', method, path: pathname }];
    return [{ ...common, kind: 'connect', method: 'CONNECT', path: null }];
  }

  for (const { scheme, secure, webSocket, way, name, via } of CASES) {
    test(`opens a page over ${scheme} ${way}`, async () => {
      const { page, sites, seenBySite, seenByGateway } = await given();
      const url = `${sites[name][scheme]}/page`;

      const response = await page.goto(url);
      const shown = await viaOf(page);

      expect(response.status()).toBe(200);
      expect(shown).toBe(via);
      expect(seenBySite(name)).toMatchObject([{ method: 'GET', path: '/page', via, secure }]);
      expect(seenByGateway()).toEqual(gatewayLog({ via, url }));
    });

    test(`talks over ${webSocket} ${way}`, async () => {
      const { page, sites, seenBySite, seenByGateway } = await given();
      const url = `${sites[name][webSocket]}/chat`;
      await page.goto(`${sites[name][scheme]}/page`);

      const { greeting, echo, closed } = await page.evaluate(talk, url);

      expect(JSON.parse(greeting)).toEqual({ site: name, via, secure });
      expect(echo).toBe('grüß dich');
      expect(closed).toEqual({ code: 1000, wasClean: true });
      expect(seenBySite(name)).toMatchObject([{ path: '/page' }, { path: '/chat', via, secure }]);
      expect(seenByGateway()).toEqual(
        distinct([
          ...gatewayLog({ via, url: `${sites[name][scheme]}/page` }),
          // Chromium asks for a CONNECT, whatever the scheme.
          ...gatewayLog({ via, url: url.replace('ws:', 'wss:') }),
        ]),
      );
    });

    test(`downloads a large file over ${scheme} ${way}, whole`, async () => {
      const { page, sites, seenBySite, seenByGateway } = await given();
      const path = `/bytes/${LARGE}`;
      await page.goto(`${sites[name][scheme]}/page`);

      const downloaded = await page.evaluate(download, path);

      expect(downloaded).toEqual(summary(bytesOfSite(LARGE)));
      expect(seenBySite(name)).toMatchObject([{ path: '/page' }, { path, via, secure }]);
      expect(seenByGateway()).toEqual(
        distinct([
          ...gatewayLog({ via, url: `${sites[name][scheme]}/page` }),
          ...gatewayLog({ via, url: sites[name][scheme] + path }),
        ]),
      );
    });

    test(`uploads a large file over ${scheme} ${way}, whole`, async () => {
      const { page, sites, seenBySite, seenByGateway } = await given();
      await page.goto(`${sites[name][scheme]}/page`);

      const { sent, returned } = await page.evaluate(upload, UPLOAD);

      expect(sent.length).toBe(UPLOAD);
      expect(returned).toEqual(sent);
      expect(seenBySite(name)).toMatchObject([
        { path: '/page' },
        { method: 'POST', path: '/echo', via, secure },
      ]);
      expect(seenByGateway()).toEqual(
        distinct([
          ...gatewayLog({ via, url: `${sites[name][scheme]}/page` }),
          ...gatewayLog({ via, url: `${sites[name][scheme]}/echo`, method: 'POST' }),
        ]),
      );
    });
  }

  for (const scheme of ['http', 'https']) {
    test(`loads what a page has from two sites, over ${scheme}, by two routes at once`, async () => {
      const { page, sites, seenBySite, seenByGateway } = await given();
      await page.goto(`${sites[DIRECT][scheme]}/page`);
      const parts = Array.from({ length: 12 }, (_, n) => `/slow/50?part=${n}`);
      const images = [DIRECT, BY_GATEWAY].flatMap((name) =>
        parts.map((path) => `<img src="${sites[name][scheme]}${path}">`),
      );

      await page.setContent(images.join(''), { waitUntil: 'load' });

      const bySite = (name) => seenBySite(name).filter(({ path }) => path !== '/page');
      const paths = (name) => bySite(name).map(({ path }) => path);
      expect(paths(DIRECT).sort()).toEqual([...parts].sort());
      expect(paths(BY_GATEWAY).sort()).toEqual([...parts].sort());
      expect(new Set(bySite(DIRECT).map(({ via }) => via))).toEqual(new Set(['direct']));
      expect(new Set(bySite(BY_GATEWAY).map(({ via }) => via))).toEqual(new Set(['gateway']));
      expect(new Set(seenByGateway().map(({ host }) => host))).toEqual(new Set([BY_GATEWAY]));
    });

    test(`reaches a name that only the gateway knows over ${scheme} with the rule *`, async () => {
      const { page, sites, seenBySite, seenByGateway } = await given();
      const url = `${sites[BY_GATEWAY].gatewayOnly[scheme]}/page`;

      const response = await page.goto(url);

      expect(response.status()).toBe(200);
      expect(seenBySite(BY_GATEWAY)).toMatchObject([{ path: '/page', via: 'gateway' }]);
      expect(seenByGateway()).toEqual(gatewayLog({ via: 'gateway', url }));
    });
  }

  test('is told over http that such a name has no address without the gateway', async () => {
    const { page, sites, seenBySite, seenByGateway } = await given();
    const { name, http } = sites[BY_GATEWAY].gatewayOnly;
    await changeRules([...BROWSER_RULES, `-${name}`]);

    const response = await page.goto(`${http}/page`);

    expect(response.status()).toBe(502);
    expect(response.statusText()).toBe('ALUVIA_DNS_FAILED');
    expect(seenBySite(BY_GATEWAY)).toEqual([]);
    expect(seenByGateway()).toEqual([]);
  });

  test('fails over https for such a name without the gateway', async () => {
    const { page, sites, seenBySite, seenByGateway } = await given();
    const { name, https } = sites[BY_GATEWAY].gatewayOnly;
    await changeRules([...BROWSER_RULES, `-${name}`]);

    const opened = page.goto(`${https}/page`);

    await expect(opened).rejects.toThrow('ERR_TUNNEL_CONNECTION_FAILED');
    expect(seenBySite(BY_GATEWAY)).toEqual([]);
    expect(seenByGateway()).toEqual([]);
  });

  test('obeys changed rules from the next navigation on', async () => {
    const { page, sites, seenBySite, seenByGateway } = await given();
    const url = `${sites[DIRECT].http}/page`;

    await page.goto(url);
    await changeRules([...BROWSER_RULES, DIRECT]);
    await page.goto(url);
    await stage.changeRules(BROWSER_RULES);
    await page.goto(url);

    expect(seenBySite(DIRECT).map(({ via }) => via)).toEqual(['direct', 'gateway', 'direct']);
    expect(seenByGateway()).toEqual(gatewayLog({ via: 'gateway', url }));
  });

  // Sites can be reached without a proxy too: this shows that the direct ones above were not.
  test('reaches no site once the session has stopped', async () => {
    const { session, sandbox } = await setStage();
    const site = sandbox.sites[DIRECT];
    const other = await launch(session);
    onTestFinished(() => other.close());
    const page = await other.newPage();
    await page.goto(site.http);

    await session.stop();
    const opened = [];
    for (const url of [site.http, site.https])
      opened.push(...(await Promise.allSettled([page.goto(url)])));

    const refused = { reason: { message: expect.stringContaining('ERR_PROXY_CONNECTION_FAILED') } };
    expect(opened).toMatchObject([refused, refused]);
    expect(site.requests).toHaveLength(1);
  });
}

const SCHEMES = [
  { scheme: 'http', webSocket: 'ws', secure: false },
  { scheme: 'https', webSocket: 'wss', secure: true },
];

const CASES = SCHEMES.flatMap((scheme) => [
  { ...scheme, way: 'directly', name: DIRECT, via: 'direct' },
  { ...scheme, way: 'through the gateway', name: BY_GATEWAY, via: 'gateway' },
]);

/** How a page shows the route of its request. */
const viaOf = (page) => page.evaluate(() => document.querySelector('#route').dataset.via);

/** How much to upload: Chromium itself takes its time over it. */
const UPLOAD = 2 * 1024 * 1024;

const GATEWAY = Symbol('gateway');

/** @param {import('@aluvia/aluvia-node/testing').GatewayRequest} request */
const isForSite = ({ host }) => /\.(localhost|test)$/.test(host);

/**
 * Chromium looks for the icon of a page that names none, such as the proxy's own, when it likes:
 * also when the next test is under way.
 */
const isNoIcon = ({ path }) => path !== '/favicon.ico';

/** @param {import('@aluvia/aluvia-node/testing').GatewayRequest} request */
const withoutTime = ({ time, ...rest }) => rest;

/** @param {object[]} entries */
const distinct = (entries) => [
  ...new Map(entries.map((entry) => [Object.values(entry).sort().join(), entry])).values(),
];

// What follows runs in the page: it can use nothing from here.

/** @param {string} url */
async function talk(url) {
  const socket = new WebSocket(url);
  const messages = [];
  const closed = new Promise((resolve) => {
    socket.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
  });
  socket.onmessage = ({ data }) => {
    messages.push(data);
    if (messages.length === 1) socket.send('grüß dich');
    else socket.close(1000);
  };
  return { closed: await closed, greeting: messages[0], echo: messages[1] };
}

/** @param {string} path */
async function download(path) {
  const body = await (await fetch(path)).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', body));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { length: body.byteLength, sha256 };
}

/** @param {number} length */
async function upload(length) {
  const summary = async (body) => ({
    length: body.byteLength,
    sha256: String(new Uint8Array(await crypto.subtle.digest('SHA-256', body))),
  });
  const body = new Uint8Array(length);
  for (let position = 0; position < length; position += 1) body[position] = position % 241;
  const response = await fetch('/echo', { method: 'POST', body });
  return { sent: await summary(body), returned: await summary(await response.arrayBuffer()) };
}
