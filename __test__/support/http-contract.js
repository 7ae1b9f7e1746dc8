/** What every HTTP client has to get from a session, whatever it is built on. */

import { expect, onTestFinished, test } from 'vitest';
import { bytesOfSite, LARGE, ownBytes, summary } from './payload.js';
import { across, gatewayEntry, isSecure } from './routes.js';
import { BY_GATEWAY, DIRECT, setStage } from './stage.js';

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
 *   for an https one there is only CONNECT
 * @param {(stage: Stage) => HttpClient | Promise<HttpClient>} contract.open
 * @param {(refused: Promise<HttpAnswer>) => Promise<unknown>} [contract.seesRefusedConnect] asserts
 *   what the client makes of a CONNECT that is answered with 502; by default, a response
 */
export function testHttpClient({ httpForm, open, seesRefusedConnect = isDnsFailure }) {
  const formOf = (scheme) => (isSecure(scheme) ? 'connect' : httpForm);

  async function given({ gatewayProtocol = 'http', rules } = {}) {
    const stage = await setStage({ gatewayProtocol, rules });
    const client = await open(stage);
    onTestFinished(() => client.close?.());
    return { ...stage, client, gateway: stage.sandbox.gateway, sites: stage.sandbox.sites };
  }

  test.for(across(['http', 'https']))(
    'gets a page over $scheme $way',
    async ({ scheme, name, via, gatewayProtocol }) => {
      const { client, sandbox, sites, gateway } = await given({ gatewayProtocol });
      const url = new URL(`${sites[name][scheme]}/page?of=a%20client`);

      const answer = await client.send(url.href);

      const seen = { site: name, path: '/page?of=a%20client', via, secure: isSecure(scheme) };
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ ...seen, method: 'GET' });
      expect(sites[name].requests).toMatchObject([seen]);
      expect(gateway.requests).toMatchObject(
        via === 'gateway' ? [gatewayEntry(sandbox, { form: formOf(scheme), url })] : [],
      );
    },
  );

  test.for(across(['http', 'https']))(
    'downloads a large file over $scheme $way, whole',
    async ({ scheme, name, via, gatewayProtocol }) => {
      const { client, sites } = await given({ gatewayProtocol });

      const answer = await client.send(`${sites[name][scheme]}/bytes/${LARGE}`);

      expect(answer.status).toBe(200);
      expect(summary(answer.body)).toEqual(summary(bytesOfSite(LARGE)));
      expect(sites[name].requests).toMatchObject([{ via, secure: isSecure(scheme) }]);
    },
  );

  test.for(across(['http', 'https']))(
    'uploads a large file over $scheme $way, whole',
    async ({ scheme, name, via, gatewayProtocol }) => {
      const { client, sites } = await given({ gatewayProtocol });
      const body = ownBytes(LARGE);

      const answer = await client.send(`${sites[name][scheme]}/echo`, { method: 'POST', body });

      expect(answer.status).toBe(200);
      expect(summary(answer.body)).toEqual(summary(body));
      expect(sites[name].requests).toMatchObject([{ method: 'POST', via }]);
    },
  );

  test('sends each of many requests at once by its own route', async () => {
    const { client, sites, gateway } = await given();
    const urls = [DIRECT, BY_GATEWAY].flatMap((name) =>
      ['http', 'https'].flatMap((scheme) =>
        Array.from({ length: 5 }, (_, n) => `${sites[name][scheme]}/slow/20?n=${n}`),
      ),
    );

    const answers = await Promise.all(urls.map((url) => client.send(url)));

    const pages = answers.map(({ body }) => JSON.parse(body.toString()));
    expect(pages.map(({ site, path, secure, via }) => ({ site, path, secure, via }))).toEqual(
      urls
        .map((url) => new URL(url))
        .map(({ hostname: site, pathname, search, protocol }) => ({
          site,
          path: pathname + search,
          secure: protocol === 'https:',
          via: site === BY_GATEWAY ? 'gateway' : 'direct',
        })),
    );
    expect(new Set(gateway.requests.map(({ host }) => host))).toEqual(new Set([BY_GATEWAY]));
  });

  test('carries the status and the body of an error page as they are', async () => {
    const { client, sites } = await given();

    const answers = [
      await client.send(`${sites[BY_GATEWAY].http}/status/404`),
      await client.send(`${sites[DIRECT].https}/status/503`),
    ];

    expect(answers.map(({ status, body }) => [status, JSON.parse(body.toString())])).toEqual([
      [404, { status: 404 }],
      [503, { status: 503 }],
    ]);
  });

  test.for(['http', 'https'])(
    'reaches over %s, with the rule `*`, a name that only the gateway can resolve',
    async (scheme) => {
      const { client, sandbox, sites, gateway } = await given({ rules: ['*'] });
      const url = new URL(`${sites[BY_GATEWAY].gatewayOnly[scheme]}/`);

      const answer = await client.send(url.href);

      expect(answer.status).toBe(200);
      expect(sites[BY_GATEWAY].requests).toMatchObject([{ via: 'gateway' }]);
      expect(gateway.requests).toMatchObject([
        gatewayEntry(sandbox, { form: formOf(scheme), url }),
      ]);
    },
  );

  test.for(['http', 'https'])(
    'is told over %s, without a rule, that such a name has no address',
    async (scheme) => {
      const { client, sites, gateway } = await given();

      const sent = client.send(`${sites[BY_GATEWAY].gatewayOnly[scheme]}/`);

      await (formOf(scheme) === 'connect' ? seesRefusedConnect(sent) : isDnsFailure(sent));
      expect(gateway.requests).toEqual([]);
      expect(sites[BY_GATEWAY].requests).toEqual([]);
    },
  );
}

/**
 * The client sees the proxy's own response. Its body may be lost behind a refused CONNECT, and its
 * reason where the client tells none.
 *
 * @param {Promise<HttpAnswer>} sent
 */
async function isDnsFailure(sent) {
  const { status, reason = DNS_FAILED } = await sent;
  expect({ status, reason }).toEqual({ status: 502, reason: DNS_FAILED });
}

const DNS_FAILED = 'ALUVIA_DNS_FAILED';
