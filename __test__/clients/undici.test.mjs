import { ProxyAgent, request, fetch as undiciFetch, WebSocket } from 'undici';
import { describe, expect } from 'vitest';
import { testHttpClient } from '../support/http-contract.mjs';
import { testWebSocketClient } from '../support/websocket-contract.mjs';

const FORMS = [
  { how: 'that tunnels http', httpForm: 'connect', options: { proxyTunnel: true } },
  { how: 'that does not tunnel http', httpForm: 'absolute', options: { proxyTunnel: false } },
];

for (const { how, httpForm, options } of FORMS) {
  describe(`fetch of undici with a ProxyAgent ${how}`, () => {
    testHttpClient({
      httpForm,
      seesRefusedConnect: failsWithoutReason,
      open: (stage) => fetching(undiciFetch, proxyAgent(stage, options)),
    });
  });

  describe(`request of undici with a ProxyAgent ${how}`, () => {
    testHttpClient({
      httpForm,
      seesRefusedConnect: failsWithoutReason,
      open: (stage) => requesting(proxyAgent(stage, options)),
    });
  });
}

describe('fetch of Node.js with a ProxyAgent', () => {
  testHttpClient({
    httpForm: 'connect',
    seesRefusedConnect: failsWithoutReason,
    open: (stage) => fetching(globalThis.fetch, proxyAgent(stage)),
  });
});

describe('WebSocket of undici with a ProxyAgent', () => {
  testWebSocketClient({
    form: 'connect',
    open(stage) {
      const dispatcher = proxyAgent(stage);
      return (url) => new WebSocket(url, { dispatcher });
    },
  });
});

/**
 * @param {{ session: { url: string }, sandbox: { ca: string } }} stage
 * @param {Partial<ProxyAgent.Options>} [options] by default http is tunnelled too
 */
function proxyAgent({ session, sandbox }, options) {
  return new ProxyAgent({ uri: session.url, requestTls: { ca: sandbox.ca }, ...options });
}

/**
 * @param {typeof undiciFetch} fetch
 * @param {ProxyAgent} dispatcher
 */
function fetching(fetch, dispatcher) {
  return {
    async send(url, { method, body } = {}) {
      const response = await fetch(url, { dispatcher, method, body });
      const { status, statusText: reason } = response;
      return { status, reason, body: Buffer.from(await response.arrayBuffer()) };
    },
    close: () => dispatcher.destroy(),
  };
}

/** @param {ProxyAgent} dispatcher */
function requesting(dispatcher) {
  return {
    async send(url, { method, body } = {}) {
      const response = await request(url, { dispatcher, method, body });
      const { statusCode: status, statusText: reason } = response;
      return { status, reason, body: Buffer.from(await response.body.arrayBuffer()) };
    },
    close: () => dispatcher.destroy(),
  };
}

/**
 * undici tells the status that a proxy refuses a CONNECT with, and nothing else of its answer.
 *
 * @param {Promise<unknown>} sent
 */
async function failsWithoutReason(sent) {
  let failure = await sent.then(
    () => null,
    (error) => error,
  );
  while (failure?.cause) failure = failure.cause;
  expect(failure?.message).toContain('Proxy response (502) !== 200');
}
