/** What every HTTP client has to get from a session, whatever it is built on. */

import { expect, onTestFinished, test } from 'vitest';
import { bytesOfSite, LARGE, ownBytes, summary } from './payload.mjs';
import { across, gatewayLog, isSecure } from './routes.mjs';
import { BY_GATEWAY, DIRECT, setStage } from './stage.mjs';

/**
 * @typedef {object} HttpAnswer
 * @property {number} status
 * @property {string} [reason] the reason phrase, where the client tells it
 * @property {Buffer} body
 *
 * @typedef {object} HttpClient
 * @property {(url: string, options?: { method?: string, body?: Buffer }) => Promise<HttpAnswer>} send
 * @property {() => unknown} [close]
 *
 * @typedef {Awaited<ReturnType<typeof setStage>>} Stage
 */

/**
 * @param {object} contract
 * @param {'connect' | 'absolute'} contract.httpForm how the client asks its proxy for an http URL;
 *   for an https one there is CONNECT only
 * @param {(stage: Stage) => HttpClient | Promise<HttpClient>} contract.open
 * @param {(sent: Promise<HttpAnswer>) => Promise<void>} [contract.seesRefusedConnect] asserts what
 *   the client makes of a CONNECT that is answered with 502; by default it is an answer like others
 */
export function testHttpClient({ httpForm, open, seesRefusedConnect = isDnsFailure }) {
  const formOf = (scheme) => (isSecure(scheme) ? 'connect' : httpForm);

  async function given(options) {
    const stage = await setStage(options);
    const client = await open(stage);
    onTestFinished(() => client.close?.());
    return { client, ...stage, sites: stage.sandbox.sites };
  }

  for (const { scheme, secure, way, name, via, gatewayProtocol } of across(['http', 'https'])) {
    const form = formOf(scheme);

    test(`gets a page over ${scheme} ${way}`, async () => {
      const { client, sandbox, sites } = await given({ gatewayProtocol });
      const url = `${sites[name][scheme]}/page?of=a%20client`;

      const { status, body } = await client.send(url);

      const page = { site: name, method: 'GET', path: '/page?of=a%20client', via, secure };
      expect(status).toBe(200);
      expect(JSON.parse(body.toString())).toMatchObject(page);
      expect(sites[name].requests).toMatchObject([page]);
      expect(sandbox.gateway.requests).toEqual(gatewayLog(sandbox, { via, form, url }));
    });

    test(`downloads a large file over ${scheme} ${way}, whole`, async () => {
      const { client, sandbox, sites } = await given({ gatewayProtocol });
      const url = `${sites[name][scheme]}/bytes/${LARGE}`;

      const { status, body } = await client.send(url);

      expect(status).toBe(200);
      expect(summary(body)).toEqual(summary(bytesOfSite(LARGE)));
      expect(sites[name].requests).toMatchObject([{ method: 'GET', via, secure }]);
      expect(sandbox.gateway.requests).toEqual(gatewayLog(sandbox, { via, form, url }));
    });

    test(`uploads a large file over ${scheme} ${way}, whole`, async () => {
      const { client, sandbox, sites } = await given({ gatewayProtocol });
      const url = `${sites[name][scheme]}/echo`;
      const method = 'POST';

      const { status, body } = await client.send(url, { method, body: ownBytes(LARGE) });

      expect(status).toBe(200);
      expect(summary(body)).toEqual(summary(ownBytes(LARGE)));
      expect(sites[name].requests).toMatchObject([{ method, via, secure }]);
      expect(sandbox.gateway.requests).toEqual(gatewayLog(sandbox, { via, form, url, method }));
    });
  }

  test('sends each of many requests at once by its own route', async () => {
    const { client, sandbox, sites } = await given();
    const paths = ['/slow/1', '/slow/20', '/slow/40'];
    const requests = ['http', 'https'].flatMap((scheme) =>
      [DIRECT, BY_GATEWAY].flatMap((name) =>
        paths.map((path) => ({ name, path, url: sites[name][scheme] + path })),
      ),
    );

    const answers = await Promise.all(requests.map(({ url }) => client.send(url)));

    const pages = answers.map(({ body }) => JSON.parse(body.toString()));
    expect(pages.map(({ site: name, path }) => ({ name, path }))).toMatchObject(
      requests.map(({ name, path }) => ({ name, path })),
    );
    expect(sites[DIRECT].requests.map(({ via }) => via)).toEqual(Array(6).fill('direct'));
    expect(sites[BY_GATEWAY].requests.map(({ via }) => via)).toEqual(Array(6).fill('gateway'));
    expect(new Set(sandbox.gateway.requests.map(({ host }) => host))).toEqual(
      new Set([BY_GATEWAY]),
    );
  });

  test('gets the error pages of sites as they are', async () => {
    const { client, sites } = await given();

    const answers = [
      await client.send(`${sites[DIRECT].http}/status/403`),
      await client.send(`${sites[BY_GATEWAY].http}/status/404`),
      await client.send(`${sites[DIRECT].https}/status/500`),
      await client.send(`${sites[BY_GATEWAY].https}/status/502`),
    ];

    expect(answers.map(({ status, body }) => ({ status, body: body.toString() }))).toEqual(
      [403, 404, 500, 502].map((status) => ({ status, body: JSON.stringify({ status }) })),
    );
  });

  // Sites can be reached without a proxy too: this shows that the direct ones above were not.
  test('reaches no site once the session has stopped', async () => {
    const { client, session, sites } = await given();
    await session.stop();

    const sent = ['http', 'https'].map((scheme) => client.send(`${sites[DIRECT][scheme]}/`));

    const outcomes = await Promise.allSettled(sent);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(sites[DIRECT].requests).toEqual([]);
  });

  for (const scheme of ['http', 'https']) {
    const form = formOf(scheme);

    test(`reaches a name that only the gateway knows over ${scheme} with the rule *`, async () => {
      const { client, sandbox, sites } = await given({ rules: ['*'] });
      const site = sites[BY_GATEWAY];
      const url = `${site.gatewayOnly[scheme]}/`;

      const { status, body } = await client.send(url);

      expect(status).toBe(200);
      expect(JSON.parse(body.toString())).toMatchObject({ site: BY_GATEWAY, via: 'gateway' });
      expect(site.requests).toMatchObject([{ via: 'gateway' }]);
      expect(sandbox.gateway.requests).toEqual(gatewayLog(sandbox, { via: 'gateway', form, url }));
    });

    test(`is told over ${scheme} that such a name has no address without a rule`, async () => {
      const { client, sandbox, sites } = await given({ rules: [] });
      const site = sites[BY_GATEWAY];

      const sent = client.send(`${site.gatewayOnly[scheme]}/`);

      await (form === 'connect' ? seesRefusedConnect(sent) : isDnsFailure(sent));
      expect(site.requests).toEqual([]);
      expect(sandbox.gateway.requests).toEqual([]);
    });
  }
}

/** @param {Promise<HttpAnswer>} sent */
async function isDnsFailure(sent) {
  // Not every client tells the reason phrase.
  const { status, reason = DNS_FAILED } = await sent;
  expect({ status, reason }).toEqual({ status: 502, reason: DNS_FAILED });
}

const DNS_FAILED = 'ALUVIA_DNS_FAILED';
