import { fetch, ProxyAgent, request, WebSocket } from 'undici';
import { describe, expect } from 'vitest';
import { testHttpClient } from '../support/http-contract.js';
import { setStage } from '../support/stage.js';
import { testWebSocketClient } from '../support/websocket-contract.js';

// undici does not show what a proxy answers to a CONNECT that it refuses.
const failsWithStatus = async (sent) => {
  const error = await sent.then(null, (reason) => reason);
  expect(`${error.message} ${error.cause?.message}`).toContain('Proxy response (502) !== 200');
};

const WAYS_OF_HTTP = [
  { how: 'by default', options: {}, httpForm: 'connect' },
  { how: 'without a tunnel for http', options: { proxyTunnel: false }, httpForm: 'absolute' },
];

describe.each(WAYS_OF_HTTP)('fetch of undici with a ProxyAgent, $how', ({ options, httpForm }) => {
  testHttpClient({
    httpForm,
    seesRefusedConnect: failsWithStatus,
    open(stage) {
      const dispatcher = proxyAgent(stage, options);
      return {
        async send(url, { method, body } = {}) {
          const response = await fetch(url, { dispatcher, method, body });
          const { status, statusText } = response;
          return { status, reason: statusText, body: Buffer.from(await response.arrayBuffer()) };
        },
        close: () => dispatcher.destroy(),
      };
    },
  });
});

describe.each(WAYS_OF_HTTP)('request of undici with a ProxyAgent, $how', (way) => {
  testHttpClient({
    httpForm: way.httpForm,
    seesRefusedConnect: failsWithStatus,
    open(stage) {
      const dispatcher = proxyAgent(stage, way.options);
      return {
        async send(url, options) {
          const { statusCode, body } = await request(url, { ...options, dispatcher });
          return { status: statusCode, body: Buffer.from(await body.arrayBuffer()) };
        },
        close: () => dispatcher.destroy(),
      };
    },
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

/** @param {Awaited<ReturnType<typeof setStage>>} stage */
function proxyAgent({ session, sandbox }, options = {}) {
  return new ProxyAgent({ uri: session.url, requestTls: { ca: sandbox.ca }, ...options });
}
